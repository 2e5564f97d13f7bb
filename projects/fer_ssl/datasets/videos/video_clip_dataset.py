from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from mmengine.registry import DATASETS

from .abaw_annotation import ignored_like, is_annotated
from .base_video_dataset import BaseVideoDataset
from .feature_store import FeatureStore


def window_starts(num_frames: int, window: int, stride: int) -> np.ndarray:
    """Return the first frames of windows that together cover a whole video.

    The last window ends with the video, so no frame is lost; it may overlap
    its neighbor more than the others do. A video shorter than a window has one
    window.
    """
    last = max(num_frames - window, 0)
    starts = np.arange(0, last + 1, stride)
    return starts if starts[-1] == last else np.append(starts, last)


@DATASETS.register_module()
class VideoClipDataset(BaseVideoDataset):
    """Dataset of windows over videos, one item per clip of ``window`` frames.

    Items are ``video``, ``start`` (0-based first frame), ``num_frames``
    (length of the video), ``gt_labels`` int64 (window,), ``valid`` bool
    (window,) and ``features`` float16 (window, D) or ``img_paths`` (window
    strings). ``valid`` marks existing frames with a face; a short video is
    padded with label -1, valid False, zero features and '' paths. Valence and
    arousal are float32 (window, 2) in ``gt_labels``, padded with -5, action
    units int64 (window, 12). With several tasks they are a structured array,
    ``gt_labels['VA']``.

    With several streams, ``features`` (window, D1 + D2 + ...) concatenates
    them in the given order, and ``stream_valid`` bool (window, S) says which
    of the S streams a frame has. ``valid`` then marks frames that have any of
    them, so a frame with sound but without a face is also predicted.

    Clips are left out if they have no labeled valid frame (in training) or no
    valid frame (in testing).

    Args:
        window: Frames per clip; 64 in paper A, section 4.2.
        stride: Frames between the starts of neighboring clips, which overlap
            if it is below ``window``. Defaults to ``window``.
        random_shift: In training, move a clip by up to half a stride each
            time it is drawn, so that every start occurs.
        feature_store: Folder written by ``tools/extract_features.py``. Items
            then have ``features``, and no image is read. For several streams,
            a dict from their names to their folders; ``student_sha256`` comes
            from the first stream that has one.

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
        feature_store: str | Mapping[str, str] | None = None,
        **kwargs,
    ) -> None:
        self.window = window
        self.stride = stride or window
        self.random_shift = random_shift
        self.has_streams = isinstance(feature_store, Mapping)
        if not self.has_streams:
            feature_store = dict(visual=feature_store) if feature_store else {}
        #: Store of each stream by name; empty if images are read.
        self.stores = {k: FeatureStore(v) for k, v in feature_store.items()}
        stamps = [store.student_sha256 for store in self.stores.values()]
        self._student_sha256 = next(filter(None, stamps), None)
        super().__init__(ann_file, **kwargs)

    def load_items(self) -> np.ndarray:
        """Return (video, start) of every clip, int64 (N, 2)."""
        self._feature_rows = [
            store.rows_of(self.video_names, self.offsets, self.images)
            for store in self.stores.values()
        ]
        self.stream_valid = self._read_stream_valid()
        usable = self.stream_valid.any(axis=1)
        if not self.test_mode:
            usable &= is_annotated(self.labels)
        # Usable frames before each frame: a clip's count is a difference.
        self._num_usable = np.concatenate([[0], np.cumsum(usable)])
        items = []
        for video, first in enumerate(self.offsets[:-1]):
            num_frames = self.offsets[video + 1] - first
            starts = window_starts(num_frames, self.window, self.stride)
            starts = starts[self._is_usable(video, starts)]
            items.append(np.stack([np.full_like(starts, video), starts], 1))
        return np.concatenate(items)

    def _read_stream_valid(self) -> np.ndarray:
        """Read which streams each of the F frames has, bool (F, S)."""
        streams = []
        for store, rows in zip(self.stores.values(), self._feature_rows):
            valid = self.has_face
            if store.valid is not None:
                lengths = np.diff(self.offsets)
                spans = zip(rows, rows + lengths)
                valid = [store.valid[row:end] for row, end in spans]
                valid = np.concatenate(valid)
            streams.append(valid)
        return np.stack(streams or [self.has_face], axis=1)

    def _is_usable(self, video: int, start):
        """Return which clips of a video have a frame to learn or predict."""
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
        stream_valid = np.zeros(
            (self.window, self.stream_valid.shape[1]), dtype=bool
        )
        stream_valid[:length] = self.stream_valid[begin:end]
        valid = stream_valid.any(axis=1)
        info = dict(
            video=self.video_names[video],
            start=int(start),
            num_frames=int(self.offsets[video + 1] - self.offsets[video]),
            gt_labels=gt_labels,
            valid=valid,
            sample_idx=idx,
        )
        if not self.stores:
            paths = [''] * self.window
            for i in np.flatnonzero(valid):
                paths[i] = self.image_path(begin + i)
            info['img_paths'] = paths
        else:
            info['features'] = self._features(video, start, length)
            if self.has_streams:
                info['stream_valid'] = stream_valid
            if self._student_sha256 is not None:
                info['student_sha256'] = self._student_sha256
        return info

    def _features(self, video: int, start: int, length: int) -> np.ndarray:
        """Read the features of all streams, float16 (window, D1 + D2...)."""
        stores = self.stores.values()
        width = sum(store.dim for store in stores)
        features = np.zeros((self.window, width), np.float16)
        left = 0
        for store, rows in zip(stores, self._feature_rows):
            row, right = rows[video] + start, left + store.dim
            features[:length, left:right] = store.read(row, length)
            left = right
        return features
