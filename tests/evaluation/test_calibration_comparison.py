import numpy as np
import pytest

from fer_ssl.evaluation.calibration_comparison import compare_calibrations
from fer_ssl.evaluation.functional.calibration import calibrate
from fer_ssl.evaluation.labeled_predictions import LabeledPredictions

CLASSES = ('a', 'b', 'c')
UNIFORM = np.full(3, 1 / 3)


def faces(size, seed):
    """A network that is overconfident and prefers its first class."""
    rng = np.random.default_rng(seed)
    true = rng.dirichlet(np.ones(3), size)
    draws = rng.random((size, 1))
    labels = (true.cumsum(axis=1) < draws).sum(axis=1).clip(max=2)
    probs = calibrate(true, 0.4, [1.5, 0, -1.5])
    return LabeledPredictions(CLASSES, probs, labels, [''] * size)


def cells(text):
    rows = [line.strip('| ').split(' | ') for line in text.splitlines()[2:]]
    return {name: [float(x.split()[0]) for x in row] for name, *row in rows}


def test_table():
    fitted, scored = faces(3000, 0), faces(3000, 1)
    fitted.labels[:500] = -1
    text = compare_calibrations(fitted, scored, UNIFORM, 50, 1000, 2)
    table = cells(text)
    assert list(table)[:3] == [
        'none',
        'em, 1,000 faces',
        'temperature, 50 labels per class',
    ]
    assert 'labels, 150 labels at random, then em, 1,000 faces' in table
    none = table['none']
    own = table['labels, 150 labels at random']
    assert own[2] > none[2] + 5  # accuracy
    assert own[3] < none[3] and own[4] < none[4] - 5  # NLL and ECE
    assert table['temperature, 150 labels at random'][:3] == none[:3]
    assert text == compare_calibrations(fitted, scored, UNIFORM, 50, 1000, 2)


def test_too_few_faces():
    with pytest.raises(ValueError, match='1,000 faces without labels, and'):
        compare_calibrations(faces(99, 0), faces(9, 1), UNIFORM, 5, 1000, 1)
