import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    f1_score,
)
from sklearn.metrics import confusion_matrix as sklearn_confusion_matrix

from fer_ssl.evaluation import confusion_matrix, scores_from_confusion

CLASSES = ('neutral', 'anger', 'disgust', 'fear', 'other')


@pytest.mark.parametrize('seed', range(20))
def test_equals_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    # from few samples to many; few leave classes out of truth or predictions
    size = int(rng.integers(1, 60))
    truth = rng.integers(0, 5, size)
    predicted = np.where(rng.random(size) < 0.5, truth, rng.integers(0, 5))
    confusion = confusion_matrix(truth, predicted, 5)
    np.testing.assert_array_equal(
        confusion, sklearn_confusion_matrix(truth, predicted, labels=range(5))
    )
    f1 = f1_score(
        truth, predicted, average=None, labels=range(5), zero_division=0
    )
    macro_f1 = f1_score(
        truth, predicted, average='macro', labels=range(5), zero_division=0
    )
    present = np.unique(truth)
    uar = np.mean([(predicted[truth == c] == c).mean() for c in present])
    expected = {
        'macro_f1': macro_f1,
        'uar': uar,
        'accuracy': accuracy_score(truth, predicted),
        **{f'f1_{name}': value for name, value in zip(CLASSES, f1)},
    }
    scores = scores_from_confusion(confusion, CLASSES)
    assert list(scores) == list(expected)
    for name, value in expected.items():
        assert scores[name] == pytest.approx(100 * value), name


def test_uar_is_the_balanced_accuracy():
    rng = np.random.default_rng(0)
    truth, predicted = rng.integers(0, 5, (2, 1000))
    scores = scores_from_confusion(
        confusion_matrix(truth, predicted, 5), CLASSES
    )
    assert scores['uar'] == pytest.approx(
        100 * balanced_accuracy_score(truth, predicted)
    )


def test_absent_class_counts_as_zero():
    # two of five classes occur, all correct: 2 / 5, not 2 / 2
    scores = scores_from_confusion(
        confusion_matrix([0, 1, 1], [0, 1, 1], 5), CLASSES
    )
    assert scores['macro_f1'] == pytest.approx(40)
    assert scores['uar'] == scores['accuracy'] == pytest.approx(100)


def test_unlabeled_samples_are_left_out():
    confusion = confusion_matrix([-1, 2, -1], [0, 2, 4], 5)
    assert confusion.sum() == confusion[2, 2] == 1


def test_errors():
    with pytest.raises(ValueError, match='truth 5 is not one of the 5'):
        confusion_matrix([5], [0], 5)
    with pytest.raises(ValueError, match='prediction -1 is not one of'):
        confusion_matrix([0], [-1], 5)
    with pytest.raises(ValueError, match='two \\(N,\\) arrays'):
        confusion_matrix([0, 1], [0], 5)
    with pytest.raises(ValueError, match='nothing to score'):
        scores_from_confusion(confusion_matrix([-1], [0], 5), CLASSES)
