from __future__ import annotations

import logging
import os.path as osp
from collections.abc import Sequence
from itertools import chain

import numpy as np
from mmengine.logging import print_log
from mmengine.registry import TASK_UTILS

from ..folder_layout import FolderLayout
from .abaw_annotation import check_tracks, ignored_labels, label_columns
from .crop_folders import (
    CROPS,
    crop_folders,
    find_folders,
    find_root,
    merged_crops,
    some_videos,
)
from .frames_csv import VideoAnnotation
from .sparse_annotation import read_sparse_annotation
from .submission_frames import (
    MULTI_TASK,
    MULTI_TASK_ORDER,
    read_frame_list,
    track_of,
)

_FOLDER = 'MTL_Challenge'
# Names in the 3rd, and in the 4th and 7th challenge.
_FILES = {
    'train': ('train_set.txt', 'training_set_annotations.txt'),
    'val': ('validation_set.txt', 'validation_set_annotations.txt'),
}
_TEST_SET = 'MTL_Challenge_test_set_release.txt'


def _find_file(annotations: str, names: Sequence[str]) -> str | None:
    """Find a file of the annotation, here or in its folder."""
    folders = [annotations, *find_folders(annotations, [_FOLDER])]
    paths = [osp.join(folder, name) for folder in folders for name in names]
    return next(filter(osp.isfile, paths), None)


def is_s_aff_wild2(folder: str) -> bool:
    """Return whether a folder has a file of the multi-task annotation."""
    names = [*chain(*_FILES.values()), _TEST_SET]
    return _find_file(folder, names) is not None


def _parts(folder: str) -> dict[str, dict]:
    """Return the arguments for each split that exists."""
    reader = dict(type='SAffWild2Reader', on_mismatch='warn')
    return {
        split: dict(split=split, reader=reader)
        for split, names in {**_FILES, 'test': (_TEST_SET,)}.items()
        if _find_file(folder, names)
    }


