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
    assert feedback_auc([values], [batch]) == pytest.approx(2.5 / 4)


def test_coefficient_of_the_label_itself():
    batch = batch_of([2, 1], [2, 0])
    values = torch.tensor([[9.0, 9.0, 0.2], [9.0, 0.1, 9.0]])
    assert feedback_auc([values], [batch]) == 1


def test_all_labels_correct():
    batch = batch_of([0, 1], [0, 1])
    assert feedback_auc([torch.tensor([0.1, 0.2])], [batch]).isnan()


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
    assert auc.item() == pytest.approx(u / right.sum() / (~right).sum())
