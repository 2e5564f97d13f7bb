"""Build the labeled and unlabeled splits of an experiment from data sets.

    python tools/dataset/build_split.py OUT --recipe configs/split_paper_a.yml
    python tools/dataset/build_split.py OUT --per-class 500 \\
        --labeled "RAF=RAFDBDataset(data_root='data/raf-db', split='train')" \\
        --labeled "Aff-Wild2=data/aff_wild2.py" --only Aff-Wild2=other

Writes labels.csv and unlabeled.csv, both for FaceDataset, and manifest.json.
Options override the recipe. See docs/large_data.md.
"""

from __future__ import annotations

import argparse

from fer_ssl.data_preparation.dataset_spec import (
    SPEC_FORMS,
    parse_named_specs,
)
from fer_ssl.data_preparation.split_builder import (
    SplitRecipe,
    build_split,
    describe,
    read_recipe,
)
from fer_ssl.launch import describe_error, find_config, run


def name_and_text(text: str) -> tuple[str, str]:
    name, equals, rest = text.partition('=')
    if not equals or '(' in name:
        raise argparse.ArgumentTypeError(
            f'{text!r} is not of the form NAME=VALUE.'
        )
    return name, rest


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('out', help='folder to write to')
    parser.add_argument(
        '--recipe',
        help='YAML or JSON file, or the name of one in the package '
        '(split_paper_a.yml), with the keys labeled, unlabeled, held_out, '
        'only, per_class, seed, classes, image_root',
    )
    sets = dict(action='append', default=[], metavar='NAME=SET')
    parser.add_argument(
        '--labeled',
        **sets,
        help='data set whose labels may be used; may be repeated. SET is '
        + SPEC_FORMS,
    )
    parser.add_argument(
        '--unlabeled',
        **sets,
        help='data set that contributes unlabeled faces only; may be repeated',
    )
    parser.add_argument(
        '--held-out',
        **sets,
        help='data set, such as a validation part, whose images must not be '
        'in the split, under any name; may be repeated',
    )
    parser.add_argument(
        '--only',
        type=name_and_text,
        action='append',
        default=[],
        metavar='NAME=CLASS,CLASS',
        help='classes for which a data set may contribute labeled faces; '
        'default: all',
    )
    parser.add_argument(
        '--per-class',
        type=int,
        help='number of labeled faces per class; default: 8000',
    )
    parser.add_argument(
        '--seed', type=int, help='seed of the random draw; default: 0'
    )
    parser.add_argument(
        '--classes',
        type=lambda text: text.split(','),
        help='class names separated by commas; default: the eight of ABAW',
    )
    parser.add_argument(
        '--image-root',
        help='folder to which the written paths are relative; default: write '
        'absolute paths',
    )
    parser.add_argument(
        '--no-content-check',
        action='store_true',
        help='do not read the images to find the same one under different '
        'names, which takes long for millions of files on a slow disk',
    )
    return parser.parse_args()


def make_recipe(args: argparse.Namespace) -> SplitRecipe:
    recipe = {}
    if args.recipe:
        recipe = read_recipe(str(find_config(args.recipe)))
    for name in ('labeled', 'unlabeled', 'held_out'):
        sets = parse_named_specs(getattr(args, name))
        recipe[name] = {**recipe.get(name, {}), **sets}
    only = {key: text.split(',') for key, text in args.only}
    recipe['only'] = {**recipe.get('only', {}), **only}
    for name in ('per_class', 'seed', 'classes', 'image_root'):
        if getattr(args, name) is not None:
            recipe[name] = getattr(args, name)
    return SplitRecipe(**recipe)


def main() -> None:
    args = parse_args()
    try:
        manifest = build_split(
            make_recipe(args),
            args.out,
            compare_contents=not args.no_content_check,
        )
    except (KeyError, OSError, TypeError, ValueError) as error:
        raise SystemExit(f'error: {describe_error(error)}') from None
    print(describe(manifest))
    for name, total in manifest['short'].items():
        print(
            f'warning: class {name} has only {total} labeled faces, not '
            f'{manifest["per_class"]}.'
        )


if __name__ == '__main__':
    run(main)
