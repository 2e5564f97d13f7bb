"""Plot of pseudo-labels against the ground truth during training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from .plain_text import plain_text


def plot_pseudo_label_quality(rows: Sequence[dict]) -> Figure:
    """Plot accuracy and coverage over the iterations, and the final recalls.

    Each thin line is a seed; bars are means over the seeds, and dots are
    seeds.

    Args:
        rows: Result of
            :func:`fer_ssl.experiments.study_report.pseudo_label_rows`.

    Returns:
        The figure; ``figure.savefig(path)`` writes it.
    """
    steps = list(dict.fromkeys(row['step'] for row in rows))
    colors = dict(zip(steps, colormaps['tab10'].colors * len(steps)))
    figure = Figure(figsize=(11, 3.6), dpi=150)
    figure.set_layout_engine('constrained')
    accuracy, coverage, recall = figure.subplots(
        1, 3, width_ratios=(1, 1, 1.4)
    )
    runs: dict[tuple, list[dict]] = {}
    for row in rows:
        runs.setdefault((row['step'], row['seed']), []).append(row)
    for axes, key in ((accuracy, 'accuracy'), (coverage, 'coverage')):
        labeled = set()
        for (step, _), points in runs.items():
            axes.plot(
                [point['iter'] for point in points],
                [100 * point[key] for point in points],
                color=colors[step],
                linewidth=1,
                label=None if step in labeled else plain_text(step),
            )
            labeled.add(step)
        axes.set_xlabel('iteration')
        axes.set_title(f'{key} of pseudo-labels, %', fontsize='medium')
    classes = [x[7:] for x in rows[0] if x.startswith('recall_')]
    width = 0.8 / len(steps)
    for number, step in enumerate(steps):
        last = [x[-1] for (name, _), x in runs.items() if name == step]
        values = 100 * np.array(
            [[x[f'recall_{c}'] for c in classes] for x in last]
        ).reshape(len(last), len(classes))
        places = np.arange(len(classes)) + width * (number + 0.5) - 0.4
        known = ~np.isnan(values)
        means = np.where(known, values, 0).sum(0) / known.sum(0).clip(1)
        recall.bar(places, means, width, color=colors[step], alpha=0.6)
        for one in values:
            recall.plot(places, one, '.', color=colors[step], markersize=4)
    names = [plain_text(name) for name in classes]
    recall.set_xticks(range(len(names)), names, rotation=40, ha='right')
    recall.set_title('final recall of each class, %', fontsize='medium')
    for axes in (accuracy, coverage, recall):
        axes.set_ylim(0, 102)
        axes.grid(axis='y', color='#dddddd')
        axes.set_axisbelow(True)
        axes.spines[['top', 'right']].set_visible(False)
    accuracy.legend(fontsize='small', frameon=False)
    return figure
