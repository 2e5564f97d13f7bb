from __future__ import annotations

import torch
from mmengine.model import BaseModule
from mmengine.registry import MODELS
from mmpretrain.structures import DataSample
from torch import nn


@MODELS.register_module()
class MultiTaskImageHead(BaseModule):
    """Head of an ``ImageClassifier`` with a linear layer for each task.

    The tasks are those of :class:`MultiTaskFrameHead`. Each learns from the
    images that are annotated for it, so an image may be annotated for only
    some of them.

    Args:
        tasks: Configs of the tasks by their names in the data set:
            ``dict(EXPR=dict(type='ExpressionTask'), ...)``.
        in_channels: Number D of features.
        init_cfg: Initialization of the linear layers; normal with a standard
            deviation of 0.01 by default.
    """

    def __init__(
        self,
        tasks: dict[str, dict],
        in_channels: int,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(
            init_cfg or dict(type='Normal', layer='Linear', std=0.01)
        )
        self.tasks = nn.ModuleDict(
            {name: MODELS.build(task) for name, task in tasks.items()}
        )
        self.classifiers = nn.ModuleDict(
            {
                name: nn.Linear(in_channels, task.num_outputs)
                for name, task in self.tasks.items()
            }
        )

    @property
    def num_classes(self) -> int:
        """Number of outputs of all tasks."""
        return sum(task.num_outputs for task in self.tasks.values())

    def forward(
        self, feats: tuple[torch.Tensor, ...]
    ) -> dict[str, torch.Tensor]:
        """Compute logits (N, C) by task from the last features (N, D)."""
        return {
            name: layer(feats[-1]) for name, layer in self.classifiers.items()
        }

    def loss(
        self, feats: tuple[torch.Tensor, ...], data_samples: list[DataSample]
    ) -> dict[str, torch.Tensor]:
        """Compute ``loss_<task>`` of each task.

        Args:
            feats: Features, the last of them (N, D).
            data_samples: N samples with a ``<task>_gt_label`` for each task,
                a scalar or (C,).

        Returns:
            Losses by name; zero if no image is annotated for the task.
        """
        losses = {}
        for name, logits in self(feats).items():
            labels = [s.get(f'{name}_gt_label') for s in data_samples]
            labels = torch.stack(labels).to(logits.device)
            # An image is a clip of one frame, which is always valid.
            valid = labels.new_ones((len(labels), 1), dtype=torch.bool)
            losses[f'loss_{name}'] = self.tasks[name].loss(
                logits[:, None], labels[:, None], valid
            )
        return losses

    def predict(
        self,
        feats: tuple[torch.Tensor, ...],
        data_samples: list[DataSample] | None = None,
    ) -> list[DataSample]:
        """Write ``<task>_pred_score`` (C,) of each task into the samples."""
        logits = self(feats)
        if data_samples is None:
            data_samples = [DataSample() for _ in feats[-1]]
        for name, task in self.tasks.items():
            for sample, score in zip(data_samples, task.predict(logits[name])):
                sample.set_field(score, f'{name}_pred_score')
        return data_samples
