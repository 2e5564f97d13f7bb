from __future__ import annotations

import logging

from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.registry import HOOKS

from ...evaluation import MacroF1Metric
from ...evaluation.calibration import saved_calibration

#: What the student predicts, in a data set with one task or with several.
_SCORE_KEYS = (['pred_score'], ['EXPR_pred_score'])


@HOOKS.register_module()
class CalibrationHook(Hook):
    """Applies the calibration of a checkpoint in a test.

    If ``mim run fer_ssl calibrate`` wrote the checkpoint, ``MacroF1Metric``
    scores, and writes, what :class:`ExpressionInferencer` would predict. Other
    metrics, and those of another network such as the teacher, score the
    probabilities as the network predicts them. ``tools/test.py`` registers
    this hook; a training starts from the weights alone.
    """

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        source = str(runner.cfg.get('load_from') or 'the checkpoint')
        calibration = saved_calibration(checkpoint, source)
        if calibration is None:
            return
        metrics = runner.test_evaluator.metrics
        calibrated = [
            metric
            for metric in metrics
            if isinstance(metric, MacroF1Metric)
            and metric.score_keys in _SCORE_KEYS
        ]
        for metric in calibrated:
            metric.calibration = calibration
        others = [type(x).__name__ for x in metrics if x not in calibrated]
        if calibrated:
            print_log(
                f'{source}: MacroF1Metric scores the calibrated predictions '
                f'(method {calibration.method!r}, {calibration.num_faces:,} '
                'faces).',
                'current',
            )
        if others:
            print_log(
                f'{source}: the calibration is not applied to what these '
                f'metrics score or write: {", ".join(others)}.',
                'current',
                logging.WARNING,
            )
