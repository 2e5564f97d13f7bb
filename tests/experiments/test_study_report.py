"""Tables of hand-written logs, against numbers worked out by hand."""

import csv
import json
import math

import pytest
from mmengine.config import Config

from fer_ssl.experiments.plan import Cell, Plan, Step
from fer_ssl.experiments.step_queue import StepQueue
from fer_ssl.experiments.study_report import (
    cost_rows,
    cost_table,
    pseudo_label_rows,
    score_rows,
    score_table,
    write_report,
)

NAN = float('nan')


def rows_of(values, column='F1'):
    """Rows of a table {row: scores of the seeds}."""
    return [
        dict(row=name, column=column, seed=seed, value=value)
        for name, scores in values.items()
        for seed, value in enumerate(scores)
    ]


def test_mean_std_and_differences():
    rows = rows_of(dict(baseline=[30, 32], SSL=[40, 44], last=[41, 41]))
    lines = score_table(rows, 'above').splitlines()
    assert lines[0] == '|  | F1 |'
    assert lines[2:] == [
        '| baseline | 31.00 ± 1.41 |',
        '| SSL | 42.00 ± 2.83 (+11.00 ± 1.41) |',
        '| last | 41.00 ± 0.00 (-1.00 ± 2.83) |',
    ]
    assert score_table(rows, 'last').splitlines()[2:] == [
        '| baseline | 31.00 ± 1.41 (-10.00 ± 1.41) |',
        '| SSL | 42.00 ± 2.83 (+1.00 ± 2.83) |',
        '| last | 41.00 ± 0.00 |',
    ]


def test_what_is_missing_and_small_numbers():
    rows = rows_of(dict(a=[0.5, NAN, 0.7], b=[NAN] * 3), 'CCC')
    assert score_table(rows, 'above').splitlines()[2:] == [
        '| a | 0.600 ± 0.141, 2 of 3 seeds |',
        '| b | missing (missing) |',
    ]
    assert score_table(rows_of(dict(a=[50.0]))).endswith('| a | 50.00 |')


@pytest.fixture
def queue(tmp_path):
    """A queue with a finished training of two parts and its test."""
    kwargs = dict(labels=[], seed=0, options={}, env={}, after=[], digest='d')
    train = Step('ssl', kind='train', config='c.py', checkpoint=None, **kwargs)
    test = Step('test', kind='test', config='c.py', checkpoint='x', **kwargs)
    steps = {step.key: step for step in (train, test)}
    queue = StepQueue(steps, tmp_path, tmp_path, [None])
    write(queue, train, '1', [line(10, 0.5), line(20, 0.5)])
    own = [line(20, 0.3, 3000), line(40, 0.3, 2500), {'ccc': 0.25, 'step': 40}]
    write(queue, train, '2', own)
    scores = queue.folder(test) / 'now/now.json'
    scores.parent.mkdir(parents=True)
    scores.write_text(json.dumps({'macro_f1': 41.5, 'time': 0.1}))
    for step in steps.values():
        (queue.folder(step) / 'step.json').touch()
    return queue


def line(iteration, time, memory=None):
    values = dict(iter=iteration, time=time)
    values.update(
        {
            'pseudo_label/accuracy': 0.6,
            'pseudo_label/confidence': 0.8,
            'pseudo_label/confident': 0.5,
            'pseudo_label/confident_known': 0.4,
            'pseudo_label/confident_hits': 0.3,
            'pseudo_label/known_fear': 0.25,
            'pseudo_label/hits_fear': 0.05,
            'pseudo_label/known_anger': 0.0,
            'pseudo_label/hits_anger': 0.0,
        }
    )
    return dict(values, memory=memory) if memory else values


def write(queue, step, name, lines):
    log = queue.folder(step) / name / 'vis_data/scalars.json'
    log.parent.mkdir(parents=True)
    log.write_text(''.join(json.dumps(x) + '\n' for x in lines) + '{"half":')


def plan_of(queue):
    train, test = list(queue.steps)[:2]
    return Plan(
        None,
        queue.steps,
        [Cell('A', 'x', 0, test, 'macro_f1'), Cell('A', 'y', 0, train, 'ccc')],
    )


