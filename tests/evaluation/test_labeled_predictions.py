import numpy as np
import pytest

from fer_ssl.evaluation import (
    ImagePredictions,
    VideoPrediction,
    VideoPredictions,
)
from fer_ssl.evaluation.labeled_predictions import LabeledPredictions

CLASSES = ('a', 'b', 'c')
PROBS = np.float32([[0.5, 0.3, 0.2], [0.1, 0.6, 0.3], [0.2, 0.2, 0.6]])


def test_images_of_a_csv_file(tmp_path):
    path = str(tmp_path / 'images.csv')
    labels = np.array([0, -1, 2])
    ImagePredictions(['x', 'y', 'z'], CLASSES, PROBS, labels).to_csv(path)
    found = LabeledPredictions.from_csv(path)
    assert found.classes == CLASSES and found.groups == [''] * 3
    np.testing.assert_array_equal(found.probs, PROBS)
    assert found.is_labeled.tolist() == [True, False, True]


def test_frames_of_a_csv_file(tmp_path):
    """Without a face, a frame does not count; two halves are one video."""
    path = str(tmp_path / 'videos.csv')
    face = np.array([True, False, True])
    videos = [
        VideoPrediction('v_left', PROBS, np.array([0, 1, -1]), face),
        VideoPrediction('v_right', PROBS, None),
    ]
    VideoPredictions(videos, CLASSES).to_csv(path)
    found = LabeledPredictions.from_csv(path)
    assert found.groups == ['v'] * 5
    assert found.labels.tolist() == [0, -1, -1, -1, -1]
    np.testing.assert_array_equal(found.probs[:2], PROBS[[0, 2]])


def test_targets_are_refused(tmp_path):
    path = str(tmp_path / 'targets.csv')
    scores = PROBS[:, :2]
    names = ('valence', 'arousal')
    ImagePredictions(['x', 'y', 'z'], names, scores, scores).to_csv(path)
    with pytest.raises(ValueError, match='targets such as valence'):
        LabeledPredictions.from_csv(path)


def test_some_of_the_classes():
    own = LabeledPredictions(CLASSES, PROBS, np.array([0, 1, -1]), ['p'] * 3)
    found = own.restrict(['c', 'a'])
    assert found.classes == ('c', 'a')
    np.testing.assert_allclose(found.probs[0], [2 / 7, 5 / 7], rtol=1e-6)
    assert found.labels.tolist() == [1, -1, -1]
    for names in (['a', 'd'], ['a', 'a']):
        with pytest.raises(ValueError, match='name each class once, of a, b'):
            own.restrict(names)


def test_rows():
    own = LabeledPredictions(CLASSES, PROBS, np.array([0, 1, 2]), list('xyz'))
    for rows in ([2, 0], np.array([True, False, True])):
        found = own.select(rows)
        assert sorted(found.groups) == ['x', 'z'] and len(found) == 2
