from __future__ import annotations

import time
from pathlib import Path

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.registry import HOOKS

from ...evaluation.metrics.frame_prediction_metric import FramePredictionMetric
from ...utils.files import make_folder


@HOOKS.register_module()
class ReportHook(Hook):
    """Writes an HTML page about a test at its end.

    The page is ``report.html``, see
    :mod:`fer_ssl.visualization.report.report`. Its folder is created right
    away, so that a test does not run in vain.

    Args:
        out_dir: Folder for the page.

    Raises:
        ValueError: The folder cannot be created.
    """

    priority = 'LOW'  # after the scores are printed

    def __init__(self, out_dir: str) -> None:
        make_folder(out_dir)
        self.path = Path(out_dir) / 'report.html'
        self.meta: dict = {}

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        self.meta = checkpoint.get('meta', {})

    def before_test(self, runner) -> None:
        for metric in runner.test_evaluator.metrics:
            if isinstance(metric, FramePredictionMetric):
                metric.keeps_scored = True

    def after_test_epoch(self, runner, metrics: dict) -> None:
        if not is_main_process():
            return
        # Imported here, since it needs matplotlib, which is slow to import.
        from ...visualization.report.report import write_report

        dataset = runner.test_dataloader.dataset
        checkpoint = str(runner.cfg.get('load_from') or '')
        write_report(
            self.path,
            metrics=runner.test_evaluator.metrics,
            scores=metrics,
            identities=_identities(dataset),
            title=Path(runner.cfg.filename or 'a model').stem,
            facts=_facts(dataset, checkpoint, self.meta),
            checkpoint=checkpoint,
            meta=self.meta,
            config=runner.cfg.pretty_text,
        )
        print_log(f'The report is in {self.path}.', logger='current')


def _identities(dataset) -> list[str] | None:
    """Return the person in each item, if the data set names people."""
    item = getattr(dataset, 'get_data_info', None)
    if item is None or 'identity' not in item(0):
        return None
    return [item(index)['identity'] for index in range(len(dataset))]


def _facts(dataset, checkpoint: str, meta: dict) -> list[tuple[str, str]]:
    """Return the names and values in the head of the page."""
    data = type(dataset).__name__
    split = getattr(dataset, 'split', None)
    if split is not None:
        data = f'{data}, split {split}'
    trained = f', iteration {meta["iter"]:,}' if 'iter' in meta else ''
    return [
        ('Checkpoint', f'{checkpoint}{trained}'),
        ('Data', data),
        ('Written', time.strftime('%Y-%m-%d %H:%M')),
    ]
