from __future__ import annotations

import torch
from mmaction.models.heads import BaseHead
from mmengine.registry import MODELS

from .frame_classifier import FrameClassifier


@MODELS.register_module()
class TemporalFrameHead(BaseHead):
    """A temporal encoder and one task for every frame.

    mmaction2's heads predict once per clip; this one predicts T times.

    Args:
        num_classes: Number C of classes; 2 for valence and arousal, the
            number of action units.
        temporal_encoder: Config of a module (N, T, D), valid (N, T) ->
            (N, T, E) with attribute ``embed_dims``.
        loss_cls: Loss of (n, C) logits and (n,) labels, for expressions, the
            task by default.
        dropout: Probability before the classifier.
        task: Config of another task, :class:`ExpressionTask` with more
            options, :class:`ValenceArousalTask`, :class:`ActionUnitTask`.
        hidden_channels: Width of a hidden layer of the classifier, see
            :class:`FrameClassifier`.
    """

    def __init__(
        self,
        num_classes: int,
        temporal_encoder: dict,
        loss_cls: dict | None = None,
        dropout: float = 0.1,
        task: dict | None = None,
        hidden_channels: int | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(
            num_classes, temporal_encoder['in_channels'], init_cfg=init_cfg
        )
        del self.loss_cls  # the base class has one; here it is the task's
        if task is None:
            task = dict(type='ExpressionTask', loss_cls=loss_cls)
        self.temporal_encoder = MODELS.build(temporal_encoder)
        self.task = MODELS.build(dict(task, num_outputs=num_classes))
        self.classifier = FrameClassifier(
            self.temporal_encoder.embed_dims,
            num_classes,
            hidden_channels,
            dropout,
        )

    def forward(self, x: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
        """Logits (N, T, C) of features (N, T, D) with valid bool (N, T)."""
        return self.classifier(self.temporal_encoder(x, valid), valid)

    def loss_by_feat(
        self, cls_scores: torch.Tensor, data_samples: list
    ) -> dict[str, torch.Tensor]:
        """Loss over the labeled valid frames of the batch.

        Args:
            cls_scores: Logits, (N, T, C).
            data_samples: N samples with ``gt_label``, (T,) or (T, C), and
                ``valid`` (T,).

        Returns:
            ``loss_cls``: zero where the batch has no such frame.
        """
        labels = torch.stack([sample.gt_label for sample in data_samples])
        valid = torch.stack([sample.valid for sample in data_samples])
        return dict(loss_cls=self.task.loss(cls_scores, labels, valid))

    def predict_by_feat(
        self, cls_scores: torch.Tensor, data_samples: list
    ) -> list:
        """Write the scores of the frames that exist.

        ``pred_score`` (n, C), ``valid`` (n,) and ``gt_label`` (n, ...) of
        each sample are cut at the end of its video, so padding is never
        scored.
        """
        scores = self.task.predict(cls_scores)
        for sample, score in zip(data_samples, scores):
            n = min(len(score), sample.num_frames - sample.start)
            # set_pred_score would take n for the number of classes.
            sample.set_field(score[:n], 'pred_score')
            sample.set_field(sample.valid[:n], 'valid')
            sample.set_field(sample.gt_label[:n], 'gt_label')
        return data_samples
