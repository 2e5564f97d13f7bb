from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mmcv.transforms import BaseTransform
from mmpretrain.registry import TRANSFORMS

from ...labels import IGNORE_LABEL


@TRANSFORMS.register_module()
class LabelDistribution(BaseTransform):
    """Replace the label of a face by a distribution over the classes.

    Data sets with different classes can then be trained together, see
    :func:`known_class_cross_entropy`.

    Required keys: ``gt_label``. Added key: ``gt_score``, float32 (C,), unless
    the face has one (votes) or no label.

    Args:
        num_classes: Number C of classes.
        smoothing: Part of the probability that is divided equally among the
            classes of the data set (label smoothing).
        missing: Indices of the classes that the data set does not have; their
            entry is -1.

    Raises:
        ValueError: An argument is out of range, or the label is one of the
            missing classes.
    """

    def __init__(
        self,
        num_classes: int,
        smoothing: float = 0.0,
        missing: Sequence[int] = (),
    ) -> None:
        wrong = [x for x in missing if not 0 <= x < num_classes]
        if wrong or not 0 <= smoothing < 1 or len(missing) >= num_classes:
            raise ValueError(
                f'LabelDistribution: missing={list(missing)} must be some of '
                f'the {num_classes} classes, and smoothing={smoothing} at '
                'least 0 and below 1.'
            )
        self.num_classes = num_classes
        self.smoothing = smoothing
        self.missing = list(missing)

    def transform(self, results: dict) -> dict:
        label = int(results['gt_label'])
        if label == IGNORE_LABEL:
            return results
        score = results.get('gt_score')
        if score is None:
            count = self.num_classes - len(self.missing)
            score = np.full(self.num_classes, self.smoothing / count)
            score[label] += 1 - self.smoothing
        if label in self.missing:
            raise ValueError(
                f'{results.get("img_path", "face")}: its class {label} is '
                'listed as missing in LabelDistribution.'
            )
        score = np.array(score, np.float32)
        score[self.missing] = -1
        return dict(results, gt_score=score)
