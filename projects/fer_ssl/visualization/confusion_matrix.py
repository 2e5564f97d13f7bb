"""Confusion matrix as a heat map."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from ..evaluation import macro_f1
from .plain_text import plain_text


def plot_confusion_matrix(
    confusion: np.ndarray, classes: Sequence[str]
) -> Figure:
    """Plot fractions of each true class (color, percent) and the counts.

    Args:
        confusion: Counts, (C, C); row = truth.
        classes: Names of the C classes.

    Returns:
        The figure; ``figure.savefig(path)`` writes it. Cells without a count
        are blank.
    """
    size = len(classes)
    support = confusion.sum(axis=1, keepdims=True)
    fractions = confusion / np.maximum(support, 1)
    side = max(1.6 + 0.72 * size, 4.5)
    figure = Figure(figsize=(side, side), dpi=150)
    figure.set_layout_engine('constrained')
    axes = figure.add_subplot()
    axes.imshow(fractions, cmap='Blues', vmin=0, vmax=1)
    for row, column in np.ndindex(size, size):
        if not confusion[row, column]:
            continue  # a blank cell is easier on the eye than 0 %
        fraction = fractions[row, column]
        ink = 'white' if fraction > 0.55 else '#222222'
        for text, offset, points in (
            (f'{fraction:.0%}', -0.12, 10),
            (f'{confusion[row, column]:,}', 0.22, 7),
        ):
            axes.text(
                column,
                row + offset,
                text,
                ha='center',
                va='center',
                color=ink,
                fontsize=points,
            )
    names = [plain_text(name) for name in classes]
    axes.set_xticks(
        range(size), names, rotation=40, ha='right', rotation_mode='anchor'
    )
    axes.set_yticks(range(size), names)
    axes.set_xlabel('predicted', labelpad=8)
    axes.set_ylabel('ground truth', labelpad=8)
    axes.set_title(
        f'macro-F1 {macro_f1(confusion):.2f} %, {confusion.sum():,} samples\n',
        loc='left',
    )
    axes.text(
        0,
        1.01,
        'fraction of the true class, count below',
        transform=axes.transAxes,
        fontsize=9,
        color='#555555',
        va='bottom',
    )
    # White lines between the cells.
    axes.set_xticks(np.arange(1, size) - 0.5, minor=True)
    axes.set_yticks(np.arange(1, size) - 0.5, minor=True)
    axes.grid(which='minor', color='white', linewidth=1.5)
    axes.tick_params(which='both', length=0)
    axes.spines[:].set_visible(False)
    return figure
