from __future__ import annotations

from abc import abstractmethod
from typing import Any

import torch
from mmengine.model import BaseModule


class FrameHead(BaseModule):
    """Base class of the heads of a :class:`FrameRecognizer`.

    It has the interface of the heads of OpenMMLab: a subclass computes logits
    per frame, their losses, and what is written into the data samples.

    Args:
        num_classes: Number of outputs per frame, of all tasks together.
        init_cfg: As in MMEngine's ``BaseModule``.
    """

    def __init__(self, num_classes: int, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.num_classes = num_classes

    def loss(
        self, features: torch.Tensor, data_samples: list, **kwargs
    ) -> dict[str, torch.Tensor]:
        """Compute the losses by name of features (N, T, D).

        Args:
            features: Features of the frames.
            data_samples: N samples with labels.
            kwargs: Arguments of :meth:`forward`, such as ``valid`` (N, T).
        """
        return self.loss_by_feat(self(features, **kwargs), data_samples)

    def predict(
        self, features: torch.Tensor, data_samples: list, **kwargs
    ) -> list:
        """Write the scores of features (N, T, D) into the samples."""
        return self.predict_by_feat(self(features, **kwargs), data_samples)

    @abstractmethod
    def loss_by_feat(
        self, cls_scores: Any, data_samples: list
    ) -> dict[str, torch.Tensor]:
        """Compute the losses by name of the output of :meth:`forward`."""

    @abstractmethod
    def predict_by_feat(self, cls_scores: Any, data_samples: list) -> list:
        """Write scores of the output of :meth:`forward` into the samples."""
