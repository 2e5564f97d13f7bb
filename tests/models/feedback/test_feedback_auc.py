import numpy as np
import pytest
import torch
from scipy.stats import mannwhitneyu

from fer_ssl.models.feedback.feedback_auc import feedback_auc
from fer_ssl.models.feedback.meta_batch import MetaBatch


def batch_of(targets, truth):
    targets = torch.nn.functional.one_hot(torch.tensor(targets), 3).float()
    fields = dict.fromkeys(
        ('faces', 'labels', 'weak', 'strong', 'view', 'uniform')
    )
    return MetaBatch(**fields, truth=torch.tensor(truth), targets=targets)


def test_auc_by_hand():
    """Correct: .5 and .1; wrong: .3 and .1; unknown: the last."""
    batch = batch_of([0, 1, 2, 0, 1], [0, 1, 0, 1, -1])
    values = torch.tensor([0.5, 0.1, 0.3, 0.1, 9.0])
    # .5 > .3, .5 > .1, .1 < .3, .1 = .1
    auc = feedback_auc([values], [batch])
    assert auc['feedback/auc'] == pytest.approx(2.5 / 4)
    # .5 > .1 for label 0; label 1 has no wrong one.
    assert auc['feedback/auc_same_label'] == 1


def test_coefficient_of_the_label_itself():
    batch = batch_of([2, 1], [2, 0])
    values = torch.tensor([[9.0, 9.0, 0.2], [9.0, 0.1, 9.0]])
    auc = feedback_auc([values], [batch])
    assert auc['feedback/auc'] == 1
    assert auc['feedback/auc_same_label'].isnan()


def test_all_labels_correct():
    batch = batch_of([0, 1], [0, 1])
    auc = feedback_auc([torch.tensor([0.1, 0.2])], [batch])
    assert auc['feedback/auc'].isnan()


def test_a_coefficient_of_the_class_alone():
    """Class 0 is always wrong but once, class 1 correct but once."""
    batch = batch_of([0, 0, 0, 1, 1, 1], [0, 1, 2, 1, 1, 0])
    values = torch.tensor([0.9, 0.9, 0.9, 0.1, 0.1, 0.1])
    auc = feedback_auc([values], [batch])
    # Pairs of a correct and a wrong one: .9 with .9, .9, .1; .1 with the same.
    assert auc['feedback/auc'] == pytest.approx((2 + 1) / 9)
    assert auc['feedback/auc_same_label'] == 0.5


def test_micro_batches_are_judged_together():
    rng = np.random.default_rng(0)
    targets, truth = rng.integers(3, size=(2, 60))
    values = rng.normal(size=60).round(1)
    parts = [slice(0, 25), slice(25, 60)]
    auc = feedback_auc(
        [torch.tensor(values[part]) for part in parts],
        [batch_of(targets[part], truth[part]) for part in parts],
    )
    right = targets == truth
    u = mannwhitneyu(values[right], values[~right]).statistic
    assert auc['feedback/auc'].item() == pytest.approx(
        u / right.sum() / (~right).sum()
    )
