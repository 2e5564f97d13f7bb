import numpy as np
import pytest
from sklearn.metrics import f1_score

from fer_ssl.evaluation import VideoPrediction, VideoPredictions
from fer_ssl.experiments.task_ablation import (
    read_task_scores,
    task_scores,
    task_scores_markdown,
    task_spread_markdown,
    write_task_scores,
)
from fer_ssl.labels import ABAW_TRACKS


def tasks(shift):
    """Predictions of three tasks; those of ``shift=0`` are perfect."""
    rng = np.random.default_rng(0)
    va = rng.uniform(-1, 1, (40, 2)).astype(np.float32)
    au = rng.integers(0, 2, (40, 12)).astype(np.float32)
    expressions = rng.integers(0, 8, 40)
    scores = {
        'VA': np.roll(va, shift, axis=0),
        'EXPR': np.eye(8)[np.roll(expressions, shift)],
        'AU': np.roll(au, shift, axis=0),
    }
    labels = {'VA': va, 'EXPR': expressions, 'AU': au}
    return [
        VideoPredictions(
            [VideoPrediction('v', scores[task], labels=labels[task])],
            ABAW_TRACKS[task],
        )
        for task in ('VA', 'EXPR', 'AU')
    ]


def test_scores_of_several_tasks(tmp_path):
    table = task_scores({'full': tasks(0), 'shifted': tasks(1)})
    assert table['full'] == pytest.approx(dict(va=1, expr=100, au=100))
    truth, shifted = tasks(0)[1], tasks(1)[1]
    assert table['shifted']['expr'] == pytest.approx(
        100
        * f1_score(truth['v'].labels, shifted['v'].predicted, average='macro')
    )
    write_task_scores(table, str(tmp_path / 'out/table.csv'))
    lines = (tmp_path / 'out/table.csv').read_text().splitlines()
    assert lines[:2] == ['method,va,expr,au', 'full,1.0000,100.0000,100.0000']
    assert read_task_scores(str(tmp_path / 'out/table.csv')) == {
        name: pytest.approx(scores, abs=1e-4) for name, scores in table.items()
    }
    assert task_scores_markdown(table).splitlines()[2].startswith('| full | 1')


def test_tasks_of_other_frames():
    with pytest.raises(ValueError, match="'b' has other tasks"):
        task_scores({'a': tasks(0), 'b': tasks(0)[:2]})


def test_spread_of_several_runs():
    runs = [
        {'small': dict(va=0.1, au=30.0), 'full': dict(va=0.3, au=31.0)},
        {'small': dict(va=0.2, au=34.0), 'full': dict(va=0.5, au=36.0)},
    ]
    assert task_spread_markdown(runs).split('\n') == [
        '| method | VA: CCC | AU: F1 (%) |',
        '| --- | ---: | ---: |',
        '| small | 0.150 ± 0.071 (-0.250 ± 0.071) '
        '| 32.00 ± 2.83 (-1.50 ± 0.71) |',
        '| full | 0.400 ± 0.141 | 33.50 ± 3.54 |',
    ]


@pytest.mark.parametrize(
    'other', [[], [{'full': dict(va=0.1, au=1.0)}], [{'a': dict(va=0.1)}]]
)
def test_spread_needs_runs_of_the_same_methods(other):
    with pytest.raises(ValueError, match='same methods'):
        task_spread_markdown([{'a': dict(va=0.1, au=1.0)}, *other])


@pytest.mark.parametrize('head', ['method,macro_f1', 'name,va', 'method', ''])
def test_other_csv_is_refused(tmp_path, head):
    (tmp_path / 'a.csv').write_text(head)
    with pytest.raises(ValueError, match='method,va,expr,au'):
        read_task_scores(str(tmp_path / 'a.csv'))
