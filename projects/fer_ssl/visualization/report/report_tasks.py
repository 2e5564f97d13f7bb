"""What a report shows of each task: its table, pictures and timelines."""

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
    """Of one class per frame."""

    title = 'Expression'
    headline = 'macro_f1'
    digits = 2
    unit = ' %'
    names = dict(
        macro_f1='Macro-F1',
        uar='UAR, the mean recall',
        accuracy='Accuracy',
    )
    picture_title = 'Confusion matrix'
    picture_kind = 'square'
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

    def picture(self, total: np.ndarray) -> Figure:
        return plot_confusion_matrix(total, self.metric.classes)

    def counts(self, total: np.ndarray) -> np.ndarray:
        """Hits, predictions and support of each class, (C, 3)."""
        return np.stack(
            [np.diagonal(total), total.sum(axis=0), total.sum(axis=1)], axis=1
        )

    def colors(self) -> Sequence[str]:
        return [to_hex(c) for c in class_colors(self.metric.classes)]

    def table(
        self, total: np.ndarray, scores: Mapping, intervals: Mapping
    ) -> dict:
        """Precision, recall, F1 and support of each class, as bars."""
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
    """Of action units, of which any number is active."""

    title = 'Action units'
    headline = 'au_f1'
    names = dict(au_f1='F1, the mean of the units')
    picture_title = None
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
    """Of valence and arousal."""

    title = 'Valence and arousal'
    headline = 'ccc'
    digits = 3
    unit = ''
    names = dict(
        ccc='CCC, the mean of both',
        ccc_valence='CCC of valence',
        ccc_arousal='CCC of arousal',
    )
    picture_title = 'Truth and prediction'
    picture_kind = 'panels'
    table_title = 'Errors'
    video_score = 'Root mean square error'
    small_is_good = True

    def score_of_video(self, sums: np.ndarray) -> float:
        return float(np.sqrt(np.mean(_statistics(sums)['error'] ** 2)))

    def timeline(self, video: VideoPrediction) -> Figure:
        return plot_valence_arousal(video, self.metric.classes)

    def picture(self, total: np.ndarray) -> Figure:
        truth, scores = _pairs(self.metric)
        known = self.metric.labeled(truth)
        return plot_density(truth[known], scores[known], self.metric.classes)

    def table(
        self, total: np.ndarray, scores: Mapping, intervals: Mapping
    ) -> dict:
        """Correlation, error, means and spreads of each column."""
        statistics = _statistics(total)
        columns = dict(
            correlation='Pearson correlation',
            error='Root mean square error',
            mean_truth='Mean of the truth',
            mean_predicted='Mean predicted',
            spread_truth='Spread of the truth',
            spread_predicted='Spread predicted',
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
    """Of the sums that the concordance is made of, (C, 6); each (C,)."""
    t, p, tt, pp, tp = (sums[:, 1:] / sums[:, :1]).T
    spread_truth = np.sqrt(np.maximum(tt - t**2, 0))
    spread_predicted = np.sqrt(np.maximum(pp - p**2, 0))
    scale = spread_truth * spread_predicted
    return dict(
        correlation=(tp - t * p) / np.where(scale > 0, scale, np.nan),
        error=np.sqrt(np.maximum(tt + pp - 2 * tp, 0)),
        mean_truth=t,
        mean_predicted=p,
        spread_truth=spread_truth,
        spread_predicted=spread_predicted,
    )


def _pairs(metric: FramePredictionMetric) -> tuple[np.ndarray, np.ndarray]:
    """Truth and scores of all frames or images, (N, C) each."""
    if isinstance(metric.scored, VideoPredictions):
        return (
            np.concatenate([video.labels for video in metric.scored]),
            np.concatenate([video.scores for video in metric.scored]),
        )
    truth, scores = zip(*metric.scored)
    return np.array(truth), np.array(scores)
