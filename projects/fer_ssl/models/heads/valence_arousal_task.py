from __future__ import annotations

import torch
from mmengine.registry import MODELS

from ...labels import IGNORE_VALENCE_AROUSAL
from .frame_task import FrameTask


@MODELS.register_module()
class ValenceArousalTask(FrameTask):
    """Regression of valence and arousal per frame; scores are in [-1, 1].

    A frame counts if both are annotated.

    Args:
        num_outputs: Number of outputs, always 2.
        loss: Config of the loss, with predictions and truth (N, T, 2) and
            known bool (N, T) as inputs; :class:`ConcordanceLoss` by default.
        output: ``'tanh'`` applies tanh to the logits, in the loss and in the
            scores. ``'clip'`` clips them to [-1, 1] in the scores only, as in
            paper B's code; clipped in the loss, they would get no gradient.
        loss_weight: Factor of the loss.
    """

    def __init__(
        self,
        num_outputs: int = 2,
        loss: dict | None = None,
        output: str = 'tanh',
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__(num_outputs, loss_weight)
        if output not in ('tanh', 'clip'):
            raise ValueError(
                f"output={output!r} is neither 'tanh' nor 'clip'."
            )
        self.output = output
        self.loss_function = MODELS.build(loss or dict(type='ConcordanceLoss'))

    def annotated(self, labels: torch.Tensor) -> torch.Tensor:
        return (labels != IGNORE_VALENCE_AROUSAL).all(dim=-1)

    def loss_of_known(
        self, logits: torch.Tensor, labels: torch.Tensor, known: torch.Tensor
    ) -> torch.Tensor:
        predicted = logits.tanh() if self.output == 'tanh' else logits
        return self.loss_function(predicted, labels, known)

    def predict(self, logits: torch.Tensor) -> torch.Tensor:
        logits = logits.float()
        return logits.tanh() if self.output == 'tanh' else logits.clamp(-1, 1)
