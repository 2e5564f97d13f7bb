from __future__ import annotations

from abc import abstractmethod

import torch
from torch import nn


class FrameTask(nn.Module):
    """Base class of the tasks of every frame: their loss and their scores.

    A task is a function of logits. The encoder and the classifier belong to
    the head, so one encoder can serve several tasks.

    Args:
        num_outputs: Number C of logits per frame.
        loss_weight: Factor of the loss.
    """

    def __init__(self, num_outputs: int, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.num_outputs = num_outputs
        self.loss_weight = loss_weight

    def loss(
        self, logits: torch.Tensor, labels: torch.Tensor, valid: torch.Tensor
    ) -> torch.Tensor:
        """Compute the loss over the labeled valid frames, a scalar.

        Args:
            logits: Logits of the clips, (N, T, C).
            labels: Labels, (N, T) or (N, T, C), in the forms of
                :func:`~fer_ssl.datasets.videos.abaw_annotation.read_annotation`.
            valid: Frames that exist and have a face, bool (N, T).

        Returns:
            The loss; zero if the batch has no such frame. Even then it is a
            function of the weights, as backward and DDP require.
        """
        known = self.annotated(labels)
        known = known & valid.view(*valid.shape, *[1] * (known.dim() - 2))
        if not known.any():
            return logits.sum() * 0.0
        return self.loss_weight * self.loss_of_known(logits, labels, known)

    @abstractmethod
    def annotated(self, labels: torch.Tensor) -> torch.Tensor:
        """Return which labels are annotated, bool (N, T) or (N, T, C)."""

    @abstractmethod
    def loss_of_known(
        self, logits: torch.Tensor, labels: torch.Tensor, known: torch.Tensor
    ) -> torch.Tensor:
        """Compute the loss over the ``known`` labels (at least one).

        Args:
            logits: Logits of the clips, (N, T, C).
            labels: Labels, (N, T) or (N, T, C).
            known: Labels that are annotated and of valid frames, of the shape
                of :meth:`annotated`.
        """

    @abstractmethod
    def predict(self, logits: torch.Tensor) -> torch.Tensor:
        """Compute scores, float32, from logits of the same shape (..., C)."""
