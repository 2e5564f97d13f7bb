"""Cross-validation: one model per fold, and the mean of the models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.registry import METRICS, init_default_scope

from ..datasets.videos.video_folds import read_folds
from ..evaluation import VideoPredictions
from ..evaluation.ensemble import average_predictions
from ..evaluation.multi_task_evaluator import with_sums
from ..launch import find_config
from ..utils.files import write_text
from ..utils.tables import write_csv
from .plan import Plan, Step, metric_configs, read_config
from .step_queue import StepQueue
from .study_report import score_table
from .training_runs import scores_of_test


class CrossValidation:
    """Train a model for each fold on all other folds, and test it on the fold.

    The last checkpoint of each training is tested; no checkpoint is selected
    on the fold on which it is scored.

    Args:
        config: Config of a model of whole videos, by path or name.
        folds: CSV file with columns ``video,fold``.
        seeds: Seeds of the trainings.
        options: Values for ``--cfg-options``, by dotted name.
        test_split: Split of the data set that every model also predicts.

    Attributes:
        plan: The steps to run.

    Raises:
        FileNotFoundError: The config or the file of folds does not exist.
        ValueError: A file is faulty, or the config does not accept an option.
    """

    def __init__(
        self,
        config: str,
        folds: str,
        seeds: Sequence[int] = (0,),
        options: Mapping[str, Any] = {},
        test_split: str | None = None,
    ) -> None:
        path = find_config(config)
        self.config = read_config(path, {}, options, str(path))
        self.plan = Plan()
        self.test_split = test_split
        self._tests: list[tuple[str, Step]] = []
        self._predictions: list[Step] = []
        self._files = self._files_of_predictions()
        folds_file = str(Path(folds).resolve())
        names = sorted(set(read_folds(folds_file).values()))
        for seed in seeds:
            for name in names:
                others = [x for x in names if x != name]
                self._add_fold(path, folds_file, name, others, seed, options)

    def _files_of_predictions(self) -> dict[str, tuple[str | None, str]]:
        """Return task and file of predictions, by place of the metric.

        One metric of each task is enough for the predictions.
        """
        files: dict[str, tuple[str | None, str]] = {}
        for place, metric in metric_configs(
            self.config, 'test_evaluator'
        ).items():
            task = metric.get('task')
            if task not in [own for own, _ in files.values()]:
                end = f'_{task}' if task else ''
                files[place] = (task, f'predictions{end}.csv')
        return files

    def _add_fold(
        self,
        path: Path,
        folds_file: str,
        name: str,
        others: list[str],
        seed: int,
        options: Mapping[str, Any],
    ) -> None:
        def split(loader: str, names: list[str]) -> dict:
            place = f'{loader}_dataloader.dataset'
            return {f'{place}.folds': folds_file, f'{place}.split': names}

        train = self.plan.add_step(
            str(path),
            f'train_fold_{name}',
            'train',
            path,
            seed,
            options={
                **options,
                **split('train', others),
                **split('val', [name]),
            },
        )
        test = self._add_test(
            path, f'test_fold_{name}', train, options, split('test', [name])
        )
        self._tests.append((name, test))
        if self.test_split:
            test_split = {'test_dataloader.dataset.split': self.test_split}
            self._predictions.append(
                self._add_test(
                    path, f'predict_fold_{name}', train, options, test_split
                )
            )

    def _add_test(
        self,
        path: Path,
        name: str,
        train: Step,
        options: Mapping[str, Any],
        own: Mapping[str, Any],
    ) -> Step:
        return self.plan.add_step(
            str(path),
            name,
            'test',
            path,
            train.seed,
            checkpoint=f'{{{train.key}}}',  # in braces, see Step
            options={
                **options,
                **own,
                **{
                    f'{place}.out_file': f'{{folder}}/{file}'
                    for place, (_, file) in self._files.items()
                },
            },
            after=[train.key],
        )

    def write_report(self, queue: StepQueue) -> str:
        """Write ``folds.md`` and ``folds.csv`` into the queue's folder.

        Args:
            queue: The queue that has run the plan.

        Returns:
            The Markdown table: a row for each score, a column for each fold
            and one for the mean ± standard deviation over all of them.
        """
        rows = []
        for fold, step in self._tests:
            folder = queue.folder(step)
            done = queue.is_done(step)
            for name, value in (
                scores_of_test(folder) if done else {}
            ).items():
                rows.append(
                    dict(
                        row=name,
                        column=f'fold {fold}',
                        seed=step.seed,
                        value=value,
                        folder=str(folder),
                    )
                )
        if not rows:
            return ''
        write_csv(queue.work_dir / 'folds.csv', rows)
        # A row takes one value per seed, so each fold counts as a seed here.
        mean_rows = [
            dict(x, column='mean ± std', seed=(x['seed'], x['column']))
            for x in rows
        ]
        table = score_table(rows + mean_rows)
        write_text(queue.work_dir / 'folds.md', f'{table}\n')
        return table

    def write_ensemble(
        self, queue: StepQueue
    ) -> tuple[list[Path], dict[str, float]]:
        """Write the mean of all models' predictions for the test split.

        Args:
            queue: The queue that has run the plan without a failure.

        Returns:
            The CSV file, or that of each task, and the scores by the test
            evaluators of the config; there are none if the split has no
            labels.
        """
        means, written = {}, []
        for task, file in self._files.values():
            means[task] = average_predictions(
                [
                    VideoPredictions.from_csv(str(queue.folder(step) / file))
                    for step in self._predictions
                ]
            )
            end = f'_{task}' if task else ''
            path = queue.work_dir / f'ensemble_{self.test_split}{end}.csv'
            means[task].to_csv(str(path))
            written.append(path)
        init_default_scope(self.config.default_scope)
        scores: dict[str, float] = {}
        for metric in metric_configs(self.config, 'test_evaluator').values():
            mean = means[metric.get('task')]
            scores.update(METRICS.build(metric).score(mean))
        if 'metrics' in self.config.test_evaluator:
            scores = with_sums(scores)
        return written, scores
