from __future__ import annotations

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmengine.registry import TRANSFORMS
from mmengine.structures import BaseDataElement


@TRANSFORMS.register_module()
class PackClipInputs(BaseTransform):
    """Pack a clip of :class:`VideoClipDataset` for :class:`FrameRecognizer`.

    ``inputs`` are frames uint8 (T, 3, H, W) or cached features float16
    (T, D). The data sample holds ``gt_label`` int64 (T,) and
    ``valid`` bool (T,), and as metainfo ``video``, ``start``, ``num_frames``
    and, for cached features, ``student_sha256``. Valence and arousal are
    float32 (T, 2) in ``gt_label``, action units int64 (T, 12). Several tasks
    have a ``<task>_gt_label`` each, several streams ``stream_valid`` bool
    (T, S).
    """

    meta_keys = ('video', 'start', 'num_frames', 'student_sha256')

    def transform(self, results: dict) -> dict:
        inputs = results['features' if 'features' in results else 'imgs']
        sample = BaseDataElement(
            metainfo={k: results[k] for k in self.meta_keys if k in results}
        )
        labels = results['gt_labels']
        fields = {'gt_label': labels}
        if labels.dtype.names:
            fields = {f'{x}_gt_label': labels[x] for x in labels.dtype.names}
        for key, value in fields.items():
            value = torch.from_numpy(np.ascontiguousarray(value))
            sample.set_field(value, key)
        for key in ('valid', 'stream_valid'):
            if key in results:
                sample.set_field(torch.from_numpy(results[key]), key)
        return dict(inputs=torch.from_numpy(inputs), data_samples=sample)
