"""Training curves, plotted from the logs of MMEngine."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from .class_colors import class_colors
from .plain_text import plain_text

LINE_COLORS = ('#3573b1', '#c8323c', '#7a9a3a', '#6b4c9a', '#f2b825')
CLASS_FRACTION = 'pseudo_label/fraction_'
#: Curves of at least this many points are smoothed; single iterations are too
#: noisy to read.
MIN_SMOOTHED_POINTS = 40


def find_training(
    checkpoint: str, meta: Mapping
) -> tuple[list[Path], list[dict]]:
    """Find the log of the training that wrote a checkpoint, up to it.

    MMEngine logs to ``<work_dir>/<start time>/vis_data/scalars.json``, and the
    ``experiment_name`` in the checkpoint ends with that time. If the training
    was resumed, its earlier part is in the folder of an earlier start.

    Args:
        checkpoint: The checkpoint, a file in ``work_dir``.
        meta: The ``meta`` of the checkpoint.

    Returns:
        The log files, and their lines in order of ``step``; both empty if
        there are none.
    """
    start = '_'.join(meta.get('experiment_name', '').split('_')[-2:])
    files = [
        file
        for file in sorted(
            Path(checkpoint).parent.glob('*/vis_data/scalars.json')
        )
        if file.parents[1].name <= start
    ]
    if not files or files[-1].parents[1].name != start:
        return [], []
    end, used, lines = meta.get('iter', float('inf')), [], []
    for file in reversed(files):
        part = [line for line in _read(file) if line['step'] <= end]
        if part:
            used.insert(0, file)
            lines = part + lines
            end = _resumed_at(part)
    return used, lines


def _read(file: Path) -> list[dict]:
    """Read lines, with the iteration in place of a validation's epoch."""
    lines, step = [], 0
    for text in file.read_text(encoding='utf-8').splitlines():
        with contextlib.suppress(json.JSONDecodeError):  # a truncated line
            line = json.loads(text)
            step = line['step'] = max(step, line['step'])
            lines.append(line)
    return lines


def _resumed_at(lines: Sequence[Mapping]) -> int:
    """Return the iteration at which these lines resume; 0 if they do not."""
    steps = [line['step'] for line in lines if 'loss' in ' '.join(line)]
    if len(steps) < 2:
        return 0
    return max(2 * steps[0] - steps[1], 0)


def curves(lines: Sequence[Mapping], prefix: str) -> dict[str, np.ndarray]:
    """Return the (N, 2) points (step, value) of each key with ``prefix``."""
    found: dict[str, list] = {}
    for line in lines:
        for key, value in line.items():
            if key.startswith(prefix) and isinstance(value, (int, float)):
                found.setdefault(key, []).append((line['step'], value))
    return {key: np.array(points) for key, points in found.items()}


def plot_feedback(lines: Sequence[Mapping]) -> Figure | None:
    """Plot the coefficient with its std, and the fraction of positive ones."""
    found = curves(lines, 'feedback/')
    if 'feedback/mean' not in found:
        return None
    figure, (left, right) = _panels(2, lines)
    mean, std = found['feedback/mean'], found['feedback/std']
    left.fill_between(
        mean[:, 0],
        mean[:, 1] - std[:, 1],
        mean[:, 1] + std[:, 1],
        color=LINE_COLORS[0],
        alpha=0.15,
        linewidth=0,
        label='± running standard deviation',
    )
    left.axhline(0, color='#8a96a3', linewidth=0.8)
    _draw(left, mean, LINE_COLORS[0], 'batch mean')
    left.set_title('Feedback coefficient', loc='left')
    _draw(right, found['feedback/positive'], LINE_COLORS[0], 'fraction')
    right.axhline(0.5, color='#8a96a3', linewidth=0.8)
    right.set_ylim(0, 1)
    right.set_title('Fraction of positive coefficients', loc='left')
    _legend(left)
    return figure


