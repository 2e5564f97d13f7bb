import numpy as np
import pytest
from sklearn.metrics import f1_score, recall_score

from fer_ssl.evaluation.calibration_scores import (
    NUM_FOLDS,
    cross_validate,
    make_folds,
    probability_scores,
)
from fer_ssl.evaluation.labeled_predictions import LabeledPredictions

CLASSES = ('a', 'b', 'c')


def faces(size=90, people=12, unknown=10):
    """Faces whose first probability is unique; some of unknown people."""
    rng = np.random.default_rng(0)
    probs = np.stack([np.arange(1, size + 1) / 1000, rng.random(size)], 1)
    probs = np.column_stack([probs, 1 - probs.sum(axis=1)])
    groups = [f'person {i}' for i in rng.integers(0, people, size)]
    groups[:unknown] = [''] * unknown
    labels = rng.integers(0, 3, size)
    return LabeledPredictions(CLASSES, probs, labels, groups)


def test_no_fit_sees_what_it_calibrates():
    """Neither a face of the scored fold nor another face of its people."""
    own = faces()
    person = dict(zip(own.probs[:, 0], own.groups))
    calibrated = []

    def fit(part):
        seen = set(part.probs[:, 0])
        people = {person[x] for x in seen} - {''}

        def calibration(probs):
            assert seen.isdisjoint(probs[:, 0])
            assert people.isdisjoint(person[x] for x in probs[:, 0])
            assert len(seen) + len(probs) == len(own)
            calibrated.extend(probs[:, 0])
            return probs

        return calibration

    found = cross_validate(own, fit)
    np.testing.assert_array_equal(found, own.probs)
    assert sorted(calibrated) == own.probs[:, 0].tolist()


def test_knowing_the_answers_of_other_faces_does_not_help():
    """A fit that remembers its labels would have an accuracy of 100 %."""
    own = faces()

    def fit(part):
        known = dict(zip(part.probs[:, 0], part.labels))
        return lambda probs: np.eye(3)[[known.get(x, 0) for x in probs[:, 0]]]

    found = cross_validate(own, fit).argmax(axis=1)
    np.testing.assert_array_equal(found, 0)


def test_folds_are_alike():
    rng = np.random.default_rng(1)
    labels = np.repeat([0, 1, 2], [500, 80, 20])
    groups = [f'{i}' for i in rng.integers(0, 300, 600)]
    own = LabeledPredictions(CLASSES, np.zeros((600, 3)), labels, groups)
    folds = make_folds(own)
    assert set(folds) == set(range(NUM_FOLDS))
    for label, count in enumerate((100, 16, 4)):
        sizes = np.bincount(folds[labels == label], minlength=NUM_FOLDS)
        assert abs(sizes - count).max() <= max(0.1 * count, 2)
    for group in set(groups):
        assert len({f for f, g in zip(folds, groups) if g == group}) == 1


@pytest.mark.parametrize('groups, count', [('aabbb', 2), ('abcde', 5)])
def test_as_many_folds_as_people(groups, count):
    labels = np.zeros(5, int)
    own = LabeledPredictions(CLASSES, np.zeros((5, 3)), labels, list(groups))
    assert len(set(make_folds(own))) == count


def test_scores():
    rng = np.random.default_rng(2)
    probs, labels = rng.dirichlet(np.ones(3), 50), rng.integers(0, 3, 50)
    scores = probability_scores(probs, labels, CLASSES)
    assert list(scores) == ['macro_f1', 'uar', 'accuracy', 'nll', 'ece']
    predicted = probs.argmax(axis=1)
    expected = 100 * f1_score(labels, predicted, average='macro')
    np.testing.assert_allclose(scores['macro_f1'], expected)
    expected = 100 * recall_score(labels, predicted, average='macro')
    np.testing.assert_allclose(scores['uar'], expected)
