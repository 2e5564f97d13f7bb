from __future__ import annotations

import torch
from mmengine.model import BaseModel, BaseModule
from mmengine.registry import MODELS

from ..utils.files import file_sha256
from .student_checkpoint import load_student_backbone

# Frames per pass of the student: bounds memory for any batch of clips.
_FRAMES_AT_ONCE = 256


@MODELS.register_module()
class FrameRecognizer(BaseModel):
    """Frozen student of phase 1 with a temporal head (paper A, section 3.4).

    The model makes one prediction per frame of a clip. Inputs are frames (N,
    T, 3, H, W) or cached features (N, T, D) of the same student. The student
    is part of the model either way, so a head that was trained on features
    also runs on frames: the checkpoint holds both. Further streams, such as
    sound, are always features; the encoder then is a ``StreamFusionEncoder``.

    Cached features carry the SHA-256 of the checkpoint that they were made
    with. The model stores that of its own student, also in its checkpoints,
    and refuses features of any other student.

    Args:
        backbone: The student's backbone, as in the spatial config but with
            scope: ``dict(type='mmpretrain.ResNet', depth=50)``.
        cls_head: Head with logits per frame, such as ``TemporalFrameHead``.
        student_checkpoint: Checkpoint of the spatial phase. ``None`` if the
            student comes with a checkpoint of this model.
        data_preprocessor: Mean and standard deviation of the spatial phase.
    """

    def __init__(
        self,
        backbone: dict,
        cls_head: dict,
        student_checkpoint: str | None = None,
        data_preprocessor: dict | None = None,
    ) -> None:
        super().__init__(
            data_preprocessor or dict(type='FrameDataPreprocessor')
        )
        self.backbone = MODELS.build(backbone)
        self.cls_head = MODELS.build(cls_head)
        self.register_buffer(
            'student_digest', torch.zeros(32, dtype=torch.uint8)
        )
        self._student_sha256 = None
        if student_checkpoint is not None:
            load_student_backbone(self.backbone, student_checkpoint)
            digest = bytes.fromhex(file_sha256(student_checkpoint))
            self.student_digest.copy_(torch.tensor(list(digest)))
            if isinstance(self.backbone, BaseModule):
                # Or Runner.train would initialize the student's weights again.
                self.backbone.is_init = True
        self.backbone.requires_grad_(False).eval()

    @property
    def student_sha256(self) -> str | None:
        """SHA-256 of the student's checkpoint; ``None`` if none is loaded."""
        if self._student_sha256 is None:
            digest = bytes(self.student_digest.tolist())
            self._student_sha256 = digest.hex() if any(digest) else None
        return self._student_sha256

    def _load_from_state_dict(self, *args, **kwargs) -> None:
        super()._load_from_state_dict(*args, **kwargs)
        self._student_sha256 = None  # read again: student_digest has changed

    def train(self, mode: bool = True) -> FrameRecognizer:
        """Set the mode of the head; the student stays in eval mode."""
        super().train(mode)
        self.backbone.eval()
        return self

    @torch.no_grad()
    def student_features(self, images: torch.Tensor) -> torch.Tensor:
        """Compute pooled features (B, D) of normalized images (B, 3, H, W).

        These are the input of the student's classifier, and what
        ``tools/extract_features.py`` stores.
        """
        features = []
        for chunk in images.split(_FRAMES_AT_ONCE):
            feature = self.backbone(chunk)
            if isinstance(feature, tuple):
                feature = feature[-1]
            if feature.dim() == 4:
                feature = feature.mean(dim=(2, 3))
            features.append(feature.float())
        return torch.cat(features)

    def extract_feat(
        self,
        inputs: torch.Tensor,
        stage: str = 'backbone',
        data_samples: list | None = None,
    ) -> tuple[torch.Tensor, dict]:
        """Compute frame features, and the arguments of the head.

        Args:
            inputs: Frames (N, T, 3, H, W) or features (N, T, D).
            stage: ``'backbone'``, or ``'head'`` for logits (N, T, C).
            data_samples: N samples with ``valid`` (T,) and, for S streams,
                ``stream_valid`` (T, S). Without samples all frames count as
                valid.

        Returns:
            Features (N, T, D), zero at invalid frames, and
            ``dict(valid=bool (N, T))``, or bool (N, T, S) for S streams.
        """
        if data_samples is None:
            valid = inputs.new_ones(inputs.shape[:2], dtype=torch.bool)
        else:
            valid = torch.stack([sample.valid for sample in data_samples])
        if inputs.dim() == 5:
            # Only valid frames go through the student.
            frames = self.student_features(inputs[valid])
            features = frames.new_zeros((*valid.shape, frames.size(1)))
            features[valid] = frames
        else:
            self._check_origin(data_samples or [])
            features = inputs
            if data_samples and 'stream_valid' in data_samples[0]:
                valid = torch.stack([x.stream_valid for x in data_samples])
                self._check_streams(valid.size(-1))
        if stage == 'head':
            return self.cls_head(features, valid), dict()
        return features, dict(valid=valid)

    def _check_streams(self, num_streams: int) -> None:
        """Refuse streams that the encoder cannot tell apart."""
        encoder = self.cls_head.temporal_encoder
        expected = getattr(encoder, 'num_streams', 0)
        if expected != num_streams:
            raise ValueError(
                f'The clips have {num_streams} streams, but '
                f'{type(encoder).__name__} takes {expected or "no"} streams, '
                'and would read a missing one as zeros. Use a '
                'StreamFusionEncoder with one entry of `streams` for each '
                'entry of `feature_store`.'
            )

    def _check_origin(self, data_samples: list) -> None:
        """Refuse cached features of another student."""
        stamps = {sample.get('student_sha256') for sample in data_samples}
        stamps.discard(None)
        for stamp in stamps - {self.student_sha256}:
            own = (self.student_sha256 or 'none')[:12]
            raise ValueError(
                f'The cached features were made with student {stamp[:12]}, '
                f'but the student of this model is {own} (SHA-256 of the '
                'checkpoint file). Run tools/extract_features.py with the '
                'checkpoint that model.student_checkpoint names.'
            )

    def forward(
        self,
        inputs: torch.Tensor,
        data_samples: list | None = None,
        mode: str = 'tensor',
        stage: str = 'backbone',
    ) -> torch.Tensor | dict | list:
        """Compute features or logits, losses or predictions.

        Args:
            inputs: Frames (N, T, 3, H, W) or features (N, T, D).
            data_samples: N samples, see :meth:`extract_feat`.
            mode: ``'loss'`` for losses by name, ``'predict'`` for samples with
                the scores of every frame, ``'tensor'`` for a tensor.
            stage: With ``'tensor'``: see :meth:`extract_feat`.
        """
        if mode == 'tensor':
            return self.extract_feat(inputs, stage)[0]
        features, arguments = self.extract_feat(
            inputs, data_samples=data_samples
        )
        if mode == 'loss':
            return self.cls_head.loss(features, data_samples, **arguments)
        return self.cls_head.predict(features, data_samples, **arguments)
