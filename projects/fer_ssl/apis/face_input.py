from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import NoReturn

import cv2
import numpy as np
from mmcv.transforms import CenterCrop, RandomGrayscale, Resize
from mmengine.config import Config
from mmpretrain.registry import TRANSFORMS

from ..utils.config_types import class_of, is_type
from .face_pipeline import REPLACED, faces_pipeline

# Fixed-point weights of OpenCV's conversion of uint8 to gray.
_OPENCV_WEIGHTS = tuple(x / 32768 for x in (9798, 19235, 3735))


@dataclass(frozen=True)
class GrayConversion:
    """Conversion to gray: ``floor(weights . (red, green, blue) + offset)``.

    Attributes:
        weights: Weights of red, green and blue, to be divided by their sum.
        offset: 0.5 to round and 0 to cut off.
        channels: Number of equal channels that the network reads, 1 or 3.
        first: Whether the test converts before it resizes.
    """

    weights: tuple[float, float, float]
    offset: float
    channels: int
    first: bool


@dataclass(frozen=True)
class FaceInput:
    """What the test of a network does to a face before the normalization.

    Attributes:
        side: Side of the square input in pixels.
        steps: Configs of ``Resize`` and ``CenterCrop``, in order.
        face_crop: ``size``, the side of a face before the steps (0 for any),
            and ``margin`` around its box; see the configs.
        gray: Conversion to gray; ``None`` if the network sees colors.
    """

    side: int
    steps: tuple[dict, ...]
    face_crop: dict
    gray: GrayConversion | None

    @classmethod
    def from_config(cls, cfg: Config) -> FaceInput:
        """Read the test pipeline of a config.

        Raises:
            ValueError: It has a step that cannot be exported, or does not
                tell the side of a face.
        """
        crop = dict(cfg.get('face_crop') or {})
        crop = dict(margin=0.2, size=0) | crop
        gray, side, steps = None, crop['size'], []
        for step in faces_pipeline(cfg):
            kind = class_of(step, TRANSFORMS)
            options = {k: v for k, v in step.items() if k != 'type'}
            if kind is Resize and (gray is None or gray.first):
                side = _side_of_resize(Resize(**options))
                steps.append(dict(options, type='Resize', scale=side))
            elif kind is CenterCrop and side:
                side = _side_of_crop(CenterCrop(**options), side)
                steps.append(dict(type='CenterCrop', crop_size=side))
            elif kind is RandomGrayscale:
                gray = _gray_of_step(RandomGrayscale(**options), gray)
            elif str(step.get('color_type')).startswith('grayscale'):
                gray = GrayConversion(_OPENCV_WEIGHTS, 0.5, 1, True)
            elif not is_type(step, REPLACED, TRANSFORMS):
                _refuse(step)
        if not side:
            raise ValueError(
                'the test pipeline of this config does not resize, so the '
                'side of a face is unknown. State it by '
                'face_crop=dict(size=...) in the config.'
            )
        return cls(side, tuple(steps), crop, gray)

    @classmethod
    def from_metadata(cls, metadata: dict) -> FaceInput:
        """Read what ``dataclasses.asdict`` made of an instance.

        Args:
            metadata: It; other entries are ignored.

        Raises:
            KeyError, TypeError, ValueError: It is something else.
        """
        parts = {x.name: metadata[x.name] for x in fields(cls)}
        if parts['gray'] is not None:
            parts['gray'] = GrayConversion(**parts['gray'])
        result = cls(**parts)
        if cls.from_config(result.to_config()).side != result.side:
            raise ValueError(f'The steps do not lead to side {result.side}.')
        return result

    def to_config(self) -> Config:
        """Return a config whose test prepares a face in the same way.

        The faces come out in gray if :attr:`gray` is first, and in color
        otherwise.
        """
        first = self.gray is not None and self.gray.first
        load = dict(type='LoadImageFromFile')
        if first:
            load['color_type'] = 'grayscale'
        pipeline = [load, *self.steps, dict(type='PackInputs')]
        return Config(
            dict(
                default_scope='mmpretrain',
                face_crop=self.face_crop,
                test_dataloader=dict(dataset=dict(pipeline=pipeline)),
            )
        )

    def resize(self, image: np.ndarray) -> np.ndarray:
        """Resize and crop a face, uint8 BGR (H, W, 3), to (S, S, 3)."""
        size = self.face_crop['size']
        steps: Sequence[dict] = self.steps
        if size and not any(step['type'] == 'Resize' for step in steps):
            steps = [dict(type='Resize', scale=size), *steps]
        for step in steps:
            # Not from a registry: mmaction2 has another Resize.
            kind = Resize if step['type'] == 'Resize' else CenterCrop
            options = {k: v for k, v in step.items() if k != 'type'}
            image = kind(**options)(dict(img=image))['img']
        return image

    def to_network(self, image: np.ndarray) -> np.ndarray:
        """Convert a face, uint8 BGR (S, S, 3), to what the network reads.

        This is done by the transforms of the test themselves, so that an
        exported network can be compared with it.

        Returns:
            uint8 (C, S, S), BGR or gray.
        """
        if self.gray is not None and self.gray.first:
            image = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        elif self.gray is not None:
            step = RandomGrayscale(
                prob=1.0,
                keep_channels=self.gray.channels == 3,
                channel_weights=self.gray.weights[::-1],
            )
            image = step(dict(img=image))['img']
        image = image.reshape(*image.shape[:2], -1)
        return np.ascontiguousarray(image.transpose(2, 0, 1))


def _side_of_resize(step: Resize) -> int:
    """Return the side of the square that a step resizes to."""
    if step.scale is None or step.scale[0] != step.scale[1] or step.keep_ratio:
        _refuse(step)
    return step.scale[0]


def _side_of_crop(step: CenterCrop, side: int) -> int:
    """Return the side of the square that a step crops from another one."""
    width, height = step.crop_size
    if width != height or width > side:
        _refuse(step)
    return width


def _gray_of_step(
    step: RandomGrayscale, gray: GrayConversion | None
) -> GrayConversion:
    if gray is not None and gray.first:
        return gray  # the step does nothing to an image of one channel
    if gray is not None or step.prob != 1.0 or step.color_format != 'bgr':
        _refuse(step)
    channels = 3 if step.keep_channels else 1
    return GrayConversion(step.channel_weights[::-1], 0.0, channels, False)


def _refuse(step: object) -> NoReturn:
    raise ValueError(
        f'the test pipeline of this config has the step {step}, which is not '
        'exported. An exported network reads square faces after Resize to a '
        'square and CenterCrop, in color or in gray (color_type of '
        'LoadImageFromFile, or RandomGrayscale(prob=1.0) after Resize).'
    )
