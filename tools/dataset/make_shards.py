"""Write tar shards from any list of images, for data larger than one disk.

    python tools/dataset/make_shards.py data/faces_emore/train.rec OUT \\
        --fraction 1/3
    python tools/dataset/make_shards.py data/split/labels.csv OUT \\
        --image-root data
    python tools/dataset/make_shards.py OTHER.csv DISK1 DISK2 --size 2G \\
        --subset unlabeled

After an interruption, the same command continues. See docs/large_data.md.
"""

from __future__ import annotations

import argparse
from fractions import Fraction

from fer_ssl.data_preparation.dataset_spec import (
    SOURCE_FORMS,
    build_image_source,
)
from fer_ssl.data_preparation.shard_writer import write_shards
from fer_ssl.launch import describe_error, run

UNITS = dict(K=10**3, M=10**6, G=10**9)


def parse_size(text: str) -> int:
    """Parse a number of bytes such as ``'2G'``."""
    return int(float(text.rstrip('KMG')) * UNITS.get(text[-1:], 1))


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('source', help=f'the images: {SOURCE_FORMS}')
    parser.add_argument(
        'out',
        nargs='+',
        help='folders to write to in turn; shards.json goes to the first',
    )
    parser.add_argument(
        '--size',
        type=parse_size,
        default='1G',
        help='size of a shard in bytes, with K, M or G for powers of 1000; '
        'default: %(default)s',
    )
    parser.add_argument(
        '--image-root',
        default='',
        help='base folder of the images listed in a CSV or text file; '
        'default: the folder of the file',
    )
    parser.add_argument(
        '--subset',
        choices=('labeled', 'unlabeled'),
        help='rows of a CSV file to write: with a class (default) or without',
    )
    parser.add_argument(
        '--fraction',
        type=lambda text: float(Fraction(text)),
        help='fraction of the images of a RecordIO file to draw, such as 1/3',
    )
    parser.add_argument(
        '--skip-unreadable',
        action='store_true',
        help='skip missing and empty files instead of stopping',
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    changes = dict(subset=args.subset, fraction=args.fraction)
    changes = {k: v for k, v in changes.items() if v is not None}
    try:
        manifest = write_shards(
            build_image_source(args.source, args.image_root, **changes),
            args.out,
            args.size,
            'skip' if args.skip_unreadable else 'raise',
        )
    except (KeyError, OSError, TypeError, ValueError) as error:
        raise SystemExit(f'error: {describe_error(error)}') from None
    for path in manifest.skipped:
        print(f'skipped, not readable: {path}')
    size = sum(shard.size for shard in manifest.shards)
    print(
        f'{args.out[0]}/shards.json: {manifest.num_images} images in '
        f'{len(manifest.shards)} shards, {size / 1e9:.2f} GB, '
        f'{len(manifest.skipped)} skipped.'
    )


if __name__ == '__main__':
    run(main)
