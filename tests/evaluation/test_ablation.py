import numpy as np
import pytest

from fer_ssl.evaluation import VideoPrediction, VideoPredictions
from fer_ssl.evaluation.ablation import (
    ablation_markdown,
    ablation_rows,
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
