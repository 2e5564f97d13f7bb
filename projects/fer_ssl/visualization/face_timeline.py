"""Timeline of the expressions of each face in a video."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from ..evaluation.face_predictions import FacePredictions
from .class_colors import class_colors
from .plain_text import plain_text

# Columns of the image; a longer video is subsampled.
_MOMENTS = 2000
_MAX_FACES = 40
_MIN_COLUMNS = 3  # of a face, to be visible
_RAW, _SMOOTH, _GAP = 0.25, 0.75, 0.35  # heights
# Above a face, between raw and smooth, below it.
_LINES, _WIDTHS = ('#999999', 'white', '#999999'), (0.5, 1.5, 0.5)


def plot_face_timeline(predictions: FacePredictions) -> Figure:
    """Plot one row per face: smoothed classes, and raw ones above them.

    A row is blank where the face is not seen. If there are very many faces,
    only the longest tracks are shown; in a long video, tracks too short to be
    visible are left out.

    Args:
        predictions: Predictions for one video.

    Returns:
        The figure; ``figure.savefig(path)`` writes it.
    """
    classes = predictions.classes
    colors = np.array([*class_colors(classes), (1, 1, 1)])
    shown = _longest_faces(predictions)
    frames, times = predictions.frames, predictions.times
    end = float(times[-1] + np.diff(times).mean()) if len(times) > 1 else 1.0
    figure = Figure(figsize=(11, 1.6 + 0.5 * max(len(shown), 1)), dpi=150)
    figure.set_layout_engine('constrained')
    axes = figure.add_subplot()

    # The frame that is on the screen at each moment.
    moments = (np.arange(_MOMENTS) + 0.5) / _MOMENTS * end
    seen = frames[np.searchsorted(times, moments, side='right') - 1]
    top, centers = 0.0, []
    for face in shown:
        rows = np.flatnonzero(predictions.faces['face'] == face)
        own = predictions.faces['frame'][rows]
        at = np.searchsorted(own, seen).clip(max=len(own) - 1)
        is_there = own[at] == seen
        begin = top
        for labels, height in (
            (predictions.predicted, _RAW),
            (predictions.smoothed, _SMOOTH),
        ):
            label = np.where(is_there, labels[rows[at]], len(classes))
            axes.imshow(
                colors[label][None],
                aspect='auto',
                extent=(0, end, top + height, top),
                interpolation='nearest',
            )
            top += height
        lines = begin, begin + _RAW, top
        axes.hlines(lines, 0, end, color=_LINES, linewidth=_WIDTHS)
        centers.append((begin + top) / 2)
        top += _GAP
    axes.set_xlim(0, end)
    axes.set_ylim(max(top - _GAP, 1) + 0.02, -0.02)
    axes.set_yticks(centers, [f'face {face}' for face in shown])
    axes.tick_params(axis='y', length=0)
    axes.set_xlabel('seconds')
    title = plain_text(predictions.video)
    if not shown:
        title += ': no face'
    elif len(shown) < predictions.num_faces:
        title += f': {len(shown)} of {predictions.num_faces} faces'
    axes.set_title(title, loc='left', fontweight='bold')
    axes.set_title('thin: raw, thick: smoothed', loc='right', fontsize=9)
    axes.spines[:].set_visible(False)
    figure.legend(
        handles=[
            Patch(color=c, label=plain_text(n))
            for c, n in zip(colors, classes)
        ],
        loc='outside lower center',
        ncols=min(len(classes), 9),
        frameon=False,
        handlelength=1,
        handleheight=1,
    )
    return figure


def _longest_faces(predictions: FacePredictions) -> list[int]:
    """Return the track IDs of the longest tracks, ascending."""
    counts = np.bincount(predictions.faces['face'])[1:]
    order = np.argsort(-counts, kind='stable')[:_MAX_FACES]
    visible = _MIN_COLUMNS * len(predictions.frames) / _MOMENTS
    order = order[counts[order] >= min(visible, counts.max(initial=0))]
    return sorted((order + 1).tolist())
