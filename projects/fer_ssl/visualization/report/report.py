"""A self-contained HTML page about a test."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import jinja2
import matplotlib
import numpy as np
from matplotlib.figure import Figure
from mmengine.utils.dl_utils import collect_env

from ...evaluation import VideoPredictions
from ...evaluation.bootstrap import (
    RESAMPLES,
    SEED,
    bootstrap,
    interval,
    unit_sums,
)
from ...evaluation.metrics.frame_prediction_metric import FramePredictionMetric
from ...utils.files import write_text
from ..training_curves import (
    find_training,
    plot_feedback,
    plot_losses,
    plot_pseudo_labels,
)
from .report_tasks import REPORTS, ExpressionReport

FACE_SUFFIX = '_with_face'
NUM_TIMELINES = 2  # of the best and of the worst videos
PACKAGES = (
    'fer_ssl',
    'mmpretrain',
    'mmaction2',
    'mmcv',
    'mmcv-lite',
    'onedl-mmpretrain',
    'onedl-mmcv',
    'numpy',
    'scipy',
    'matplotlib',
)
#: Text in the figures has the color of the page and remains text in the SVG.
FIGURE_STYLE = {
    'svg.fonttype': 'none',
    'svg.hashsalt': 'fer_ssl',
    'text.parse_math': False,  # names may contain $
    'text.color': '#1c2733',
    'axes.labelcolor': '#1c2733',
    'axes.edgecolor': '#8a96a3',
    'xtick.color': '#1c2733',
    'ytick.color': '#1c2733',
    'axes.titlesize': 'medium',
}


class MetricSection:
    """Section of the page about one metric.

    Args:
        metric: Metric after the test, with ``keeps_scored``.
        printed: All scores of the test by name.
        identities: The person on each image, or None.
    """

    def __init__(
        self,
        metric: FramePredictionMetric,
        printed: Mapping[str, float],
        identities: Sequence[str] | None,
    ) -> None:
        self.metric = metric
        self.report: ExpressionReport = REPORTS[type(metric)](metric)
        self.prefix = f'{metric.prefix}/' if metric.prefix else ''
        self.scored = metric.scored
        self.is_video = isinstance(self.scored, VideoPredictions)
        self.units, self.sums = unit_sums(metric, identities)
        self.is_labeled = len(self.sums) > 0
        self.scores: dict[str, float] = {}
        self.draws: dict[str, np.ndarray] = {}
        if self.is_labeled:
            score = metric.scores_of_videos if self.is_video else metric.scores
            total = self.sums.sum(axis=0)
            self.total = total[0] if self.is_video else total
            self.scores = {k: printed[self.prefix + k] for k in score(total)}
            if len(self.sums) > 1:
                self.draws = bootstrap(self.sums, score)
        self.intervals = {k: interval(v) for k, v in self.draws.items()}
        self.stages = self._stages(printed) if self.is_labeled else []

    def _stages(self, printed: Mapping[str, float]) -> list[dict]:
        """Compute the main score after each post-processing step."""
        headline = self.metric.headline
        rows: list[dict] = []
        draws: list[np.ndarray] = []
        for name, predictions in self.metric.stages.items():
            key = 'raw' if name == 'raw' else f'after_{name}'
            key = f'{headline}_{key}'
            row = dict(name=name, key=self.prefix + key, step='')
            row['value'] = self.scores[key] = printed[row['key']]
            if rows:
                row['change'] = row['value'] - rows[-1]['value']
                row['step'] = repr(self.metric.post_process.steps[name])
            if self.draws:
                # The same videos as in self.sums, so the draws are paired.
                sums = np.array(
                    [
                        self.metric.video_sums(video)
                        for video in predictions
                        if self.metric.labeled(video.labels).any()
                    ]
                )
                score = self.metric.scores_of_videos
                draws.append(bootstrap(sums, score)[headline])
                if rows:
                    row['interval'] = interval(draws[-1] - draws[-2])
            rows.append(row)
        return rows

    @property
    def title(self) -> str:
        name = self.metric.prefix
        return f'{self.report.title}: {name}' if name else self.report.title

    def card(self) -> dict:
        """Return the card with the main score of the task."""
        key = self.metric.headline
        name = self.report.names[key].partition(',')[0]
        if self.metric.prefix:
            name = f'{name}, {self.metric.prefix}'
        return dict(
            name=name,
            value=self.scores[key],
            unit=self.report.unit,
            digits=self.report.digits,
            interval=self.intervals.get(key),
        )

    def difference_to(self, other: MetricSection) -> dict | None:
        """Compare the main scores; None if units or tasks differ."""
        key = self.metric.headline
        if (
            type(self.metric) is not type(other.metric)
            or self.metric.task != other.metric.task
            or len(self.sums) != len(other.sums)
            or not self.draws
        ):
            return None
        names = [s.metric.prefix or 'without prefix' for s in (self, other)]
        score = self.report.names[key].partition(',')[0]
        return dict(
            name=f'{score}, {names[0]} minus {names[1]}',
            value=self.scores[key] - other.scores[key],
            interval=interval(self.draws[key] - other.draws[key]),
            digits=self.report.digits,
            units=self.units,
        )

    def context(self) -> dict:
        """Return the values for the template."""
        context = dict(
            title=self.title,
            extent=self._extent(),
            digits=self.report.digits,
            rows=[],
            figure=None,
            table=None,
            timelines=[],
            videos=[],
            unit_note='',
            stages=self.stages,
        )
        if self.is_labeled:
            self._add_scores(context)
        if self.is_video:
            self._add_videos(context)
        return context

    def _extent(self) -> str:
        """Say how much was scored."""
        if not self.is_video:
            labeled = int(self.metric.labeled_images(self.scored).sum())
            text = f'{labeled:,} labeled images'
            if self.units == 'people':
                text += f' of {len(self.sums):,} people'
            return f'{text}.'
        frames = sum(v.num_frames for v in self.scored)
        faces = sum(int(v.has_face.sum()) for v in self.scored)
        labeled = sum(
            int(self.metric.labeled(v.labels).sum()) for v in self.scored
        )
        return (
            f'{len(self.scored):,} videos, {frames:,} frames, {labeled:,} of '
            f'them labeled, {faces:,} with a face.'
        )

    def _add_scores(self, context: dict) -> None:
        shown = [key for key in self.scores if key in self.report.names]
        faces = self.is_video and not all(
            v.has_face.all() for v in self.scored
        )
        columns = ['Score']
        if faces:
            columns = ['All frames', 'With a face']
        rows = []
        for key in shown:
            cells = [self._cell(key)]
            if faces:
                cells.append(self._cell(key + FACE_SUFFIX))
            rows.append(
                dict(
                    name=self.report.names[key],
                    key=self.prefix + key,
                    cells=cells,
                )
            )
        note = ''
        if self.is_video and not faces:
            note = 'Every frame has a face, or counts as having one.'
        table = self.report.table(self.total, self.scores, self.intervals)
        for row in table['rows']:
            for bar in row.get('bars', ()):
                if bar['key'] is not None:
                    bar['key'] = self.prefix + bar['key']
        context.update(
            columns=columns,
            rows=rows,
            unit_note=note,
            table=table,
            table_title=self.report.table_title,
            title_of_row=self.report.title_of_row,
            has_swatches=self.report.has_swatches,
        )
        if self.report.figure_title:
            context.update(
                figure_title=self.report.figure_title,
                figure_class=self.report.figure_class,
                figure=_embed(
                    self.report.figure(self.total),
                    f'{self.report.figure_title}, {self.title}',
                ),
            )

    def _cell(self, key: str) -> dict:
        value = self.scores.get(key)
        return dict(
            key=None if value is None else self.prefix + key,
            value=value,
            interval=self.intervals.get(key),
        )

    def _add_videos(self, context: dict) -> None:
        """Add timelines of the best and worst videos, and the list of all."""
        if not self.is_labeled:
            longest = sorted(self.scored, key=lambda v: -v.num_frames)
            context.update(
                timelines_title='The longest videos',
                timelines=[
                    self._timeline(replace(video, labels=None))
                    for video in longest[:NUM_TIMELINES]
                ],
            )
            return
        known = [v for v in self.scored if self.metric.labeled(v.labels).any()]
        scores = [self.report.score_of_video(sums[0]) for sums in self.sums]
        order = np.argsort(scores, kind='stable')
        if not self.report.small_is_good:
            order = order[::-1]
        ranked = [(scores[i], known[i]) for i in order]
        shown = ranked
        if len(ranked) > 2 * NUM_TIMELINES:
            shown = ranked[:NUM_TIMELINES] + ranked[-NUM_TIMELINES:]
        timelines = []
        for place, (score, video) in enumerate(shown):
            rank = place + 1
            if place >= NUM_TIMELINES:
                rank += len(ranked) - len(shown)
            caption = (
                f'Rank {rank} of {len(ranked)}. '
                f'{self.report.video_score}: '
                f'{_fixed(score, self.report.digits)}'
            )
            timelines.append(self._timeline(video, caption))
        context.update(
            timelines_title='Best and worst videos',
            timelines=timelines,
            video_score=self.report.video_score,
            videos=[
                dict(
                    name=video.name,
                    score=score,
                    labeled=int(self.metric.labeled(video.labels).sum()),
                    faces=int(video.has_face.sum()),
                    frames=video.num_frames,
                )
                for score, video in ranked
            ],
        )

    def _timeline(self, video, caption: str = '') -> dict:
        return _embed(
            self.report.timeline(video),
            f'Predictions for each frame of {video.name}',
            caption,
        )


def write_report(
    path: Path,
    *,
    metrics: Sequence,
    scores: Mapping[str, float],
    identities: Sequence[str] | None,
    title: str,
    facts: Sequence[tuple[str, str]],
    checkpoint: str,
    meta: Mapping,
    config: str,
) -> None:
    """Write the page to ``path``.

    Args:
        path: HTML file; its folder exists.
        metrics: Metrics of the test; each :class:`FramePredictionMetric` has
            ``keeps_scored``.
        scores: All scores of the test by name, as they were printed.
        identities: The person on each image of the set, or None.
        title: Name of the config.
        facts: Names and values for the top of the page.
        checkpoint: Tested checkpoint; the training log is searched beside it.
        meta: The ``meta`` of the checkpoint.
        config: The full config as text.
    """
    with matplotlib.rc_context(FIGURE_STYLE):
        sections = [
            MetricSection(metric, scores, identities)
            for metric in metrics
            if type(metric) in REPORTS
        ]
        labeled = [section for section in sections if section.is_labeled]
        differences = [s.difference_to(labeled[0]) for s in labeled[1:]]
        shown = {
            section.prefix + key
            for section in sections
            for key in section.scores
        }
        page = (
            _environment()
            .get_template('page.html.j2')
            .render(
                title=title,
                facts=facts,
                cards=[section.card() for section in labeled],
                method=_method(labeled),
                differences=[x for x in differences if x],
                sections=[section.context() for section in sections],
                others=[(k, v) for k, v in scores.items() if k not in shown],
                training=_training(checkpoint, meta, sections),
                config=config,
                versions=_versions(),
            )
        )
    write_text(path, page)


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters['fixed'] = _fixed
    return environment


def _fixed(value: float, digits: int) -> str:
    """Format a number with a true minus sign, which is as wide as a plus."""
    return f'{value:.{digits}f}'.replace('-', '\u2212')


def _method(sections: Sequence[MetricSection]) -> str:
    """Say how the intervals were computed."""
    with_draws = [section for section in sections if section.draws]
    if not with_draws:
        return (
            'There are no intervals: the set has a single unit (video, '
            'person or image) with a label, but resampling needs two.'
        )
    units = ' or '.join(dict.fromkeys(s.units for s in with_draws))
    numbers = dict.fromkeys(f'{len(s.sums):,}' for s in with_draws)
    return (
        f'Intervals contain 95 % of the scores of {RESAMPLES:,} resamples '
        f'(percentile bootstrap, seed {SEED}). Each draws whole {units} with '
        f'replacement, as many as the set has: {" or ".join(numbers)}. The '
        'intervals show the variation due to the choice of the test set, not '
        'due to the training seed.'
    )


def _training(
    checkpoint: str, meta: Mapping, sections: Sequence[MetricSection]
) -> dict:
    """Plot the training of the checkpoint, or say why there is no log."""
    files, lines = find_training(checkpoint, meta)
    if not lines:
        return dict(
            figures=[],
            note='No log of the training was found: the folder of the '
            'checkpoint has no <time>/vis_data/scalars.json of it.',
        )
    validation = [s.prefix + s.metric.headline for s in sections]
    figures = [
        _embed(figure, f'Training curves: {name}')
        for name, figure in (
            ('feedback', plot_feedback(lines)),
            ('pseudo-labels', plot_pseudo_labels(lines)),
            ('losses', plot_losses(lines, validation)),
        )
        if figure is not None
    ]
    starts = ', '.join(file.parents[1].name for file in files)
    return dict(
        figures=figures,
        note=f'Logged up to iteration {lines[-1]["step"]:,}, by the '
        f'training started at {starts}. For long curves, the pale line shows '
        'the logged values, and the other their moving average.',
    )


def _embed(figure: Figure, alt: str, caption: str = '') -> dict:
    """Convert a figure to the data URI of an SVG image."""
    # Without metadata and Matplotlib's own fonts: reproducible, and the text
    # looks like that of the page.
    buffer = io.StringIO()
    no_metadata = dict.fromkeys(('Date', 'Creator', 'Format', 'Type'))
    figure.savefig(buffer, format='svg', metadata=no_metadata)
    text = re.sub(
        r"'DejaVu Sans'[^;\"]*sans-serif",
        'system-ui, sans-serif',
        buffer.getvalue(),
    )
    encoded = base64.b64encode(text.encode()).decode()
    return dict(
        uri=f'data:image/svg+xml;base64,{encoded}', alt=alt, caption=caption
    )


def _versions() -> list[tuple[str, str]]:
    versions = []
    for name in PACKAGES:
        try:
            versions.append((name, metadata.version(name)))
        except metadata.PackageNotFoundError:
            continue
    environment = collect_env()
    for key in ('numpy_random_seed', 'PyTorch compiling details'):
        environment.pop(key, None)  # not a version, or too long
    return versions + [(k, str(v).strip()) for k, v in environment.items()]
