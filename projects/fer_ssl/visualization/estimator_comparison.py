"""Bar chart of the feedback estimators, from their identity check."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from .plain_text import plain_text

_COLORS = ('#9ecae1', '#3182bd')


def plot_estimators(rows: Sequence[dict]) -> Figure:
    """Plot the cosine of one draw and of the expectation, and the bias.

    Args:
        rows: Results of
            :func:`fer_ssl.experiments.feedback_identity.compare_estimators`;
            rows of the smallest ``student_lr`` are drawn.

    Returns:
        The figure; ``figure.savefig(path)`` writes it.
    """
    rate = min(row['student_lr'] for row in rows)
    rows = [row for row in rows if row['student_lr'] == rate]
    figure = Figure(figsize=(8, 0.8 + 0.5 * len(rows)), dpi=150)
    figure.set_layout_engine('constrained')
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    places = np.arange(len(rows))[::-1]
    for offset, key, label, color in (
        (-0.2, 'cosine_single_draw', 'one draw (mean)', _COLORS[0]),
        (0.2, 'cosine_expectation', 'expectation', _COLORS[1]),
    ):
        values = [row[key] for row in rows]
        bars = left.barh(
            places + offset, values, 0.38, color=color, label=label
        )
        left.bar_label(bars, fmt='%.2f', padding=3, fontsize=8)
    left.set_yticks(places, [plain_text(row['estimator']) for row in rows])
    left.margins(x=0.2)  # space for the bar labels
    left.axvline(0, color='#888888', linewidth=0.8)
    left.set_xlabel('cosine with the true gradient')
    left.legend(fontsize=8, loc='lower right')
    bars = right.barh(
        places,
        [row['bn_bias_over_signal'] for row in rows],
        0.5,
        color='#de2d26',
    )
    right.bar_label(bars, fmt='%.1f', padding=3, fontsize=8)
    right.set_xlabel('|BatchNorm bias| / |signal|')
    right.margins(x=0.2)
    figure.suptitle(f'Feedback estimators, student learning rate {rate:g}')
    for axes in (left, right):
        axes.spines[['top', 'right']].set_visible(False)
    return figure
