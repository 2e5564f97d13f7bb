"""Tables and plots of the scores that the steps of an experiment logged."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from mmengine.utils import import_modules_from_strings

from ..utils.files import save_figure, write_text
from ..utils.tables import markdown_table, mean_and_std, write_csv
from ..visualization import plot_methods, plot_pseudo_label_quality
from .plan import Plan, read_config
from .step_queue import StepQueue
from .training_runs import log_lines, scores_of_test

NAN = float('nan')


def score_rows(plan: Plan, queue: StepQueue) -> list[dict]:
    """Collect one row for each cell and seed of the table.

    Returns:
        Rows with ``row``, ``column``, ``seed``, ``score`` (its name),
        ``value`` (NaN where there is none) and ``folder``. A missing score is
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
            for line in log_lines(folder):  # of a training
                if 'iter' not in line:  # a validation
                    scores.update(line)
            if scores.get(cell.score) is None:
                known = ', '.join(scores) or 'none'
                queue.failed[f'{step.key}: {cell.score}'] = (
                    f'no such score in {folder}; available: {known}.'
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
    """Format a Markdown table of mean ± standard deviation over the seeds.

    Args:
        rows: Rows with ``row``, ``column``, ``seed`` and ``value``.
        differences: ``'above'`` or ``'last'`` adds to each cell the
            difference to the row above or to the last row, taken within each
            seed.
    """
    names = list(dict.fromkeys(row['row'] for row in rows))
    columns = list(dict.fromkeys(row['column'] for row in rows))
    values: dict[tuple[str, str], dict] = {
        (name, column): {} for name in names for column in columns
    }
    for row in rows:
        values[row['row'], row['column']][row['seed']] = row['value']

    lines = []
    for index, name in enumerate(names):
        line = [name]
        for column in columns:
            cell = values[name, column]
            scores = [x for n in names for x in values[n, column].values()]
            known = (abs(x) for x in scores if not math.isnan(x))
            largest = max(known, default=0)
            # Scores in percent get two decimals, those in [0, 1] three.
            digits = 2 if largest > 1 else 3
            text = mean_and_std(list(cell.values()), digits)
            other = None
            if differences == 'above' and index:
                other = names[index - 1]
            elif differences == 'last' and name != names[-1]:
                other = names[-1]
            if other is not None:
                other_cell = values[other, column]
                change = [cell[seed] - other_cell[seed] for seed in cell]
                text += f' ({mean_and_std(change, digits, "+")})'
            line.append(text)
        lines.append(line)
    return markdown_table(['', *columns], lines)


def pseudo_label_rows(plan: Plan, queue: StepQueue) -> list[dict]:
    """Collect the quality of the pseudo-labels, one row per line of the logs.

    It is logged only if the unlabeled faces have a known ground truth.

    Returns:
        Rows with ``step``, ``seed``, ``iter``, ``accuracy``, ``confidence``
        and ``coverage`` (fraction of the faces that are used) in [0, 1],
        ``accuracy_of_these`` (of the faces that are used, if the method logs
        it), and ``recall_NAME`` of each class, NaN if the ground truth does
        not contain the class.
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
    # Trainings may have different classes.
    names = list(dict.fromkeys(name for row in rows for name in row))
    return [{name: row.get(name, NAN) for name in names} for row in rows]


def _hit_rate(own: Mapping[str, float], pattern: str) -> float:
    """Fraction of correct pseudo-labels among the faces of known class."""
    known = own.get(pattern.format('known'), 0)
    return own[pattern.format('hits')] / known if known else NAN


def cost_rows(plan: Plan, queue: StepQueue) -> list[dict]:
    """Collect the cost of each training, one row for all its seeds.

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
    """Return the log by iteration; a repeated iteration counts once."""
    lines = log_lines(folder)
    return {x['iter']: x for x in lines if 'iter' in x}


def _times(folder: Path, total: int) -> dict:
    """Compute time and memory of the iterations of one training.

    Args:
        folder: ``work_dir`` of the training.
        total: Number of iterations; those after the last line of the log are
            assumed to have taken as long as those before it.
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
    """Format a Markdown table of :func:`cost_rows`."""
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

    These are ``NAME.md``, ``NAME.csv`` (every seed) and ``NAME.png``; for
    trainings with pseudo-labels of known ground truth also
    ``NAME_pseudo_labels.csv`` and ``.png``; with ``cost`` also
    ``NAME_cost.csv``.

    Args:
        name: Name of the study; several studies may share one folder.
        cost: Whether to build the models and count their operations.

    Returns:
        The content of ``NAME.md``.
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
        notes += f' In parentheses: difference to the {row}, within a seed.'
    text.append(f'{notes} Scores are those of the last checkpoint.')
    write_csv(out / f'{name}.csv', rows)
    if not all(math.isnan(row['value']) for row in rows):
        save_figure(_plot(rows), out / f'{name}.png')
        text.append(f'![Scores of each seed]({quote(name)}.png)')
    quality = pseudo_label_rows(plan, queue)
    if quality:
        write_csv(out / f'{name}_pseudo_labels.csv', quality)
        save_figure(
            plot_pseudo_label_quality(quality),
            out / f'{name}_pseudo_labels.png',
        )
        text.append(
            f'![Pseudo-labels against the ground truth]'
            f'({quote(name)}_pseudo_labels.png)'
        )
    if queue.failed:
        lines = [f'- {key}: {why}' for key, why in queue.failed.items()]
        text.append('Without a result:\n\n' + '\n'.join(lines))
    file = out / f'{name}.md'
    write_text(file, '\n\n'.join(text) + '\n')
    # After the tables are written, because it builds the models.
    costs = cost_rows(plan, queue) if cost else []
    if costs:
        write_csv(out / f'{name}_cost.csv', costs)
        text.append(cost_table(costs))
        write_text(file, '\n\n'.join(text) + '\n')
    return file.read_text('utf-8')


def _plot(rows: Sequence[dict]):
    """Draw the table: every seed, the mean and the standard deviation."""
    merged: dict[tuple, dict] = {}
    for row in rows:
        place = row['row'], row['seed']
        line = merged.setdefault(place, dict(method=row['row']))
        line[row['column']] = row['value']
    columns = {row['column']: row['column'] for row in rows}
    return plot_methods(list(merged.values()), columns)
