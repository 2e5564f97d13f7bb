"""One color per class, the same in every picture."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib import colormaps
from matplotlib.colors import to_rgb

#: Told apart by hue and by lightness, so that prints and color-blind readers
#: keep most of it.
EXPRESSION_COLORS = {
    'neutral': '#b8c4ce',
    'anger': '#c8323c',
    'disgust': '#7a9a3a',
    'fear': '#6b4c9a',
    'happiness': '#f2b825',
    'sadness': '#3573b1',
    'surprise': '#3bb8ac',
    'other': '#8c6d5a',
}


def class_colors(
    classes: Sequence[str],
) -> list[tuple[float, float, float]]:
    """RGB in [0, 1] of each class; names not known take the next of tab20."""
    spare = iter(range(len(classes)))
    return [
        to_rgb(EXPRESSION_COLORS[name])
        if name in EXPRESSION_COLORS
        else to_rgb(colormaps['tab20'](next(spare) % 20))
        for name in classes
    ]
