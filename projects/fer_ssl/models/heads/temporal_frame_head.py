from __future__ import annotations

import torch
from mmaction.models.heads import BaseHead
from mmengine.registry import MODELS
from torch import nn

from ...labels import IGNORE_LABEL


@MODELS.register_module()
class TemporalFrameHead(BaseHead):
    """A temporal encoder and a classifier of every frame.

    mmaction2's heads predict once per clip; this one predicts T times.

    Args:
        num_classes: Number C of classes.
        temporal_encoder: Config of a module (N, T, D), valid (N, T) ->
            (N, T, E) with attribute ``embed_dims``.
        loss_cls: Loss of (n, C) logits and (n,) labels. Class weights belong
            here: ``dict(type='CrossEntropyLoss', class_weight=[...])``.
        dropout: Probability before the classifier.
    """

    def __init__(
        self,
        num_classes: int,
        temporal_encoder: dict,
        loss_cls: dict | None = None,
        dropout: float = 0.1,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(
            num_classes,
            temporal_encoder['in_channels'],
            loss_cls=loss_cls or dict(type='CrossEntropyLoss'),
            init_cfg=init_cfg,
        )
        self.temporal_encoder = MODELS.build(temporal_encoder)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(self.temporal_encoder.embed_dims, num_classes)

    def forward(self, x: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
        """Logits (N, T, C) of features (N, T, D) with valid bool (N, T)."""
        return self.fc(self.dropout(self.temporal_encoder(x, valid)))

    def loss_by_feat(
        self, cls_scores: torch.Tensor, data_samples: list
    ) -> dict[str, torch.Tensor]:
        """Mean loss over the labeled valid frames of the batch.

        Args:
            cls_scores: Logits, (N, T, C).
            data_samples: N samples with ``gt_label`` (T,), -1 = not
                annotated, and ``valid`` (T,).

        Returns:
            ``loss_cls``: zero where the batch has no such frame.
        """
        labels = torch.stack([sample.gt_label for sample in data_samples])
        valid = torch.stack([sample.valid for sample in data_samples])
        use = valid & (labels != IGNORE_LABEL)
        if not use.any():
            # Still a function of the weights, as backward and DDP need.
            return dict(loss_cls=cls_scores.sum() * 0.0)
        return dict(loss_cls=self.loss_cls(cls_scores[use], labels[use]))

    def predict_by_feat(
        self, cls_scores: torch.Tensor, data_samples: list
    ) -> list:
        """Write the probabilities of the frames that exist.

        ``pred_score`` (n, C), ``valid`` (n,) and ``gt_label`` (n,) of each
        sample are cut at the end of its video, so padding is never scored.
        """
        scores = cls_scores.float().softmax(dim=-1)
        for sample, score in zip(data_samples, scores):
            n = min(len(score), sample.num_frames - sample.start)
            # set_pred_score would take n for the number of classes.
            sample.set_field(score[:n], 'pred_score')
            sample.set_field(sample.valid[:n], 'valid')
            sample.set_field(sample.gt_label[:n], 'gt_label')
        return data_samples