def test_scores_of_the_logs(queue):
    plan = plan_of(queue)
    assert [row['value'] for row in score_rows(plan, queue)] == [41.5, 0.25]
    plan.cells.append(Cell('B', 'x', 0, list(queue.steps)[1], 'uar'))
    assert math.isnan(score_rows(plan, queue)[2]['value'])
    assert list(queue.failed.values()) == [
        f'no such score in {queue.folder(queue.steps[plan.cells[0].step])}; '
        'available: macro_f1.'
    ]


def test_pseudo_labels_of_the_logs(queue):
    rows = pseudo_label_rows(plan_of(queue), queue)
    # 20 was logged twice: the interrupted run had gone further.
    assert [row['iter'] for row in rows] == [10, 20, 40]
    assert rows[0]['coverage'] == 0.5 and rows[0]['accuracy'] == 0.6
    assert rows[0]['accuracy_of_these'] == pytest.approx(0.75)
    assert rows[0]['recall_fear'] == pytest.approx(0.2)
    assert math.isnan(rows[0]['recall_anger'])


def test_cost_of_a_resumed_training(queue, monkeypatch):
    config = Config(dict(train_cfg=dict(max_iters=44)))
    cost = dict(parameters=2e6, trained=1e6, shape='1 x 3', multiply_adds=5e8)
    for name, value in (
        ('fer_ssl.experiments.model_cost.model_cost', lambda _: cost),
        ('fer_ssl.experiments.study_report.read_config', lambda *_: config),
    ):
        monkeypatch.setattr(name, value)
    (row,) = cost_rows(plan_of(queue), queue)
    # 10 steps of 0.5 s, then 30 of 0.3 s: repeated steps count once. The
    # last 4 are in no line of the log.
    assert row['minutes'] == pytest.approx((10 * 0.5 + 34 * 0.3) / 60)
    assert row['iterations'] == 44
    assert row['memory_mb'] == 3000
    assert cost_table([row]).splitlines()[-1] == (
        '| ssl | 2 | 1 | 1 x 3 | 500 | 44 | 300 | 0.253 | 3000 |'
    )


def test_table_without_costs(queue, monkeypatch):
    def fail(config):
        raise KeyError('MyEncoder')

    monkeypatch.setattr('fer_ssl.experiments.model_cost.model_cost', fail)
    monkeypatch.setattr(
        'fer_ssl.experiments.study_report.read_config',
        lambda *_: Config(dict(train_cfg=dict(max_iters=40))),
    )
    with pytest.raises(KeyError, match='MyEncoder'):
        write_report(plan_of(queue), queue, 'mine', cost=True)
    assert '| A | 41.50 |' in (queue.work_dir / 'mine.md').read_text()


def test_trainings_with_other_classes(queue, tmp_path):
    other = Step(
        'other',
        labels=[],
        seed=0,
        kind='train',
        config='c.py',
        checkpoint=None,
        options={},
        env={},
        after=[],
        digest='d',
    )
    queue.steps[other.key] = other
    values = {
        name.replace('fear', 'contempt'): value
        for name, value in line(10, 0.5).items()
    }
    write(queue, other, '1', [values])
    (queue.folder(other) / 'step.json').touch()
    plan = plan_of(queue)
    first, *_, last = pseudo_label_rows(plan, queue)
    assert list(first) == list(last)
    assert math.isnan(first['recall_contempt'])
    assert math.isnan(last['recall_fear'])
    assert last['recall_contempt'] == pytest.approx(0.2)
    write_report(plan, queue, 'mine')
    assert (queue.work_dir / 'mine_pseudo_labels.png').exists()


def test_files(queue):
    text = write_report(plan_of(queue), queue, 'mine')
    out = queue.work_dir
    assert (out / 'mine.md').read_text() == text
    assert '| A | 41.50 | 0.250 |' in text
    with open(out / 'mine.csv', newline='') as file:
        values = [row['value'] for row in csv.DictReader(file)]
    assert values == ['41.5', '0.25']
    for name in ('mine', 'mine_pseudo_labels'):
        assert (out / f'{name}.png').read_bytes().startswith(b'\x89PNG')
