"""Scores of several methods: every seed, the mean and its spread."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

_TITLES = dict(macro_f1='macro-F1, %', uar='UAR, %', accuracy='accuracy, %')


def plot_methods(
    rows: Sequence[dict], scores: Sequence[str] = ('macro_f1', 'uar')
) -> Figure:
    """Draw a panel for each score, with a line for each method.

    A dot is a seed, the upright stroke the mean, the bar one standard
    deviation to both sides.

    Args:
        rows: As :func:`fer_ssl.apis.method_comparison.compare_methods` gives
            them.
        scores: Columns: ``macro_f1``, ``uar``, ``accuracy``, in percent, or
            others, which are titled by their names. NaN is left out.

    Returns:
        The figure; ``figure.savefig(path)`` writes it.
    """
    names = list(dict.fromkeys(row['method'] for row in rows))
    places = np.arange(len(names))[::-1]
    figure = Figure(
        figsize=(2 + 3 * len(scores), 1 + 0.35 * len(names)), dpi=150
    )
    figure.set_layout_engine('constrained')
    panels = figure.subplots(1, len(scores), sharey=True, squeeze=False)[0]
    for axes, score in zip(panels, scores):
        for place, name in zip(places, names):
            values = [row[score] for row in rows if row['method'] == name]
            values = [value for value in values if not np.isnan(value)]
            if not values:
                continue
            spread = np.std(values, ddof=1) if len(values) > 1 else 0.0
            axes.errorbar(
                np.mean(values),
                place,
                xerr=spread,
                fmt='|',
                color='#08519c',
                markersize=14,
                elinewidth=5,
                alpha=0.6,
            )
            axes.plot(values, [place] * len(values), 'o', color='#3182bd')
        axes.set_xlabel(_TITLES.get(score, score))
        axes.grid(axis='x', color='#dddddd')
        axes.set_axisbelow(True)
        axes.spines[['top', 'right']].set_visible(False)
    panels[0].set_yticks(places, names)
    return figure
