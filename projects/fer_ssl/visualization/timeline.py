"""Timeline of one video, with truth and predictions of every frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from ..evaluation import VideoPrediction, VideoPredictions
from ..labels import IGNORE_LABEL
from .class_colors import class_colors
from .plain_text import plain_text

NO_FACE_COLOR = '#333333'
BAND, FACE_BAND, GAP = 1.0, 0.22, 0.16  # heights


def plot_timeline(
    predictions: Mapping[str, VideoPrediction], classes: Sequence[str]
) -> Figure:
    """Plot one colored band for the truth and one per prediction.

    Frames without a face are pale in the predictions, which are filled in
    there, and dark in the thin band at the bottom. Frames that are not
    annotated are blank in the truth.

    Args:
        predictions: Predictions for the same video by name, from top to
            bottom, such as ``{'raw': ..., 'smoothed': ...}``.
        classes: Names of the C classes.

    Returns:
        The figure; ``figure.savefig(path)`` writes it.
    """
    first = next(iter(predictions.values()))
    colors = np.array(class_colors(classes))
    figure = Figure(figsize=(11, 1.5 + 0.62 * len(predictions)), dpi=150)
    figure.set_layout_engine('constrained')
    axes = figure.add_subplot()

    bands = []  # (caption, RGB (T, 3), height)
    if first.labels is not None:  # label -1 indexes the last color, white
        image = np.append(colors, [[1, 1, 1]], axis=0)[first.labels]
        bands.append(('ground truth', image, BAND))
    for name, video in predictions.items():
        image = colors[video.predicted]
        image[~video.has_face] = 0.4 * image[~video.has_face] + 0.6
        bands.append((_caption(name, video), image, BAND))
    if not first.has_face.all():
        image = np.ones((first.num_frames, 3))
        image[~first.has_face] = to_rgb(NO_FACE_COLOR)
        bands.append(('no face', image, FACE_BAND))

    top, centers = 0.0, []
    for _, image, height in bands:
        extent = (0.5, first.num_frames + 0.5, top + height, top)
        axes.imshow(
            image[None], aspect='auto', extent=extent, interpolation='nearest'
        )
        axes.plot(
            *_outline(*extent), color='#999999', linewidth=0.6, clip_on=False
        )
        centers.append(top + height / 2)
        top += height + GAP
    axes.set_xlim(0.5, first.num_frames + 0.5)
    axes.set_ylim(top - GAP, 0)
    axes.set_yticks(centers, [plain_text(caption) for caption, _, _ in bands])
    axes.tick_params(axis='y', length=0)
    axes.xaxis.set_major_locator(
        MaxNLocator(10, integer=True, steps=[1, 2, 5, 10])
    )
    axes.set_xlabel('frame')
    axes.set_title(plain_text(first.name), loc='left', fontweight='bold')
    axes.spines[:].set_visible(False)
    entries = [
        Patch(color=c, label=plain_text(n)) for c, n in zip(colors, classes)
    ]
    if first.labels is not None and (first.labels == IGNORE_LABEL).any():
        entries.append(Patch(fc='w', ec='#999999', label='not annotated'))
    figure.legend(
        handles=entries,
        loc='outside lower center',
        ncols=min(len(entries), 9),
        frameon=False,
        handlelength=1,
        handleheight=1,
    )
    return figure


def most_changed_video(raw: VideoPredictions, new: VideoPredictions) -> str:
    """Return the name of the video with the most changed frames.

    Among videos with equally many changed frames, the longest is taken.

    Args:
        raw: Predictions.
        new: Other predictions for the same videos, such as ``raw`` smoothed;
            videos that it lacks are passed over.

    Raises:
        ValueError: If the columns differ, or no video is in both.
    """
    if raw.classes != new.classes:
        raise ValueError(
            f'predictions of {", ".join(raw.classes)} cannot be compared with '
            f'those of {", ".join(new.classes)}.'
        )
    shared = [
        video
        for video in raw
        if video.name in new and video.num_frames == new[video.name].num_frames
    ]
    if not shared:
        raise ValueError(
            'no video is in both predictions with as many frames: they are of '
            'different videos.'
        )
    return max(
        shared,
        key=lambda video: (
            np.sum(video.predicted != new[video.name].predicted),
            video.num_frames,
        ),
    ).name


def _caption(name: str, video: VideoPrediction) -> str:
    """Return the name of a band, with its accuracy on annotated frames."""
    if video.labels is None:
        return name
    labeled = video.labels != IGNORE_LABEL
    if not labeled.any():
        return name
    accuracy = (video.predicted == video.labels)[labeled].mean()
    return f'{name}\n{accuracy:.0%} correct'


def _outline(
    left: float, right: float, bottom: float, top: float
) -> tuple[list[float], list[float]]:
    """Return x and y of the outline of a rectangle."""
    return [left, right, right, left, left], [top, top, bottom, bottom, top]
