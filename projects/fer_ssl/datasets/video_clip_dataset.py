from __future__ import annotations

import numpy as np
from mmengine.registry import DATASETS

from .abaw_annotation import ignored_like, is_annotated
from .base_video_dataset import BaseVideoDataset
from .feature_store import FeatureStore


def window_starts(num_frames: int, window: int, stride: int) -> np.ndarray:
    """First frames of windows that together cover a whole video.

    The last window ends with the video, so no tail is lost; it overlaps its
    neighbour more than the others do. A video shorter than a window has one.
    """
    last = max(num_frames - window, 0)
    starts = np.arange(0, last + 1, stride)
    return starts if starts[-1] == last else np.append(starts, last)


@DATASETS.register_module()
class VideoClipDataset(BaseVideoDataset):
    """Windows over videos: one item per clip of ``window`` frames.

    Items are ``video``, ``start`` (0-based first frame), ``num_frames``
    (length of the video), ``gt_labels`` int64 (window,), ``valid`` bool
    (window,) and ``features`` float16 (window, D) or ``img_paths`` (window
    strings). ``valid`` marks real frames with a face: a short video is padded
    with label -1, valid False, zero features and '' paths. Valence and arousal
    are float32 (window, 2) in ``gt_labels``, padded with -5, action units
    int64 (window, 12). Of several tasks they are records, ``gt_labels['VA']``.

    Clips that nothing can be learned from (in training: no labeled face) or
    predicted for (in test: no face) are left out.

    Args:
        window: Frames per clip; 64 in paper A, section 4.2.
        stride: Frames between the starts of neighbouring clips. Below
            ``window`` they overlap. Defaults to ``window``.
        random_shift: In training, move a clip by up to half a stride each
            time it is drawn, so that every start occurs.
        feature_store: Folder written by ``tools/extract_features.py``. Items
            then hold ``features`` and no image is read.

    Example:
        >>> dataset = dict(
        ...     type='VideoClipDataset',
        ...     ann_file='frames.csv',
        ...     data_root='data/videos',
        ...     split='train',
        ...     stride=32,
        ...     random_shift=True,
        ...     feature_store='work_dirs/features',
        ...     pipeline=[dict(type='PackClipInputs')],
        ... )
    """

    def __init__(
        self,
        ann_file: str = '',
        window: int = 64,
        stride: int | None = None,
        random_shift: bool = False,
        feature_store: str | None = None,
        **kwargs,
    ) -> None:
        self.window = window
        self.stride = stride or window
        self.random_shift = random_shift
        self.store = None
        if feature_store is not None:
            self.store = FeatureStore(feature_store)
        super().__init__(ann_file, **kwargs)

    def load_items(self) -> np.ndarray:
        """(video, start) of every clip, int64 (N, 2)."""
        usable = self.has_face.copy()
        if not self.test_mode:
            usable &= is_annotated(self.labels)
        # Usable frames before each frame: a clip's count is a difference.
        self._num_usable = np.concatenate([[0], np.cumsum(usable)])
        if self.store is not None:
            self._feature_rows = self.store.rows_of(
                self.video_names, self.offsets, self.images
            )
        items = []
        for video, first in enumerate(self.offsets[:-1]):
            num_frames = self.offsets[video + 1] - first
            starts = window_starts(num_frames, self.window, self.stride)
            starts = starts[self._is_usable(video, starts)]
            items.append(np.stack([np.full_like(starts, video), starts], 1))
        return np.concatenate(items)

    def _is_usable(self, video: int, start):
        """Whether clips of a video hold any frame to learn or predict."""
        begin = self.offsets[video] + start
        end = np.minimum(begin + self.window, self.offsets[video + 1])
        return self._num_usable[end] > self._num_usable[begin]

    def _shift(self, video: int, start: int) -> int:
        length = self.offsets[video + 1] - self.offsets[video]
        shift = np.random.randint(self.stride) - self.stride // 2
        shifted = min(max(start + shift, 0), max(length - self.window, 0))
        return shifted if self._is_usable(video, shifted) else start

    def get_data_info(self, idx: int) -> dict:
        video, start = self.data_list[idx]
        if self.random_shift and not self.test_mode:
            start = self._shift(video, start)
        begin = self.offsets[video] + start
        end = min(begin + self.window, self.offsets[video + 1])
        length = end - begin
        gt_labels = ignored_like(self.labels, self.window)
        gt_labels[:length] = self.labels[begin:end]
        valid = np.zeros(self.window, dtype=bool)
        valid[:length] = self.has_face[begin:end]
        info = dict(
            video=self.video_names[video],
            start=int(start),
            num_frames=int(self.offsets[video + 1] - self.offsets[video]),
            gt_labels=gt_labels,
            valid=valid,
            sample_idx=idx,
        )
        if self.store is None:
            paths = [''] * self.window
            for i in np.flatnonzero(valid):
                paths[i] = self.image_path(begin + i)
            info['img_paths'] = paths
        else:
            row = self._feature_rows[video] + start
            features = np.zeros((self.window, self.store.dim), np.float16)
            features[:length] = self.store.features[row : row + length]
            info['features'] = features
            info['student_sha256'] = self.store.student_sha256
        return info
