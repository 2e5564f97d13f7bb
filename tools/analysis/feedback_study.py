"""Train a spatial config with every feedback and compare the results.

Each training is a ``train.py`` process in a folder of its own below
``--work-dir``; those finished with the same options are not repeated. Scores
are those of the last validation, of student and teacher::

    python tools/analysis/feedback_study.py configs/demo/demo_spatial.py \
        --seeds 0 1 2 --work-dir work_dirs/study \
        --cfg-options train_cfg.max_iters=1000
"""

import argparse
from pathlib import Path

from fer_ssl.experiments.training_runs import spread_table, train_once
from fer_ssl.launch import run
from fer_ssl.utils.tables import write_csv

TRAIN = Path(__file__).parents[1] / 'train.py'
LOOP, HOOK = 'train_cfg', 'custom_hooks.0'
NORMALIZED = f'{HOOK}.normalize=True'
#: name -> options. L_f of the last three has the size of the other losses.
VARIANTS = {
    'none, argmax': (f'{LOOP}.pseudo_label=argmax', f'{LOOP}.feedback=None'),
    'none, sample': (f'{LOOP}.pseudo_label=sample', f'{LOOP}.feedback=None'),
    'none, soft': (f'{LOOP}.pseudo_label=soft', f'{LOOP}.feedback=None'),
    'public_recipe, argmax': (
        f'{LOOP}.pseudo_label=argmax',
        f'{LOOP}.feedback=public_recipe',
    ),
    'dot, argmax': (f'{LOOP}.pseudo_label=argmax', f'{LOOP}.feedback=dot'),
    'dot, sample': (f'{LOOP}.pseudo_label=sample', f'{LOOP}.feedback=dot'),
    'per_sample, sample': (
        f'{LOOP}.pseudo_label=sample',
        f'{LOOP}.feedback=per_sample',
    ),
    'expected, soft': (
        f'{LOOP}.pseudo_label=soft',
        f'{LOOP}.feedback=expected',
    ),
    'dot, sample, normalized': (
        f'{LOOP}.pseudo_label=sample',
        f'{LOOP}.feedback=dot',
        f'{HOOK}.moving_baseline=True',
        NORMALIZED,
    ),
    'per_sample, sample, normalized': (
        f'{LOOP}.pseudo_label=sample',
        f'{LOOP}.feedback=per_sample',
        NORMALIZED,
    ),
    'expected, soft, normalized': (
        f'{LOOP}.pseudo_label=soft',
        f'{LOOP}.feedback=expected',
        NORMALIZED,
    ),
}
COLUMNS = [
    f'{network}/{score}'
    for network in ('student', 'teacher')
    for score in ('macro_f1', 'uar')
]


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('config', help='config of the spatial phase')
    parser.add_argument('--seeds', nargs='+', type=int, default=[0, 1, 2])
    parser.add_argument('--work-dir', required=True, type=Path)
    parser.add_argument(
        '--only', nargs='+', choices=VARIANTS, default=list(VARIANTS)
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        default=[],
        metavar='KEY=VALUE',
        help='for every training; {seed} in it stands for the seed',
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    rows = []
    for name in args.only:
        for seed in args.seeds:
            options = [x.format(seed=seed) for x in args.cfg_options]
            options += [f'randomness.seed={seed}', *VARIANTS[name]]
            folder = args.work_dir / name.replace(', ', '_') / str(seed)
            try:
                scores = train_once(
                    TRAIN, args.config, folder, options, COLUMNS
                )
            except RuntimeError as error:
                raise SystemExit(f'error: {error}') from None
            rows.append(dict(variant=name, seed=seed, **scores))
    write_csv(args.work_dir / 'study.csv', rows)
    titles = dict(zip(COLUMNS, COLUMNS))
    print(spread_table(rows, 'variant', titles))


if __name__ == '__main__':
    run(main)
