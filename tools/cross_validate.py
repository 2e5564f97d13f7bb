"""Train, test and average over the folds of a video data set.

For each fold, runs one training on all other folds and one test on the fold;
then makes the table of paper B: each fold, mean and standard deviation. With
``--test-split`` every model also predicts that split of the data set, and the
mean of their predictions is written, for example for a submission. A model of
several tasks writes a file for each task. Finished steps are not repeated, and
an interrupted training is resumed::

    python tools/cross_validate.py configs/paper_b/expr_paper.py \
        --folds folds.csv --work-dir work_dirs/folds --test-split test

``tools/abaw/make_folds.py`` writes ``folds.csv``. The last checkpoint of each
training is tested; no checkpoint is selected on the fold on which it is
scored.
"""

import argparse
import sys
from pathlib import Path

from fer_ssl.experiments.command import (
    add_experiment_arguments,
    prepare,
    run_plan,
)
from fer_ssl.launch import (
    add_cfg_options,
    find_config,
    read_config_file,
    run,
)
from fer_ssl.utils.config_options import read_options


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('config', help='config of a model of whole videos')
    parser.add_argument(
        '--folds', required=True, help='CSV file with columns video,fold'
    )
    parser.add_argument(
        '--test-split', help='split to predict with all models'
    )
    add_cfg_options(parser)
    add_experiment_arguments(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    prepare()

    # Not at the top: torch takes seconds, which --help need not wait for.
    from fer_ssl.experiments.cross_validation import CrossValidation
    from fer_ssl.experiments.fold_check import check_folds

    config = read_config_file(
        find_config(args.config), import_custom_modules=False
    )
    validation = CrossValidation(
        args.config,
        args.folds,
        args.seeds or [0],
        read_options(config, args.cfg_options),
        args.test_split,
    )
    if not args.dry_run:
        check_folds(validation.config, str(Path(args.folds).resolve()))
    queue = run_plan(validation.plan, args, Path(__file__).parent)
    if queue is None:
        return
    print(validation.write_report(queue))
    if queue.failed:
        sys.exit(1)
    if args.test_split:
        files, scores = validation.write_ensemble(queue)
        names = ', '.join(map(str, files))
        print(f'\nMean of the predictions of all models: {names}')
        for name, value in scores.items():
            print(f'{name}: {value:.4g}')


if __name__ == '__main__':
    run(main)
