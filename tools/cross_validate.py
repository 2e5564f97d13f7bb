"""Train, test and average over folds of a video data set.

For each fold one training on all others and one test on it; then the table of
paper B: each fold, mean and spread. With ``--test-split`` every model also
predicts that split of the data set, and the mean of their predictions is
written, for a submission. Finished parts are not repeated, and an interrupted
training is resumed::

    python tools/cross_validate.py configs/paper_b/expr_paper.py \
        --folds folds.csv --work-dir work_dirs/folds --test-split test

``folds.csv`` is of ``tools/abaw/make_folds.py``. The last checkpoint of each
training is tested; none is chosen on the fold that it is scored on.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import METRICS, init_default_scope

from fer_ssl.datasets.videos.video_folds import read_folds
from fer_ssl.evaluation import VideoPredictions
from fer_ssl.evaluation.ensemble import average_predictions
from fer_ssl.experiments.training_runs import run_logged, scores_of_test
from fer_ssl.launch import describe_error, find_config, run
from fer_ssl.utils.data_files import check_form, read_json
from fer_ssl.utils.files import write_json, write_text
from fer_ssl.utils.tables import markdown_table

TOOLS = Path(__file__).parent


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('config', help='config of a model of whole videos')
    parser.add_argument('--folds', required=True, help='CSV file video,fold')
    parser.add_argument('--work-dir', required=True, type=Path)
    parser.add_argument(
        '--test-split', help='split to predict with all models'
    )
    parser.add_argument(
        '--cfg-options', nargs='+', default=[], metavar='KEY=VALUE'
    )
    return parser.parse_args()


class Fold:
    """One fold: its training, and tests of what that gave.

    Args:
        name: The fold that is tested; all others are trained on.
        args: Of this script.
        config: The config, to see what its evaluator is called.
    """

    def __init__(
        self, name: str, args: argparse.Namespace, config: Config
    ) -> None:
        self.args = args
        self.folder = args.work_dir / f'fold_{name}'
        folds = Path(args.folds).resolve()
        others = sorted(set(read_folds(str(folds)).values()) - {name})
        self.options = [*args.cfg_options]
        for loader, split in (('train', others), ('val', [name])):
            dataset = f'{loader}_dataloader.dataset'
            self.options += [
                f'{dataset}.folds={folds}',
                f'{dataset}.split=[{",".join(split)}]',
            ]
        self.on_fold = [
            x.replace('val_dataloader', 'test_dataloader')
            for x in self.options[-2:]
        ]
        several = isinstance(config.test_evaluator, (list, tuple))
        self.evaluator = 'test_evaluator' + '.0' * several

    def train(self) -> Path:
        """Train, or go on, and return the last checkpoint."""
        done = self.folder / 'trained.json'
        if not done.exists():
            run_logged(
                [
                    str(TOOLS / 'train.py'),
                    self.args.config,
                    f'--work-dir={self.folder}',
                    '--resume',
                    '--cfg-options',
                    *self.options,
                ],
                self.folder / 'train.txt',
            )
            last = (self.folder / 'last_checkpoint').read_text().strip()
            write_json(done, dict(checkpoint=last))
        content = read_json(done)
        check_form(str(done), content, dict(checkpoint=str))
        return Path(content['checkpoint'])

    def test(self, name: str, options: list[str]) -> VideoPredictions:
        """Predictions of the trained model for a part of the data set."""
        folder = self.folder / name
        out = folder / 'predictions.csv'
        if not (folder / 'done').exists():
            run_logged(
                [
                    str(TOOLS / 'test.py'),
                    self.args.config,
                    str(self.train()),
                    f'--work-dir={folder}',
                    '--cfg-options',
                    *self.args.cfg_options,
                    *options,
                    f'{self.evaluator}.out_file={out}',
                ],
                folder / 'test.txt',
            )
            (folder / 'done').touch()
        return VideoPredictions.from_csv(str(out))

    def scores(self) -> dict[str, float]:
        """Scores on the fold."""
        self.test('test', self.on_fold)
        return scores_of_test(self.folder / 'test')


def fold_table(scores: dict[str, dict[str, float]]) -> str:
    """Scores of each fold, their mean and standard deviation."""
    lines = []
    for key in next(iter(scores.values())):
        values = [fold[key] for fold in scores.values()]
        values += [statistics.mean(values), statistics.stdev(values)]
        lines.append([key, *(f'{x:.4g}' for x in values)])
    return markdown_table(['score', *scores, 'mean', 'std'], lines)


def score_ensemble(
    predictions: VideoPredictions, config: Config
) -> dict[str, float]:
    """Scores by the config's test evaluators; none without labels."""
    init_default_scope(config.default_scope)
    evaluators = config.test_evaluator
    if not isinstance(evaluators, (list, tuple)):
        evaluators = [evaluators]
    scores = {}
    for evaluator in evaluators:
        scores.update(METRICS.build(evaluator).score(predictions))
    return scores


def main() -> None:
    args = parse_args()
    try:
        config = Config.fromfile(find_config(args.config))
        names = sorted(set(read_folds(args.folds).values()))
        folds = {name: Fold(name, args, config) for name in names}
        table = fold_table({n: f.scores() for n, f in folds.items()})
        write_text(args.work_dir / 'folds.md', f'{table}\n')
        print(table)
        if args.test_split:
            split = f'test_dataloader.dataset.split={args.test_split}'
            mean = average_predictions(
                [f.test(args.test_split, [split]) for f in folds.values()]
            )
            out = args.work_dir / f'ensemble_{args.test_split}.csv'
            mean.to_csv(str(out))
            print(f'\nMean of {len(folds)} models: {out}')
            for key, value in score_ensemble(mean, config).items():
                print(f'{key}: {value:.4g}')
    except (OSError, RuntimeError, ValueError) as error:
        raise SystemExit(f'error: {describe_error(error)}') from None


if __name__ == '__main__':
    run(main)
