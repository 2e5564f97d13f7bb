"""Plot of the scores of several methods: seeds, mean and std."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from .plain_text import plain_text

_SCORES = dict(macro_f1='macro-F1, %', uar='UAR, %')


def plot_methods(
    rows: Sequence[dict], scores: Mapping[str, str] = _SCORES
) -> Figure:
    """Plot scores side by side, with one line per method.

    A dot is a seed, the vertical stroke the mean, and the bar extends one
    standard deviation to both sides.

    Args:
        rows: One row per training, with ``method`` and the scores; NaN is
            left out.
        scores: Title of each score, by its key in the rows. Defaults to
            ``macro_f1`` and ``uar``, in percent.

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
    for axes, (score, title) in zip(panels, scores.items()):
        for place, name in zip(places, names):
            values = [row[score] for row in rows if row['method'] == name]
            values = [value for value in values if not np.isnan(value)]
            if not values:
                continue
            std = np.std(values, ddof=1) if len(values) > 1 else 0.0
            axes.errorbar(
                np.mean(values),
                place,
                xerr=std,
                fmt='|',
                color='#08306b',
                ecolor='#c6dbef',
                elinewidth=7,
                markersize=15,
                markeredgewidth=2,
            )
            axes.plot(
                values,
                [place] * len(values),
                'o',
                color='#4292c6',
                markeredgecolor='white',
            )
        axes.set_xlabel(plain_text(title))
        axes.grid(axis='x', color='#dddddd')
        axes.set_axisbelow(True)
        axes.spines[['top', 'right']].set_visible(False)
    panels[0].set_yticks(places, [plain_text(x) for x in names])
    panels[0].set_ylim(-0.6, len(names) - 0.4)
    figure.supxlabel(
        'dot: one seed, stroke: mean, bar: mean ± one standard deviation',
        fontsize='small',
        color='#555555',
    )
    return figure
