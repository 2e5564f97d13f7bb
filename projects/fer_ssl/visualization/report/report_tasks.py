"""Contents of a report for each task: table, figures and timelines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from ...evaluation import (
    ActionUnitMetric,
    MacroF1Metric,
    ValenceArousalMetric,
    VideoPrediction,
    VideoPredictions,
    action_unit_f1,
)
from ...evaluation.functional.regression_scores import population_statistics
from ...evaluation.metrics.frame_prediction_metric import FramePredictionMetric
from ..class_colors import class_colors
from ..confusion_matrix import plot_confusion_matrix
from ..target_plots import (
    PREDICTED_COLOR,
    plot_action_units,
    plot_density,
    plot_valence_arousal,
)
from ..timeline import plot_timeline


class ExpressionReport:
    """Report of expressions, one class per frame."""

    title = 'Expression'
    digits = 2
    unit = ' %'
    names = dict(
        macro_f1='Macro-F1',
        uar='UAR, mean recall',
        accuracy='Accuracy',
    )
    figure_title = 'Confusion matrix'
    figure_class = 'square'  # in report.css
    table_title = 'Classes'
    title_of_row = 'Class'
    has_swatches = True
    video_score = 'Accuracy (%)'
    small_is_good = False

    def __init__(self, metric: FramePredictionMetric) -> None:
        self.metric = metric

    def score_of_video(self, sums: np.ndarray) -> float:
        return self.metric.scores(sums)['accuracy']

    def timeline(self, video: VideoPrediction) -> Figure:
        return plot_timeline({'predicted': video}, self.metric.classes)

    def figure(self, total: np.ndarray) -> Figure:
        return plot_confusion_matrix(total, self.metric.classes)

    def counts(self, total: np.ndarray) -> np.ndarray:
        """Return true positives, predictions and support per class, (C, 3)."""
        return np.stack(
            [np.diagonal(total), total.sum(axis=0), total.sum(axis=1)], axis=1
        )

    def colors(self) -> Sequence[str]:
        return [to_hex(c) for c in class_colors(self.metric.classes)]

    def table(
        self, total: np.ndarray, scores: Mapping, intervals: Mapping
    ) -> dict:
        """Build the table of precision, recall, F1 (as bars) and support."""
        rows = []
        for name, color, (hits, predicted, support) in zip(
            self.metric.classes, self.colors(), self.counts(total).tolist()
        ):
            key = f'f1_{name}'
            bars = [
                dict(value=value, interval=None, key=None)
                for value in (
                    _percent(hits, predicted),
                    _percent(hits, support),
                )
            ]
            bars.append(
                dict(value=scores[key], interval=intervals.get(key), key=key)
            )
            rows.append(
                dict(name=name, color=color, bars=bars, support=support)
            )
        return dict(bars=('Precision', 'Recall', 'F1'), rows=rows)


class ActionUnitReport(ExpressionReport):
    """Report of action units, any number of which may be active."""

    title = 'Action units'
    names = dict(au_f1='Mean F1, over all units')
    figure_title = None
    table_title = 'Units'
    title_of_row = 'Unit'
    has_swatches = False
    video_score = 'F1 of all units together (%)'

    def score_of_video(self, sums: np.ndarray) -> float:
        return 100 * float(action_unit_f1(sums.sum(axis=0, keepdims=True))[0])

    def timeline(self, video: VideoPrediction) -> Figure:
        return plot_action_units(
            video, self.metric.classes, self.metric.threshold
        )

    def counts(self, total: np.ndarray) -> np.ndarray:
        hits, false_alarms, misses = total.T
        return np.stack([hits, hits + false_alarms, hits + misses], axis=1)

    def colors(self) -> Sequence[str]:
        return [PREDICTED_COLOR] * len(self.metric.classes)


class ValenceArousalReport(ExpressionReport):
    """Report of valence and arousal."""

    title = 'Valence and arousal'
    digits = 3
    unit = ''
    names = dict(
        ccc='CCC, mean of both',
        ccc_valence='CCC of valence',
        ccc_arousal='CCC of arousal',
    )
    figure_title = 'Ground truth and prediction'
    figure_class = 'panels'
    table_title = 'Errors'
    video_score = 'Root mean square error'
    small_is_good = True

    def score_of_video(self, sums: np.ndarray) -> float:
        return float(np.sqrt(np.mean(_statistics(sums)['error'] ** 2)))

    def timeline(self, video: VideoPrediction) -> Figure:
        return plot_valence_arousal(video, self.metric.classes)

    def figure(self, total: np.ndarray) -> Figure:
        truth, scores = _pairs(self.metric)
        known = self.metric.labeled(truth)
        return plot_density(truth[known], scores[known], self.metric.classes)

    def table(
        self, total: np.ndarray, scores: Mapping, intervals: Mapping
    ) -> dict:
        """Build the table of correlation, error, mean and std per column."""
        statistics = _statistics(total)
        columns = dict(
            correlation='Pearson correlation',
            error='Root mean square error',
            mean_truth='Mean, ground truth',
            mean_predicted='Mean, predicted',
            std_truth='Std, ground truth',
            std_predicted='Std, predicted',
        )
        rows = [
            dict(name=name, cells=[float(statistics[k][i]) for k in columns])
            for i, name in enumerate(self.metric.classes)
        ]
        return dict(bars=(), columns=list(columns.values()), rows=rows)


REPORTS = {
    MacroF1Metric: ExpressionReport,
    ValenceArousalMetric: ValenceArousalReport,
    ActionUnitMetric: ActionUnitReport,
}


def _percent(part: float, whole: float) -> float | None:
    return 100 * part / whole if whole else None


def _statistics(sums: np.ndarray) -> dict[str, np.ndarray]:
    """Compute statistics, (C,) each, from concordance sums (C, 6)."""
    mean_truth, mean_predicted, var_truth, var_predicted, covariance = (
        population_statistics(sums)
    )
    scale = np.sqrt(var_truth) * np.sqrt(var_predicted)
    variance = np.maximum(var_truth + var_predicted - 2 * covariance, 0)
    return dict(
        correlation=covariance / np.where(scale > 0, scale, np.nan),
        error=np.hypot(mean_truth - mean_predicted, np.sqrt(variance)),
        mean_truth=mean_truth,
        mean_predicted=mean_predicted,
        std_truth=np.sqrt(var_truth),
        std_predicted=np.sqrt(var_predicted),
    )


def _pairs(metric: FramePredictionMetric) -> tuple[np.ndarray, np.ndarray]:
    """Return truth and scores of all frames or images, (N, C) each."""
    if isinstance(metric.scored, VideoPredictions):
        return (
            np.concatenate([video.labels for video in metric.scored]),
            np.concatenate([video.scores for video in metric.scored]),
        )
    truth, scores = zip(*metric.scored)
    return np.array(truth), np.array(scores)
