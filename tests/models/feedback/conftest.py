import numpy as np
import pytest
import torch
from torch import nn

from fer_ssl.models.feedback import MetaBatch, TeacherLogits


class Student(nn.Module):
    """Small network with BatchNorm and the call of an mmpretrain model."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(6, 16),
            nn.BatchNorm1d(16),
            nn.ReLU(inplace=True),
            nn.Linear(16, 4),
        )

    def forward(self, faces, mode):
        assert mode == 'tensor'
        return self.layers(faces)


@pytest.fixture
def student():
    torch.manual_seed(0)
    return Student().double()


@pytest.fixture
def make_batch():
    """Function that makes a micro-batch of random faces, in float64."""

    def make(seed=0, soft=False, size=12):
        rng = np.random.default_rng(seed)
        faces, weak, strong = (
            torch.tensor(rng.normal(shift, 1, (size, 6)))
            for shift in (0, 0.3, 0.5)
        )
        batch = MetaBatch(
            faces=faces,
            labels=torch.tensor(rng.integers(0, 4, size)),
            weak=weak,
            strong=strong,
            view=strong,
            truth=torch.full((size,), -1),
            uniform=torch.tensor(rng.random(size)),
        )
        teacher_logits = torch.tensor(rng.normal(0, 1, (3, size, 4)))
        batch.logits = TeacherLogits(*teacher_logits.requires_grad_())
        probs = batch.logits.weak.detach().softmax(1)
        batch.targets = probs
        if not soft:
            one_hot = torch.eye(4, dtype=torch.float64)
            batch.targets = one_hot[torch.multinomial(probs, 1).squeeze(1)]
        return batch

    return make
