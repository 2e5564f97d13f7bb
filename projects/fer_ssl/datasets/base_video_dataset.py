from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mmengine.dataset import BaseDataset
from mmengine.fileio import join_path

from ..labels import ABAW_EXPRESSIONS
from .frames_csv import VideoAnnotation, read_frames_csv


class BaseVideoDataset(BaseDataset):
    """Videos of a frames CSV, held as a few long arrays.

    All frames of all videos stand one after another, so that neither start-up
    nor the copies in the workers grow with a Python object per frame:
    ``labels`` int64 (F,), ``has_face`` bool (F,), ``images`` bytes (F,).
    Video v covers the rows ``offsets[v]`` to ``offsets[v + 1]``.

    With ``test_mode=True``, ``metainfo['videos']`` holds the labels (T,) of
    every frame of every video, so that a metric can score whole videos. In
    training it is left out: that metainfo goes into every checkpoint.

    Args:
        ann_file: CSV file, relative to ``data_root``; see
            :func:`read_frames_csv`.
        data_prefix: ``dict(img_path=...)``, the folder of the frames.
        split: Value(s) of column ``split`` to keep. ``None`` keeps all.
    """

    METAINFO = dict(classes=ABAW_EXPRESSIONS)

    def __init__(
        self,
        ann_file: str,
        data_prefix: dict | None = None,
        split: str | Sequence[str] | None = None,
        **kwargs,
    ) -> None:
        self.split = split
        super().__init__(
            ann_file=ann_file,
            data_prefix=data_prefix or dict(img_path='frames'),
            # The arrays below are already compact and shared with workers.
            serialize_data=False,
            **kwargs,
        )

    def load_data_list(self) -> np.ndarray:
        """Read the annotations and return the subclass's items, an array."""
        self._metainfo['classes'] = tuple(self._metainfo['classes'])
        videos = self.read_videos()
        self.video_names = list(videos)
        self.labels = np.concatenate([v.labels for v in videos.values()])
        lengths = [len(video.labels) for video in videos.values()]
        self.offsets = np.cumsum([0, *lengths])
        self.images = np.array(
            [name.encode() for v in videos.values() for name in v.images]
        )
        self.has_face = self.images != b''
        if self.test_mode:
            self._metainfo['videos'] = {
                name: self.labels[first:stop]
                for name, first, stop in zip(
                    self.video_names, self.offsets, self.offsets[1:]
                )
            }
        items = self.load_items()
        if not len(items):
            raise ValueError(
                f'{self.ann_file}: no frame with a face'
                f'{"" if self.test_mode else " and a label"} in split='
                f'{self.split!r}.'
            )
        return items

    def read_videos(self) -> dict[str, VideoAnnotation]:
        """All frames of all videos of the split, by the name of the video.

        A subclass for another form of annotation replaces this method.
        """
        return read_frames_csv(
            self.ann_file, self._metainfo['classes'], self.split
        )

    def load_items(self) -> np.ndarray:
        """Items as rows of an array, to be decoded by get_data_info."""
        raise NotImplementedError

    def image_path(self, row: int) -> str:
        """Path of the image of frame ``row`` of all frames."""
        return join_path(
            self.data_prefix['img_path'], self.images[row].decode()
        )