def plot_pseudo_labels(lines: Sequence[Mapping]) -> Figure | None:
    """Plot quality of the pseudo-labels, and the fractions of the classes."""
    found = curves(lines, 'pseudo_label/')
    fractions = {
        k: v for k, v in found.items() if k.startswith(CLASS_FRACTION)
    }
    if not fractions:
        return None
    figure, (left, right) = _panels(2, lines)
    captions = dict(
        accuracy='accuracy, if the ground truth is known',
        confident='fraction above the threshold',
        confidence='mean confidence',
    )
    for (key, caption), color in zip(captions.items(), LINE_COLORS):
        if f'pseudo_label/{key}' in found:
            _draw(left, found[f'pseudo_label/{key}'], color, caption)
    left.set_ylim(0, 1)
    left.set_title('Pseudo-labels', loc='left')
    classes = [key.removeprefix(CLASS_FRACTION) for key in fractions]
    for name, points, color in zip(
        classes, fractions.values(), class_colors(classes)
    ):
        _draw(right, points, color, name)
    right.set_ylim(bottom=0)
    right.set_title('Fraction of each class', loc='left')
    _legend(left)
    _legend(right)
    return figure


def plot_losses(
    lines: Sequence[Mapping], scores: Sequence[str]
) -> Figure | None:
    """Plot losses and validation scores during training.

    Args:
        lines: Lines of :func:`find_training`.
        scores: Keys of the scores to plot, if they were logged.
    """
    found = curves(lines, '')
    losses = {k: v for k, v in found.items() if 'loss' in k.split('/')[-1]}
    if len(losses) > 1 and 'loss' in losses:
        losses = {'loss': losses['loss']}
    if not losses:
        return None
    known = {key: found[key] for key in scores if key in found}
    figure, panels = _panels(1 + bool(known), lines)
    for (key, points), color in zip(losses.items(), LINE_COLORS):
        caption = key.replace('/loss_', ', ').replace('/loss', '')
        _draw(panels[0], points, color, caption)
    panels[0].set_title('Losses', loc='left')
    _legend(panels[0])
    if known:
        for (key, points), color in zip(known.items(), LINE_COLORS):
            panels[1].plot(
                *points.T,
                color=color,
                marker='o',
                markersize=3.5,
                label=plain_text(key),
            )
        panels[1].set_title('Validation', loc='left')
        _legend(panels[1])
    return figure


def _panels(count: int, lines: Sequence[Mapping]) -> tuple[Figure, Sequence]:
    """Create a figure with one or two panels over the same iterations."""
    figure = Figure(figsize=(11, 3.6), dpi=150)
    figure.set_layout_engine('constrained', wspace=0.06)
    panels = figure.subplots(1, 2)
    for axes in panels[count:]:
        axes.set_visible(False)
    for axes in panels[:count]:
        axes.set_xlabel('iteration')
        axes.set_xlim(0, 1.02 * lines[-1]['step'])
        axes.spines[['top', 'right']].set_visible(False)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.grid(axis='y', color='#e3e8ed', linewidth=0.8)
        axes.set_axisbelow(True)
    return figure, panels[:count]


def _draw(axes, points: np.ndarray, color, caption: str) -> None:
    """Draw a curve; if it has many points, also their moving average."""
    steps, values = points.T
    caption = plain_text(caption)
    if len(points) < MIN_SMOOTHED_POINTS:
        axes.plot(steps, values, color=color, linewidth=1.6, label=caption)
        return
    axes.plot(steps, values, color=color, linewidth=0.7, alpha=0.3)
    width = len(points) // 20 * 2 + 1
    padded = np.pad(values, width // 2, mode='edge')
    smooth = np.convolve(padded, np.full(width, 1 / width), mode='valid')
    axes.plot(steps, smooth, color=color, linewidth=1.6, label=caption)


def _legend(axes) -> None:
    """Place the legend below the panel, where it covers no curve."""
    axes.legend(
        loc='upper center',
        bbox_to_anchor=(0.5, -0.2),
        ncols=3,
        frameon=False,
        handlelength=1.2,
        fontsize='small',
    )
