from __future__ import annotations

import torch
from mmengine.registry import MODELS
from torch import nn

from .frame_classifier import FrameClassifier
from .frame_head import FrameHead


@MODELS.register_module()
class MultiTaskFrameHead(FrameHead):
    """Head with one temporal encoder for several tasks per frame.

    Each task uses the frames that are annotated for it, so a frame, a clip or
    a data set may be annotated for only some of the tasks.

    Args:
        tasks: Configs of the tasks by their names in the data set:
            ``dict(EXPR=dict(type='ExpressionTask'), ...)``.
        temporal_encoder: See :class:`TemporalFrameHead`.
        dropout: Dropout probability before the classifiers.
        hidden_channels: Width of a hidden layer of each classifier, see
            :class:`FrameClassifier`.
    """

    def __init__(
        self,
        tasks: dict[str, dict],
        temporal_encoder: dict,
        dropout: float = 0.1,
        hidden_channels: int | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        built = {name: MODELS.build(task) for name, task in tasks.items()}
        super().__init__(
            sum(task.num_outputs for task in built.values()), init_cfg
        )
        self.temporal_encoder = MODELS.build(temporal_encoder)
        self.tasks = nn.ModuleDict(built)
        self.classifiers = nn.ModuleDict(
            {
                name: FrameClassifier(
                    self.temporal_encoder.embed_dims,
                    task.num_outputs,
                    hidden_channels,
                    dropout,
                )
                for name, task in built.items()
            }
        )

    def forward(
        self, x: torch.Tensor, valid: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """Compute logits (N, T, C) by task from features (N, T, D)."""
        x = self.temporal_encoder(x, valid)
        return {
            name: classifier(x, valid)
            for name, classifier in self.classifiers.items()
        }

    def loss_by_feat(
        self, cls_scores: dict[str, torch.Tensor], data_samples: list
    ) -> dict[str, torch.Tensor]:
        """Compute ``loss_<task>`` of each task.

        Args:
            cls_scores: Logits (N, T, C) by task.
            data_samples: N samples with a ``<task>_gt_label``, (T,) or
                (T, C), for each task, and with ``valid`` (T,).

        Returns:
            Losses by name; zero if no frame is labeled for the task.
        """
        valid = torch.stack([sample.valid for sample in data_samples])
        return {
            f'loss_{name}': task.loss(
                cls_scores[name],
                torch.stack([s.get(f'{name}_gt_label') for s in data_samples]),
                valid,
            )
            for name, task in self.tasks.items()
        }

    def predict_by_feat(
        self, cls_scores: dict[str, torch.Tensor], data_samples: list
    ) -> list:
        """Write ``<task>_pred_score`` (n, C) into the samples.

        Together with ``valid`` (n,) and ``<task>_gt_label`` they are cut at
        the end of the sample's video, so padding is never scored.
        """
        for name, task in self.tasks.items():
            scores = task.predict(cls_scores[name])
            for sample, score in zip(data_samples, scores):
                n = min(len(score), sample.num_frames - sample.start)
                label = sample.get(f'{name}_gt_label')[:n]
                sample.set_field(score[:n], f'{name}_pred_score')
                sample.set_field(label, f'{name}_gt_label')
                sample.set_field(sample.valid[:n], 'valid')
        return data_samples
