"""One color per class, the same in every figure."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib import colormaps
from matplotlib.colors import to_rgb

#: Distinct in hue and in lightness, so that most classes can be told apart in
#: gray prints and by color-blind readers.
EXPRESSION_COLORS = {
    'neutral': '#b8c4ce',
    'anger': '#c8323c',
    'disgust': '#7a9a3a',
    'fear': '#6b4c9a',
    'happiness': '#f2b825',
    'sadness': '#3573b1',
    'surprise': '#3bb8ac',
    'contempt': '#e0559f',
    'other': '#8c6d5a',
}


def class_colors(
    classes: Sequence[str],
) -> list[tuple[float, float, float]]:
    """Return the RGB color in [0, 1] of each class.

    Unknown class names take the next color of ``tab20``.
    """
    spare = iter(range(len(classes)))
    return [
        to_rgb(EXPRESSION_COLORS[name])
        if name in EXPRESSION_COLORS
        else to_rgb(colormaps['tab20'](next(spare) % 20))
        for name in classes
    ]
