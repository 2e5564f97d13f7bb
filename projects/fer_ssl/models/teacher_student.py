from __future__ import annotations

import copy

import torch
from mmengine.model import BaseModel
from mmengine.registry import MODELS


@MODELS.register_module()
class TeacherStudent(BaseModel):
    """Two networks of one architecture with separate weights (paper A, 3.3).

    :class:`MetaPseudoLabelLoop` trains them. As a model it is a classifier:
    the student's prediction is in ``pred_score`` and ``pred_label``, the
    teacher's in ``teacher_pred_score``.

    Args:
        network: Config of one mmpretrain ``ImageClassifier``, built twice.
        data_preprocessor: Preprocessor that both networks share.

    Example:
        >>> model = dict(
        ...     type='TeacherStudent',
        ...     network=dict(
        ...         type='ImageClassifier',
        ...         backbone=dict(type='ResNet', depth=50),
        ...         neck=dict(type='GlobalAveragePooling'),
        ...         head=dict(
        ...             type='LinearClsHead', num_classes=8, in_channels=2048
        ...         ),
        ...     ),
        ...     data_preprocessor=dict(type='ClsDataPreprocessor'),
        ... )
    """

    def __init__(
        self, network: dict, data_preprocessor: dict, init_cfg=None
    ) -> None:
        super().__init__(data_preprocessor, init_cfg)
        self.teacher = MODELS.build(copy.deepcopy(network))
        self.student = MODELS.build(copy.deepcopy(network))
        self._register_state_dict_hook(_drop_wrapper_prefix)

    def forward(self, inputs, data_samples=None, mode: str = 'tensor'):
        """Return the student's logits (N, C), or samples with predictions.

        Args:
            inputs: Normalized faces, (N, 3, H, W).
            data_samples: mmpretrain data samples, filled in ``'predict'``.
            mode: ``'tensor'`` or ``'predict'``.
        """
        if mode == 'tensor':
            return self.student(inputs, mode='tensor')
        if mode == 'predict':
            return self.predict(inputs, data_samples)
        raise ValueError(
            f'TeacherStudent has no forward mode {mode!r}: it is trained by '
            "train_cfg=dict(type='MetaPseudoLabelLoop', ...)."
        )

    def predict(self, inputs: torch.Tensor, data_samples=None) -> list:
        samples = self.student(inputs, data_samples, mode='predict')
        teacher = self.teacher(inputs, mode='tensor').softmax(dim=1)
        for sample, score in zip(samples, teacher):
            sample.set_field(score, 'teacher_pred_score')
        return samples


def _drop_wrapper_prefix(model, state_dict, prefix, local_metadata) -> None:
    """Remove DDP's ``module.`` from the names of saved weights.

    With ``MMSeparateDistributedDataParallel`` the networks are wrapped inside
    the model. If saved as ``teacher.module.*``, the weights would be silently
    ignored by every later load, which looks for ``teacher.*``.
    """
    for name in ('teacher', 'student'):
        wrapped = f'{prefix}{name}.module.'
        for key in [key for key in state_dict if key.startswith(wrapped)]:
            new_key = f'{prefix}{name}.{key[len(wrapped) :]}'
            state_dict[new_key] = state_dict.pop(key)
