"""Tables of what the steps of an ablation have logged."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from mmengine.utils import import_modules_from_strings

from ..utils.files import save_figure, write_text
from ..utils.tables import markdown_table, mean_and_std, write_csv
from ..visualization import plot_methods, plot_pseudo_label_quality
from .study import Plan, read_config
from .study_queue import StepQueue
from .training_runs import log_lines, scores_of_test

NAN = float('nan')


def score_rows(plan: Plan, queue: StepQueue) -> list[dict]:
    """One row for each cell and seed of the table.

    Returns:
        Rows with ``row``, ``column``, ``seed``, ``score`` (its name),
        ``value`` (NaN where there is none) and ``folder``. What is missing is
        added to ``queue.failed``.
    """
    rows = []
    for cell in plan.cells:
        step = plan.steps[cell.step]
        folder = queue.folder(step)
        scores = {}
        if queue.is_done(step):
            if step.kind == 'test':
                scores = scores_of_test(folder)
            for line in log_lines(folder, resumed=True):  # of a training
                if 'iter' not in line:
                    scores.update(line)
            if scores.get(cell.score) is None:
                known = ', '.join(scores) or 'none'
                queue.failed[f'{step.key}: {cell.score}'] = (
                    f'no such score in {folder}; there are: {known}'
                )
        value = scores.get(cell.score)
        rows.append(
            dict(
                row=cell.row,
                column=cell.column,
                seed=cell.seed,
                score=cell.score,
                value=NAN if value is None else value,
                folder=str(folder),
            )
        )
    return rows


def score_table(rows: Sequence[dict], differences: str | None = None) -> str:
    """Markdown table: mean ± standard deviation (n - 1) over the seeds.

    Args:
        rows: See :func:`score_rows`.
        differences: Adds to each cell the difference to the row ``'above'``
            or to the ``'last'`` one, taken within each seed.
    """
    names = list(dict.fromkeys(row['row'] for row in rows))
    columns = list(dict.fromkeys(row['column'] for row in rows))
    seeds = list(dict.fromkeys(row['seed'] for row in rows))
    values = {(x['row'], x['column'], x['seed']): x['value'] for x in rows}

    def of(name: str, column: str) -> np.ndarray:
        return np.array([values[name, column, seed] for seed in seeds])

    lines = []
    for number, name in enumerate(names):
        line = [name]
        for column in columns:
            every = [values[x, column, seed] for x in names for seed in seeds]
            largest = max((abs(x) for x in every if x == x), default=0)
            digits = 2 if largest > 1 else 3
            cell = mean_and_std(of(name, column), digits)
            other = None
            if differences == 'above' and number:
                other = names[number - 1]
            elif differences == 'last' and name != names[-1]:
                other = names[-1]
            if other is not None:
                change = of(name, column) - of(other, column)
                cell += f' ({mean_and_std(change, digits, "+")})'
            line.append(cell)
        lines.append(line)
    return markdown_table(['', *columns], lines)


def pseudo_label_rows(plan: Plan, queue: StepQueue) -> list[dict]:
    """Quality of the pseudo-labels, one row for each line of the logs.

    Only of trainings that know the truth of their unlabeled faces.

    Returns:
        Rows with ``step``, ``seed``, ``iter``, ``accuracy``, ``confidence``
        and ``coverage`` (share of the faces that count) in [0, 1], and
        ``recall_NAME`` of each class, NaN where the truth has none; of the
        methods that log it ``accuracy_of_these`` that count.
    """
    rows = []
    for step in plan.steps.values():
        if step.kind != 'train' or not queue.is_done(step):
            continue
        for line in _iterations(queue.folder(step)).values():
            prefix = 'pseudo_label/'
            own = {
                name[len(prefix) :]: value
                for name, value in line.items()
                if name.startswith(prefix)
            }
            if 'accuracy' not in own:
                continue
            row = dict(step=step.title, seed=step.seed, iter=line['iter'])
            row.update(accuracy=own['accuracy'], confidence=own['confidence'])
            row['coverage'] = own.get('confident', 1.0)
            row['accuracy_of_these'] = _hit_rate(own, 'confident_{}')
            for name in own:
                if name.startswith('known_'):
                    label = name.removeprefix('known_')
                    row[f'recall_{label}'] = _hit_rate(own, '{}_' + label)
            rows.append(row)
    # Trainings may have other classes.
    names = list(dict.fromkeys(name for row in rows for name in row))
    return [{name: row.get(name, NAN) for name in names} for row in rows]


def _hit_rate(own: Mapping[str, float], pattern: str) -> float:
    """Share of rightly labeled faces among those with known truth."""
    known = own.get(pattern.format('known'), 0)
    return own[pattern.format('hits')] / known if known else NAN


def cost_rows(plan: Plan, queue: StepQueue) -> list[dict]:
    """What each training costs, one row for all its seeds.

    Returns:
        Rows with ``step``, ``parameters`` and ``trained`` (of these) in
        millions, ``input`` and the ``multiply_adds`` of a prediction for it
        in millions (see :func:`model_cost`), ``iterations``, ``ms_per_step``
        (median of the seeds), ``minutes`` (mean; the steps alone, without
        validation and start) and ``memory_mb`` (the largest; GPU only).
    """
    from .model_cost import model_cost

    rows = []
    trained = [x for x in plan.steps.values() if x.kind == 'train']
    for title in dict.fromkeys(step.title for step in trained):
        steps = [x for x in trained if x.title == title and queue.is_done(x)]
        if not steps:
            continue
        first = steps[0]
        config = read_config(
            Path(first.config), queue.variables(first), queue.options(first)
        )
        if config.get('custom_imports'):
            import_modules_from_strings(**config.custom_imports)
        model = model_cost(config)
        last = config.train_cfg.get('max_iters', 0)
        times = [_times(queue.folder(step), last) for step in steps]
        memory = [x['memory_mb'] for x in times if x['memory_mb'] is not None]
        rows.append(
            dict(
                step=title,
                parameters=model['parameters'] / 1e6,
                trained=model['trained'] / 1e6,
                input=model['shape'],
                multiply_adds=model['multiply_adds'] / 1e6,
                iterations=times[0]['iterations'],
                ms_per_step=statistics.median(x['ms'] for x in times),
                minutes=statistics.mean(x['minutes'] for x in times),
                memory_mb=max(memory, default=None),
            )
        )
    return rows


def _iterations(folder: Path) -> dict[int, dict]:
    """Lines of the log; what an interruption has repeated, once."""
    lines = log_lines(folder, resumed=True)
    return {x['iter']: x for x in lines if 'iter' in x}


def _times(folder: Path, total: int) -> dict:
    """Time and memory of the iterations of one training.

    Args:
        total: Iterations; those after the last line of the log took as long
            as those before it.
    """
    lines = {n: x for n, x in _iterations(folder).items() if 'time' in x}
    seconds = last = 0
    for number in sorted(lines):
        seconds += lines[number]['time'] * (number - last)
        last = number
    if lines and total > last:
        seconds += lines[last]['time'] * (total - last)
    times = [x['time'] for x in lines.values()]
    memory = [x['memory'] for x in lines.values() if 'memory' in x]
    return dict(
        iterations=max(last, total),
        ms=1e3 * statistics.median(times) if times else NAN,
        minutes=seconds / 60 if times else NAN,
        memory_mb=max(memory, default=None),
    )


def cost_table(rows: Sequence[dict]) -> str:
    """Markdown table of :func:`cost_rows`."""
    titles = dict(
        step='training',
        parameters='parameters, M',
        trained='trained, M',
        input='input',
        multiply_adds='multiply-adds, M',
        iterations='iterations',
        ms_per_step='ms per iteration',
        minutes='minutes',
        memory_mb='GPU memory, MB',
    )
    lines = []
    for row in rows:
        cells = []
        for name in titles:
            value = row[name]
            if isinstance(value, float):
                value = f'{value:.3g}' if value < 100 else f'{value:.0f}'
            cells.append('' if value is None else str(value))
        lines.append(cells)
    return markdown_table(list(titles.values()), lines)


def write_report(
    plan: Plan, queue: StepQueue, name: str, cost: bool = False
) -> str:
    """Write the tables and plots of a study into its folder.

    ``NAME.md``, ``NAME.csv`` (every seed) and ``NAME.png``; of trainings with
    pseudo-labels of known truth ``NAME_pseudo_labels.csv`` and ``.png``; with
    ``cost`` also ``NAME_cost.csv``.

    Args:
        name: Of the study: several may have one folder.
        cost: Build the models and count.

    Returns:
        What stands in ``NAME.md``.
    """
    out = queue.work_dir
    rows = score_rows(plan, queue)
    seeds = list(dict.fromkeys(row['seed'] for row in rows))
    text = [f'# {name}', score_table(rows, plan.differences)]
    notes = f'Seed {seeds[0]}.'
    if len(seeds) > 1:
        notes = (
            f'Seeds {", ".join(map(str, seeds))}: mean ± standard deviation '
            '(n - 1).'
        )
    if plan.differences:
        row = dict(above='row above', last='last row')[plan.differences]
        notes += f' In brackets the difference to the {row}, within a seed.'
    text.append(f'{notes} Scores are those of the last checkpoint.')
    write_csv(out / f'{name}.csv', rows)
    if any(row['value'] == row['value'] for row in rows):
        save_figure(_plot(rows), out / f'{name}.png')
        text.append(f'![Scores of each seed]({name}.png)')
    quality = pseudo_label_rows(plan, queue)
    if quality:
        write_csv(out / f'{name}_pseudo_labels.csv', quality)
        save_figure(
            plot_pseudo_label_quality(quality),
            out / f'{name}_pseudo_labels.png',
        )
        text.append(
            f'![Pseudo-labels against the truth]({name}_pseudo_labels.png)'
        )
    if queue.failed:
        lines = [f'- {key}: {why}' for key, why in queue.failed.items()]
        text.append('Without a result:\n\n' + '\n'.join(lines))
    file = out / f'{name}.md'
    write_text(file, '\n\n'.join(text) + '\n')
    costs = cost_rows(plan, queue) if cost else []  # builds the models
    if costs:
        write_csv(out / f'{name}_cost.csv', costs)
        text.append(cost_table(costs))
        write_text(file, '\n\n'.join(text) + '\n')
    return file.read_text('utf-8')


def _plot(rows: Sequence[dict]):
    """The table as a figure: every seed, mean and spread."""
    merged: dict[tuple, dict] = {}
    for row in rows:
        place = row['row'], row['seed']
        line = merged.setdefault(place, dict(method=row['row']))
        line[row['column']] = row['value']
    columns = {row['column']: row['column'] for row in rows}
    return plot_methods(list(merged.values()), columns)