@TASK_UTILS.register_module()
class SAffWild2Reader:
    """Reader of s-Aff-Wild2 as shipped, for the video datasets.

    This is the data of the multi-task challenges: valence and arousal, eight
    expressions and twelve action units of the same frames. A text file per
    split lists them, see :mod:`.sparse_annotation`; their images are those of
    Aff-Wild2, ``<video>/00001.jpg``. Only some frames of a video are listed.
    They keep their numbers: a video is as long as its last listed frame, and a
    frame that is not listed has neither image nor label. So a window of
    :class:`VideoClipDataset` covers a stretch of time, however many of its
    frames are listed, and ``valid`` marks those with an image.

    A listed frame without an image is a frame without a face: it is scored and
    submitted with what is predicted for its neighbors. Images of frames that
    are not listed are not used.

    Args:
        tasks: ``'VA'``, ``'EXPR'`` or ``'AU'``, or several of them. A frame of
            which none of them is annotated is not used for training.
        crops: Names of the folders of images, which are merged.
        test_set: File that lists the frames of split ``'test'``, beside the
            other annotation files.
        on_mismatch: What to do if a video has no images: ``'raise'`` or
            ``'warn'``.

    Example:
        >>> dataset = dict(
        ...     type='VideoClipDataset',
        ...     data_root='data/s-Aff-Wild2',
        ...     reader=dict(type='SAffWild2Reader'),
        ...     split='train',
        ...     window=256,
        ... )
    """

    #: Folder of the images, relative to the root of the data.
    image_folder = ''
    layouts = (
        FolderLayout(
            's-Aff-Wild2',
            dataset='VideoFrameDataset',
            markers=(_FOLDER, *(names[1] for names in _FILES.values())),
            required=(('cropped_aligned', '*/cropped_aligned'),),
            parts=_parts,
            find_root=find_root,
        ),
    )

    def __init__(
        self,
        tasks: str | Sequence[str] = MULTI_TASK_ORDER,
        crops: Sequence[str] = CROPS,
        test_set: str = _TEST_SET,
        on_mismatch: str = 'raise',
    ) -> None:
        if on_mismatch not in ('raise', 'warn'):
            raise ValueError(
                f'SAffWild2Reader: on_mismatch={on_mismatch!r} is none of '
                "'raise' and 'warn'."
            )
        self.tasks = check_tracks(tasks, 'SAffWild2Reader: tasks')
        self.crops = tuple(crops)
        self.test_set = test_set
        self.on_mismatch = on_mismatch
        #: Findings of the latest :meth:`read`, a sentence each.
        self.findings: list[str] = []

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the columns of a prediction, over all tasks."""
        return label_columns(self.tasks)

    def read(
        self,
        annotations: str,
        images: str,
        classes: Sequence[str] | None = None,
        split: str | Sequence[str] | None = None,
    ) -> dict[str, VideoAnnotation]:
        """Read the listed frames of every video, with their images.

        Args:
            annotations: Folder with the annotation files, or with their
                folder ``MTL_Challenge``, or the folder around that.
            images: Folder that contains the folders of crops.
            classes: Those of the tasks; others are an error.
            split: ``'train'``, ``'val'``, ``'test'`` or several of them;
                ``None`` means the first two.

        Returns:
            Videos by name, in the order of the files; ``images`` relative to
            ``images``.

        Raises:
            FileNotFoundError: A file or folder is missing.
            ValueError: The content is invalid (the message names file and
                line), or there are no images.
        """
        if tuple(classes or self.classes) != self.classes:
            raise ValueError(
                f'SAffWild2Reader: tasks {self.tasks} have the columns '
                f'{", ".join(self.classes)}, but metainfo has the classes '
                f'{", ".join(classes)}.'
            )
        labels, listed = self.read_labels(annotations, split)
        folders = crop_folders(images, self.crops)
        videos, without_images, missing = {}, [], []
        for name, values in labels.items():
            homes = [path for path, names in folders.items() if name in names]
            crops = merged_crops(homes, name, images)
            paths = [''] * len(values)
            for frame in listed[name].tolist():
                paths[frame - 1] = crops.get(frame, '')
                if frame not in crops:
                    missing.append(f'{name}/{frame:05d}.jpg')
            if not any(paths):
                without_images.append(name)
            videos[name] = VideoAnnotation(name, paths, values)
        self._report(images, len(videos), without_images, missing)
        return videos

    def read_labels(
        self, annotations: str, split: str | Sequence[str] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Read labels and listed frames of every video, without images.

        Returns:
            The same as :func:`.sparse_annotation.read_sparse_annotation`.
        """
        splits = (split,) if isinstance(split, str) else split
        labels: dict[str, np.ndarray] = {}
        listed: dict[str, np.ndarray] = {}
        for part in splits or tuple(_FILES):
            own, frames = self._read_split(annotations, part)
            twice = [name for name in own if name in labels]
            if twice:
                raise ValueError(
                    f'{annotations}: {some_videos(twice)} in more than one of '
                    f'the splits {splits or [*_FILES]}.'
                )
            labels.update(own)
            listed.update(frames)
        return labels, listed

    def _read_split(
        self, annotations: str, split: str
    ) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        names = {**_FILES, 'test': (self.test_set,)}.get(split)
        if names is None:
            raise ValueError(
                f"split {split!r} is none of 'train', 'val' and 'test'."
            )
        path = _find_file(annotations, names)
        if path is None:
            raise FileNotFoundError(
                f'{annotations}: no file {" or ".join(names)}, here or in a '
                f'folder {_FOLDER}. Set `ann_file` to the folder of the '
                'annotation, relative to `data_root`; `test_set` of the '
                'reader names the list of the test set.'
            )
        if split != 'test':
            return read_sparse_annotation(path, self.tasks)
        frames = read_frame_list(path)
        track_of(frames, MULTI_TASK)
        labels, listed = {}, {}
        for name, chosen in zip(frames.videos, frames.order_by_video()):
            listed[name] = frames.frame[chosen]
            labels[name] = ignored_labels(self.tasks, int(listed[name][-1]))
        return labels, listed

    def _report(
        self,
        images: str,
        num_videos: int,
        without_images: list[str],
        missing: list[str],
    ) -> None:
        """Report listed frames without images."""
        self.findings = []
        if missing:
            self.findings.append(
                f'{len(missing):,} listed frames have no image, the first is '
                f'{missing[0]}; they take the predictions of their neighbors.'
            )
        if not without_images:
            return
        message = f'{images}: no images of {some_videos(without_images)}.'
        if self.on_mismatch == 'raise' or len(without_images) == num_videos:
            raise ValueError(
                f"{message} Is the download complete? on_mismatch='warn' of "
                'the reader takes them as videos without faces.'
            )
        print_log(message, 'current', logging.WARNING)
