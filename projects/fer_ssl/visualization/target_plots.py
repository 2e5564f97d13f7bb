"""Plots of valence and arousal, and of action units."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import LogNorm, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from ..evaluation import VideoPrediction
from ..labels import IGNORE_LABEL, IGNORE_VALENCE_AROUSAL
from .plain_text import plain_text

TRUTH_COLOR = '#1c2733'
PREDICTED_COLOR = '#3573b1'
NO_FACE_COLOR = '#e3e8ed'
INACTIVE_COLOR = '#eef1f4'
NO_TRUTH_COLOR = '#ffffff'


def plot_valence_arousal(
    video: VideoPrediction, names: Sequence[str]
) -> Figure:
    """Plot truth and prediction of every frame as curves, a panel per column.

    Frames without a face have a gray background. The truth has a gap where
    frames are not annotated.

    Args:
        video: Predictions with scores (T, C) in [-1, 1], and labels (T, C) or
            None.
        names: Names of the C columns.
    """
    figure = Figure(figsize=(11, 0.9 + 1.3 * len(names)), dpi=150)
    figure.set_layout_engine('constrained')
    panels = figure.subplots(len(names), 1, sharex=True, squeeze=False)[:, 0]
    frames = np.arange(1, video.num_frames + 1)
    for column, (axes, name) in enumerate(zip(panels, names)):
        axes.fill_between(
            frames,
            -1,
            1,
            where=~video.has_face,
            step='mid',
            color=NO_FACE_COLOR,
            linewidth=0,
            label='no face',
        )
        axes.axhline(0, color='#c3ccd4', linewidth=0.8)
        if video.labels is not None:
            truth = np.where(
                (video.labels == IGNORE_VALENCE_AROUSAL).any(axis=1),
                np.nan,
                video.labels[:, column],
            )
            axes.plot(
                frames,
                truth,
                color=TRUTH_COLOR,
                linewidth=1.4,
                label='ground truth',
            )
        axes.plot(
            frames,
            video.scores[:, column],
            color=PREDICTED_COLOR,
            linewidth=1.4,
            label='predicted',
        )
        axes.set_ylim(-1, 1)
        axes.set_yticks([-1, 0, 1])
        axes.set_ylabel(plain_text(name))
        axes.spines[['top', 'right']].set_visible(False)
    axes.set_xlim(0.5, video.num_frames + 0.5)
    axes.set_xlabel('frame')
    axes.xaxis.set_major_locator(
        MaxNLocator(10, integer=True, steps=[1, 2, 5, 10])
    )
    panels[0].set_title(plain_text(video.name), loc='left', fontweight='bold')
    handles, labels = panels[0].get_legend_handles_labels()
    if video.has_face.all():
        handles, labels = handles[1:], labels[1:]
    figure.legend(
        handles,
        labels,
        loc='outside lower center',
        ncols=3,
        frameon=False,
        handlelength=1.2,
    )
    return figure


def plot_action_units(
    video: VideoPrediction,
    names: Sequence[str],
    threshold: float | Sequence[float] = 0.5,
) -> Figure:
    """Plot two bands per action unit: the truth, and the prediction below it.

    Predictions are pale in frames without a face. The truth is blank where a
    frame is not annotated.

    Args:
        video: Predictions with scores (T, A) and labels (T, A) or None.
        names: Names of the A units.
        threshold: Score above which a unit is active.
    """
    inactive, truth, predicted, unknown = (
        np.array(to_rgb(color))
        for color in (
            INACTIVE_COLOR,
            TRUTH_COLOR,
            PREDICTED_COLOR,
            NO_TRUTH_COLOR,
        )
    )
    size = video.num_frames
    figure = Figure(figsize=(11, 1.3 + 0.3 * len(names)), dpi=150)
    figure.set_layout_engine('constrained')
    axes = figure.add_subplot()
    active = video.scores > np.asarray(threshold)
    for row in range(len(names)):
        bands = []
        if video.labels is not None:
            labels = video.labels[:, row]
            band = np.where((labels == 1)[:, None], truth, inactive)
            band[labels == IGNORE_LABEL] = unknown
            bands.append(band)
        band = np.where(active[:, row, None], predicted, inactive)
        band[~video.has_face] = 0.4 * band[~video.has_face] + 0.6
        bands.append(band)
        axes.imshow(
            np.stack(bands),
            aspect='auto',
            extent=(0.5, size + 0.5, row + 0.86, row + 0.14),
            interpolation='nearest',
        )
    axes.set_xlim(0.5, size + 0.5)
    axes.set_ylim(len(names), 0)
    axes.set_yticks(
        np.arange(len(names)) + 0.5, [plain_text(x) for x in names]
    )
    axes.tick_params(axis='y', length=0)
    axes.xaxis.set_major_locator(
        MaxNLocator(10, integer=True, steps=[1, 2, 5, 10])
    )
    axes.set_xlabel('frame')
    axes.set_title(plain_text(video.name), loc='left', fontweight='bold')
    axes.spines[:].set_visible(False)
    entries = [
        Patch(color=truth, label='active in the ground truth (upper band)'),
        Patch(color=predicted, label='predicted active (lower band)'),
        Patch(color=inactive, label='not active'),
    ]
    figure.legend(
        handles=entries[video.labels is None :],
        loc='outside lower center',
        ncols=3,
        frameon=False,
        handlelength=1,
        handleheight=1,
    )
    return figure


def plot_density(
    truth: np.ndarray, predicted: np.ndarray, names: Sequence[str]
) -> Figure:
    """Plot two-dimensional histograms of truth and prediction.

    Args:
        truth: Annotated valence and arousal, (N, C).
        predicted: Predictions, (N, C).
        names: Names of the C columns.
    """
    figure = Figure(figsize=(4.2 * len(names), 3.9), dpi=150)
    figure.set_layout_engine('compressed')
    panels = figure.subplots(1, len(names), squeeze=False)[0]
    edges = np.linspace(-1, 1, 41)
    for column, (axes, name) in enumerate(zip(panels, names)):
        counts, _, _ = np.histogram2d(
            predicted[:, column], truth[:, column], bins=(edges, edges)
        )
        image = axes.imshow(
            np.ma.masked_equal(counts, 0),
            extent=(-1, 1, -1, 1),
            origin='lower',
            cmap='Blues',
            norm=LogNorm(0.4, max(counts.max(), 2)),
            interpolation='nearest',
        )
        axes.plot((-1, 1), (-1, 1), color='#8a96a3', linewidth=0.8)
        axes.set_xticks((-1, 0, 1))
        axes.set_yticks((-1, 0, 1))
        axes.set_xlabel('ground truth')
        axes.set_ylabel('predicted')
        axes.set_title(plain_text(name), loc='left', fontweight='bold')
        axes.spines[:].set_color('#c3ccd4')
        bar = figure.colorbar(
            image, ax=axes, shrink=0.8, aspect=24, format='%g'
        )
        bar.outline.set_visible(False)
        bar.ax.minorticks_off()
        bar.set_label('count')
    return figure
