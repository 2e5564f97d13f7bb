from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.registry import MODELS
from mmpretrain.models.tta import AverageClsScoreTTA
from mmpretrain.structures import DataSample


@MODELS.register_module()
class AverageScoresTTA(AverageClsScoreTTA):
    """Average the probabilities of several views of each image.

    The views are those of mmcv's ``TestTimeAug`` in the pipeline of the test.
    mmpretrain's ``AverageClsScoreTTA`` averages ``pred_score`` alone and would
    keep the teacher's score of the first view. This class averages every score
    whose name ends in ``_pred_score`` as well.

    Args:
        module: Config of the classifier, such as :class:`TeacherStudent`; it
            loads the same checkpoints as without this class.

    Example:
        >>> views = dict(
        ...     type='TestTimeAug',
        ...     transforms=[
        ...         [
        ...             dict(type='RandomFlip', prob=0.0),
        ...             dict(type='RandomFlip', prob=1.0),
        ...         ],
        ...         [dict(type='PackInputs')],
        ...     ],
        ... )
    """

    def _merge_single_sample(self, data_samples: Sequence) -> DataSample:
        merged = super()._merge_single_sample(data_samples)
        for key in merged.keys():
            if key.endswith('_pred_score'):
                scores = [sample.get(key) for sample in data_samples]
                merged.set_field(torch.stack(scores).mean(dim=0), key)
        return merged.set_pred_label(merged.pred_score.argmax())
