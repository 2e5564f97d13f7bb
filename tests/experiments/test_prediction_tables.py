import numpy as np
import pytest

from fer_ssl.evaluation import VideoPrediction, VideoPredictions
from fer_ssl.experiments.prediction_tables import (
    ablation_markdown,
    ablation_rows,
    read_ablation,
    spread_markdown,
    write_ablation,
)

LABELS = np.array([0, 0, 1, 1, -1])


def predict(predicted, labels=LABELS):
    scores = np.eye(2)[predicted]
    return VideoPredictions([VideoPrediction('a', scores, labels)], 'xy')


def test_rows_and_table(tmp_path):
    rows = ablation_rows(
        {
            'baseline': predict([0, 0, 0, 0, 0]),
            'SSL': predict([0, 0, 1, 1, 0]),
        }
    )
    assert rows == [('baseline', 33.33), ('SSL', 100.0)]
    write_ablation(rows, tmp_path / 'new' / 'ablation.csv')
    assert (tmp_path / 'new' / 'ablation.csv').read_text() == (
        'method,macro_f1\nbaseline,33.33\nSSL,100.00\n'
    )
    assert ablation_markdown(rows).split('\n') == [
        '| method | macro-F1 (%) | step |',
        '| --- | ---: | ---: |',
        '| baseline | 33.33 |  |',
        '| SSL | 100.00 | +66.67 |',
    ]
    assert ablation_markdown(rows, paper=True).split('\n') == [
        "| method | macro-F1 (%) | step | paper's own step (Aff-Wild2) |",
        '| --- | ---: | ---: | ---: |',
        '| baseline | 33.33 |  |  |',
        '| SSL | 100.00 | +66.67 | +16.96 |',
    ]


def test_different_frames_are_refused():
    other = np.array([0, 0, 1, -1, -1])
    with pytest.raises(ValueError, match="'SSL' has other videos"):
        ablation_rows(
            {
                'baseline': predict([0] * 5),
                'SSL': predict([0] * 5, other),
            }
        )


def test_spread_of_several_runs(tmp_path):
    runs = [
        [('baseline', 30.0), ('SSL', 33.0)],
        [('baseline', 32.0), ('SSL', 36.0)],
    ]
    for number, rows in enumerate(runs):
        write_ablation(rows, tmp_path / f'{number}.csv')
        assert read_ablation(tmp_path / f'{number}.csv') == rows
    assert spread_markdown(runs).split('\n') == [
        '| method | run 1 | run 2 | mean ± std | step ± std |',
        '| --- | ---: | ---: | ---: | ---: |',
        '| baseline | 30.00 | 32.00 | 31.00 ± 1.41 |  |',
        '| SSL | 33.00 | 36.00 | 34.50 ± 2.12 | +3.50 ± 0.71 |',
    ]


@pytest.mark.parametrize('other', [[], [[('SSL', 1.0)]]])
def test_spread_needs_runs_of_the_same_methods(other):
    with pytest.raises(ValueError, match='same methods'):
        spread_markdown([[('baseline', 30.0)], *other])


def test_other_csv_is_refused(tmp_path):
    (tmp_path / 'a.csv').write_text('name,score\n')
    with pytest.raises(ValueError, match='method,macro_f1'):
        read_ablation(tmp_path / 'a.csv')
