from __future__ import annotations

import numpy as np
import torch
from mmengine.registry import DATASETS

from ..folder_layout import FolderLayout
from ..unreadable_images import load_frame
from .abaw_annotation import is_annotated
from .base_video_dataset import BaseVideoDataset


@DATASETS.register_module()
class VideoFrameDataset(BaseVideoDataset):
    """Dataset of video frames as images, one item per frame WITH A FACE.

    It serves to test an image classifier on videos frame by frame, and to
    extract features. Items are ``img_path``, ``gt_label`` (-1 = not
    annotated), ``video``, ``start`` (0-based number of the frame) and
    ``num_frames`` (length of the video). Valence and arousal are a float32
    tensor (2,) in ``gt_label``, action units an int64 tensor (12,). For the
    metric, name the last three in the packing transform: ``meta_keys=('video',
    'start', 'num_frames')``.

    With several tasks there is no ``gt_label``, but a ``<task>_gt_label`` of
    each, as a tensor. Name those in the packing transform as well:
    ``algorithm_keys=('EXPR_gt_label', 'VA_gt_label', 'AU_gt_label')``.

    Args:
        only_labeled: Leave out frames without annotation, for training.

    Example:
        >>> dataset = dict(
        ...     type='VideoFrameDataset',
        ...     ann_file='frames.csv',
        ...     data_root='data/videos',
        ...     split='val',
        ...     test_mode=True,
        ... )
    """

    layouts = (
        FolderLayout(
            'frames CSV',
            dataset='VideoFrameDataset',
            markers=('frames.csv',),
            required=('frames',),
            parts=dict(frames=dict(ann_file='frames.csv')),
        ),
    )

    def __init__(
        self, ann_file: str = '', only_labeled: bool = False, **kwargs
    ) -> None:
        self.only_labeled = only_labeled
        super().__init__(ann_file, **kwargs)

    def load_items(self) -> np.ndarray:
        use = self.has_face
        if self.only_labeled:
            use = use & is_annotated(self.labels)
        return np.flatnonzero(use)

    def get_data_info(self, idx: int) -> dict:
        row = int(self.data_list[idx])
        video = int(np.searchsorted(self.offsets, row, side='right')) - 1
        first, stop = self.offsets[video], self.offsets[video + 1]
        info = {}
        if self.labels.dtype.names:
            for task in self.labels.dtype.names:
                label = self.labels[task][row]
                info[f'{task}_gt_label'] = torch.tensor(label)
        elif self.labels.ndim == 1:
            info['gt_label'] = int(self.labels[row])
        else:  # PackInputs would round an array to whole numbers
            info['gt_label'] = torch.tensor(self.labels[row])
        return dict(
            info,
            img_path=self.image_path(row),
            video=self.video_names[video],
            start=int(row - first),
            num_frames=int(stop - first),
            sample_idx=idx,
        )

    def get_gt_labels(self) -> np.ndarray:
        """Return the class index of every item, (N,), -1 if unknown.

        For valence and arousal (N, 2), for action units (N, 12), for several
        tasks a structured array (N,).
        """
        return self.labels[self.data_list]

    def get_cat_ids(self, idx: int) -> list[int]:
        """Return the class of an item, for mmengine's ClassBalancedDataset."""
        return [self.get_data_info(idx)['gt_label']]

    def prepare_data(self, idx: int) -> dict:
        """Run item ``idx`` through the pipeline.

        Raises:
            ValueError: The image cannot be read.
        """
        return load_frame(self.pipeline, self.get_data_info(idx))
