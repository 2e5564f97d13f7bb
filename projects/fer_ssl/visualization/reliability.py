"""Reliability diagrams: accuracy over confidence."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from ..evaluation.functional.calibration import (
    NUM_BINS,
    expected_calibration_error,
    reliability,
)
from .plain_text import plain_text

_ACCURACY = '#3573b1'
_GAP = '#c8323c'


def plot_reliability(
    predictions: Mapping[str, np.ndarray], labels: np.ndarray
) -> Figure:
    """Plot a panel per set of predictions, and its confidences below.

    A bar is the accuracy of the faces of one bin of confidence, and the line
    at its end leads to their mean confidence. Calibrated predictions have
    their bars at the diagonal.

    Args:
        predictions: Probabilities (N, C) by title, such as before and after a
            calibration.
        labels: Class indices, (N,).

    Returns:
        The figure; ``figure.savefig(path)`` writes it.
    """
    figure = Figure(figsize=(3.8 * len(predictions), 4.6), dpi=150)
    figure.set_layout_engine('constrained')
    panels = figure.subplots(
        2,
        len(predictions),
        sharex=True,
        sharey='row',
        squeeze=False,
        height_ratios=(3.2, 1),
    )
    centers = (np.arange(NUM_BINS) + 0.5) / NUM_BINS
    percent = PercentFormatter(1, decimals=0)
    for (title, probs), (axes, below) in zip(predictions.items(), panels.T):
        counts, confidence, accuracy = reliability(probs, labels).T
        used = counts > 0
        axes.plot((0, 1), (0, 1), color='#8a96a3', linewidth=0.8)
        axes.bar(
            centers[used], accuracy[used], 0.9 / NUM_BINS, color=_ACCURACY
        )
        axes.vlines(
            centers[used], accuracy[used], confidence[used], _GAP, linewidth=2
        )
        error = expected_calibration_error(probs, labels)
        axes.set_title(
            f'{plain_text(title)}\nECE {error:.1f} %', fontsize='medium'
        )
        below.bar(
            centers, counts / counts.sum(), 0.9 / NUM_BINS, color='#8a96a3'
        )
        below.set_xlabel('confidence')
        axes.set(xlim=(0, 1), ylim=(0, 1))
        for part in (axes, below):
            part.xaxis.set_major_formatter(percent)
            part.yaxis.set_major_formatter(percent)
            part.spines[['top', 'right']].set_visible(False)
    panels[0, 0].set_ylabel('accuracy')
    panels[1, 0].set_ylabel('faces')
    return figure
