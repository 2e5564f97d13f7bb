from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mmengine.dataset import BaseDataset
from mmengine.fileio import join_path
from mmengine.registry import TASK_UTILS

from ...labels import ABAW_EXPRESSIONS, ABAW_TRACKS
from ...utils.warn_once import warn_once
from ..class_names import with_class_names
from ..folder_layout import FolderLayout
from .frames_csv import VideoAnnotation, read_frames_csv
from .video_folds import read_folds, select_folds


class BaseVideoDataset(BaseDataset):
    """Base of datasets of videos, which are stored as a few long arrays.

    The arrays contain the frames of all videos one after another, without a
    Python object per frame, which would slow down the start and be copied to
    every worker: ``labels`` int64 (F,), ``has_face`` bool (F,), ``images``
    bytes (F,). Video v covers the rows ``offsets[v]`` to ``offsets[v + 1]``.
    Labels of valence and arousal are float32 (F, 2), of action units int64 (F,
    12); see :func:`.abaw_annotation.read_annotation`. Labels of several tasks
    are a structured array (F,), ``labels['VA']``; ``metainfo['tasks']`` then
    has the column names of a prediction by task.

    With ``test_mode=True``, ``metainfo['videos']`` has the labels (T,) of
    every frame of every video, so that a metric can score whole videos, and
    ``metainfo['has_face']`` says which frames have a face, bool (T,). They are
    left out in training, since every checkpoint contains the metainfo.

    Args:
        ann_file: CSV file, relative to ``data_root``; see
            :func:`read_frames_csv`. With a ``reader``: the file or folder that
            it reads, ``data_root`` by default.
        data_prefix: ``dict(img_path=...)``, the folder of the frames. Defaults
            to ``'frames'`` or the folder of the ``reader``.
        split: Value or values of column ``split``, or splits of the
            ``reader``, to keep. ``None`` keeps all.
        reader: Config of the reader of a data set as shipped,
            :class:`AffWild2Reader` or :class:`SAffWild2Reader`, or of the
            tasks of a frames CSV, :class:`FramesCSVReader`. ``None`` reads
            the expressions of a frames CSV.
        folds: CSV file ``video,fold``, relative to ``data_root``, as written
            by ``tools/abaw/make_folds.py``. ``split`` then names folds instead
            of splits.
    """

    METAINFO = dict(classes=ABAW_EXPRESSIONS)
    #: Folder layouts by which ``dataset:check`` recognizes the data set.
    layouts: Sequence[FolderLayout] = ()

    def __init__(
        self,
        ann_file: str = '',
        data_prefix: dict | None = None,
        split: str | Sequence[str] | None = None,
        reader: dict | None = None,
        folds: str | None = None,
        metainfo: dict | None = None,
        **kwargs,
    ) -> None:
        # --cfg-options reads split=1 as a number if the config has no split.
        if isinstance(split, (list, tuple)):
            self.split = [str(part) for part in split]
        else:
            self.split = None if split is None else str(split)
        self.reader = TASK_UTILS.build(reader) if reader else None
        self.folds = folds
        #: Problems in the annotation that are not errors, a sentence each.
        self.findings: list[str] = []
        if self.reader is not None:
            metainfo = dict(
                dict(classes=self.reader.classes), **metainfo or {}
            )
        # The images of a reader lie below the folder that it reads.
        default = dict(img_path='frames')
        if self.reader is not None:
            default['img_path'] = self.reader.image_folder
        super().__init__(
            ann_file=ann_file,
            metainfo=metainfo,
            data_prefix=data_prefix or default,
            # The arrays below are already compact and shared with workers.
            serialize_data=False,
            **kwargs,
        )

    @classmethod
    def _load_metainfo(cls, metainfo: dict | None = None) -> dict:
        return super()._load_metainfo(with_class_names(metainfo))

    def load_data_list(self) -> np.ndarray:
        """Read the annotations and return the subclass's items, an array."""
        self._metainfo['classes'] = tuple(self._metainfo['classes'])
        videos = self.read_videos()
        for finding in self.findings:
            warn_once(f'{self.ann_file or self.data_root}: {finding}')
        self.video_names = list(videos)
        self.labels = np.concatenate([v.labels for v in videos.values()])
        if self.labels.dtype.names:
            self._metainfo['tasks'] = {
                task: ABAW_TRACKS[task] for task in self.labels.dtype.names
            }
        lengths = [len(video.labels) for video in videos.values()]
        self.offsets = np.cumsum([0, *lengths])
        self.images = np.concatenate(
            [
                np.array([name.encode() for name in video.images])
                for video in videos.values()
            ]
        )
        self.has_face = self.images != b''
        if self.test_mode:
            for key, frames in (
                ('videos', self.labels),
                ('has_face', self.has_face),
            ):
                parts = np.split(frames, self.offsets[1:-1])
                self._metainfo[key] = dict(zip(self.video_names, parts))
        items = self.load_items()
        if not len(items):
            raise ValueError(
                f'{self.ann_file or self.data_root}: no frame with a face'
                f'{"" if self.test_mode else " and a label"} in split='
                f'{self.split!r}.'
            )
        return items

    def read_videos(self) -> dict[str, VideoAnnotation]:
        """Read all frames of all videos of the split, by name of the video.

        A subclass for another annotation format overrides this method.
        """
        classes = self._metainfo['classes']
        split = self.split if self.folds is None else None
        if self.reader is None:
            videos = read_frames_csv(
                self.ann_file, classes, split, findings=self.findings
            )
        else:
            videos = self.reader.read(
                self.ann_file or self.data_root,
                self.data_prefix['img_path'],
                classes,
                split,
            )
            self.findings = list(getattr(self.reader, 'findings', ()))
        if self.folds is None:
            return videos
        path = join_path(self.data_root or '', self.folds)
        folds = read_folds(path)
        try:
            return select_folds(videos, folds, self.split)
        except ValueError as error:
            raise ValueError(f'{path}: {error}') from None

    def load_items(self) -> np.ndarray:
        """Return the items as rows of an array, for get_data_info."""
        raise NotImplementedError

    def image_path(self, row: int) -> str:
        """Return the path of the image in ``row`` of all frames."""
        return join_path(
            self.data_prefix['img_path'], self.images[row].decode()
        )
