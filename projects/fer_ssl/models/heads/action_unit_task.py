from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.registry import MODELS

from ...labels import ABAW_ACTION_UNITS, IGNORE_LABEL
from .frame_task import FrameTask


@MODELS.register_module()
class ActionUnitTask(FrameTask):
    """Detection of C action units per frame; scores are probabilities.

    A frame counts only for the units that are annotated in it. The metric has
    the thresholds above which a unit is active, see
    ``tools/analysis/tune_thresholds.py``.

    Args:
        num_outputs: Number C of units.
        pos_weight: Loss factor of each unit where it is active, (C,).
        loss_weight: Factor of the loss.
    """

    def __init__(
        self,
        num_outputs: int = len(ABAW_ACTION_UNITS),
        pos_weight: Sequence[float] | None = None,
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__(num_outputs, loss_weight)
        weight = torch.tensor(pos_weight or [1] * num_outputs).float()
        if len(weight) != num_outputs:
            raise ValueError(
                f'pos_weight={list(pos_weight)} must be {num_outputs} numbers.'
            )
        # Not persistent: it comes from the config, not from the checkpoint.
        self.register_buffer('pos_weight', weight, persistent=False)

    def annotated(self, labels: torch.Tensor) -> torch.Tensor:
        return labels != IGNORE_LABEL

    def loss_of_known(
        self, logits: torch.Tensor, labels: torch.Tensor, known: torch.Tensor
    ) -> torch.Tensor:
        losses = F.binary_cross_entropy_with_logits(
            logits.float(),
            labels.clamp(min=0).float(),
            pos_weight=self.pos_weight,
            reduction='none',
        )
        return losses[known].mean()

    def predict(self, logits: torch.Tensor) -> torch.Tensor:
        return logits.float().sigmoid()
