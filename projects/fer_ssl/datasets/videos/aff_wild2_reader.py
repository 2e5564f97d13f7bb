from __future__ import annotations

import glob
import logging
import os
import os.path as osp
from collections.abc import Sequence
from itertools import chain

import numpy as np
from mmengine.logging import print_log
from mmengine.registry import TASK_UTILS

from ...labels import IGNORE_LABEL
from ...utils.folder_walk import is_leftover
from ..folder_layout import FolderLayout
from .abaw_annotation import (
    check_tracks,
    ignored_labels,
    label_columns,
    read_annotation,
)
from .crop_folders import (
    CROPS,
    crop_folders,
    find_folders,
    find_root,
    merged_crops,
    some_videos,
)
from .frames_csv import VideoAnnotation
from .s_aff_wild2_reader import is_s_aff_wild2
from .submission_frames import MULTI_TASK, read_frame_list, track_of

_TRACK_FOLDERS = {
    'EXPR': ('EXPR_Recognition_Challenge', 'EXPR_Classification_Challenge'),
    'VA': ('VA_Estimation_Challenge',),
    'AU': ('AU_Detection_Challenge',),
}
_SET_FOLDERS = {'train': 'Train_Set', 'val': 'Validation_Set'}


def _parts(folder: str) -> dict[str, dict]:
    """Return the arguments for both splits of each track that exists."""
    parts = {}
    for track in _TRACK_FOLDERS:
        pattern = osp.join(glob.escape(folder), '{}', f'{track}_*_Challenge')
        if any(glob.glob(pattern.format(depth)) for depth in ('', '*')):
            for split in _SET_FOLDERS:
                reader = dict(
                    type='AffWild2Reader', track=track, on_mismatch='warn'
                )
                parts[f'{track} {split}'] = dict(split=split, reader=reader)
    return parts


@TASK_UTILS.register_module()
class AffWild2Reader:
    """Reader of Aff-Wild2 as shipped, for the video datasets.

    Each track has a folder with ``Train_Set/`` and ``Validation_Set/``, which
    contain a text file per video. Each video has a folder of images, where
    ``00001.jpg`` is frame 1, and so on. Both are looked up by name, in the
    given folders and one level below.

    A video is as long as its annotation, which is what the challenges score. A
    frame without an image is a frame without a face. Images beyond the
    annotation are left out. A few are usual, since the owners' frame counts
    differ by one; more of them mean that labels and images do not match.

    Args:
        track: ``'EXPR'``, ``'VA'`` or ``'AU'``, or several of them. With
            several, a video is in a split if it is there in any of the tracks;
            it has labels for these tracks and counts as not annotated for the
            others. A video that any track uses for validation is in ``'val'``
            only, so that it is not trained on for another track.
        crops: Names of the folders of images. They are merged, since 50 videos
            were shipped later in a separate folder. If two folders contain the
            same frame, the first one is used.
        test_set: File that defines the videos and frames of split ``'test'``,
            relative to the folder of annotations: the official example of a
            submission, or a list of videos with numbers of frames (see
            :func:`read_frame_list`), which is required for several tracks.
        tolerance: Maximum number of images of a video beyond its annotation.
        on_mismatch: What to do if a video has more, or no folder of images:
            ``'raise'`` or ``'warn'``.

    Example:
        >>> dataset = dict(
        ...     type='VideoClipDataset',
        ...     data_root='data/Aff-Wild2',
        ...     reader=dict(type='AffWild2Reader', track='EXPR'),
        ...     split='train',
        ... )
    """

    #: Folder of the images, relative to the root of the data.
    image_folder = ''
    layouts = (
        FolderLayout(
            'Aff-Wild2',
            dataset='VideoFrameDataset',
            markers=tuple(chain.from_iterable(_TRACK_FOLDERS.values())),
            required=(('cropped_aligned', '*/cropped_aligned'),),
            parts=_parts,
            find_root=find_root,
        ),
    )

    def __init__(
        self,
        track: str | Sequence[str] = 'EXPR',
        crops: Sequence[str] = CROPS,
        test_set: str | None = None,
        tolerance: int = 1,
        on_mismatch: str = 'raise',
    ) -> None:
        if on_mismatch not in ('raise', 'warn'):
            raise ValueError(
                f'AffWild2Reader: on_mismatch={on_mismatch!r} is none of '
                "'raise' and 'warn'."
            )
        self.track = check_tracks(track, 'AffWild2Reader: track')
        self.crops = tuple(crops)
        self.test_set = test_set
        self.tolerance = tolerance
        self.on_mismatch = on_mismatch

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the columns of a prediction, over all tracks."""
        return label_columns(self.track)

    def read(
        self,
        annotations: str,
        images: str,
        classes: Sequence[str] | None = None,
        split: str | Sequence[str] | None = None,
    ) -> dict[str, VideoAnnotation]:
        """Read every frame of every video, with its image if there is one.

        Args:
            annotations: Folder with the annotation folder of the track, or
                that folder itself.
            images: Folder that contains the folders of crops.
            classes: Class names in label order. For expressions, the classes
                of ABAW may be in another order.
            split: ``'train'``, ``'val'``, ``'test'`` or several of them;
                ``None`` means the first two.

        Returns:
            Videos by name, sorted within each split; ``labels`` in the forms
            of :func:`read_annotation`, ``images`` relative to ``images``.

        Raises:
            FileNotFoundError: A folder is missing.
            ValueError: The content is invalid (the message names file and
                line), or images and annotations do not match.
        """
        order = self._label_order(classes or self.classes)
        videos = self.read_labels(annotations, split)
        folders = crop_folders(images, self.crops)
        result, beyond, missing, repeated = {}, {}, [], []
        for name, labels in videos.items():
            if order is not None:
                labels = np.where(labels < 0, IGNORE_LABEL, order[labels])
            homes = [path for path, names in folders.items() if name in names]
            if not homes:
                missing.append(name)
            if len(homes) > 1:
                repeated.append(name)
            crops = merged_crops(homes, name, images)
            paths = [crops.get(i, '') for i in range(1, len(labels) + 1)]
            last = max(crops, default=0)
            if last > len(labels) + self.tolerance:
                beyond[name] = (len(labels), last)
            result[name] = VideoAnnotation(name, paths, labels)
        self._report(images, len(result), beyond, missing, repeated)
        return result

    def read_labels(
        self,
        annotations: str,
        split: str | Sequence[str] | None = None,
    ) -> dict[str, np.ndarray]:
        """Read the labels of every video, by name, without images."""
        if not isinstance(self.track, str):
            return self._labels_of_tracks(annotations, split)
        splits = [split] if isinstance(split, str) else split
        videos: dict[str, np.ndarray] = {}
        for part in splits or tuple(_SET_FOLDERS):
            if part == 'test':
                labels = self._test_labels(annotations)
            elif part in _SET_FOLDERS:
                folder = osp.join(
                    self._track_folder(annotations), _SET_FOLDERS[part]
                )
                labels = read_annotations(folder, self.track)
            else:
                raise ValueError(
                    f"split {part!r} is none of 'train', 'val' and 'test'."
                )
            twice = sorted(labels.keys() & videos.keys())
            if twice:
                raise ValueError(
                    f'{annotations}: {some_videos(twice)} in more than one of '
                    f'the splits {splits or list(_SET_FOLDERS)}.'
                )
            videos.update(labels)
        return videos

    def _labels_of_tracks(
        self, annotations: str, split: str | Sequence[str] | None
    ) -> dict[str, np.ndarray]:
        """Return structured labels of several tracks, by name of the video."""
        splits = [split] if isinstance(split, str) else split
        splits = tuple(splits or _SET_FOLDERS)
        readers = {
            track: AffWild2Reader(track, test_set=self.test_set)
            for track in self.track
        }
        for_validation = set()
        if 'train' in splits:
            for reader in readers.values():
                for_validation |= set(reader.read_labels(annotations, 'val'))
        videos: dict[str, np.ndarray] = {}
        for part in splits:
            labels = {
                track: reader.read_labels(annotations, part)
                for track, reader in readers.items()
            }
            names = set().union(*labels.values()) - set(videos)
            if part == 'train':
                names -= for_validation
            for name in sorted(names):
                videos[name] = self._record(
                    name, {t: x[name] for t, x in labels.items() if name in x}
                )
        return videos

    def _record(self, name: str, labels: dict[str, np.ndarray]) -> np.ndarray:
        """Combine the labels of one video, by track, to a structured array."""
        lengths = {track: len(x) for track, x in labels.items()}
        shortest, longest = min(lengths.values()), max(lengths.values())
        if longest > shortest + self.tolerance:
            raise ValueError(
                f'video {name}: the annotations have different numbers of '
                f'lines, {lengths}. Is the download complete?'
            )
        record = ignored_labels(self.track, longest)
        for track, values in labels.items():
            record[track][: len(values)] = values
        return record

    def _label_order(self, classes: Sequence[str]) -> np.ndarray | None:
        """Return the label of each expression of ABAW; None if the same."""
        classes = tuple(classes)
        if classes == self.classes:
            return None
        if self.track != 'EXPR' or set(self.classes) - set(classes):
            raise ValueError(
                f'AffWild2Reader: track {self.track} is annotated with '
                f'{", ".join(self.classes)}, but metainfo has the classes '
                f'{", ".join(classes)}.'
            )
        return np.array([classes.index(name) for name in self.classes])

    def _track_folder(self, annotations: str) -> str:
        if osp.isdir(osp.join(annotations, _SET_FOLDERS['train'])):
            return annotations
        names = _TRACK_FOLDERS[self.track]
        found = find_folders(annotations, names)
        if len(found) != 1:
            if not found and is_s_aff_wild2(annotations):
                raise ValueError(
                    f'{annotations} is s-Aff-Wild2, which has no annotation '
                    f'of the {self.track} track. Read it with the reader '
                    f'SAffWild2Reader; tools take `--track {MULTI_TASK}`.'
                )
            problem = f'{len(found)} folders' if found else 'no folder'
            raise FileNotFoundError(
                f'{annotations}: {problem} named {" or ".join(names)}, here '
                'or one level below. Set `ann_file` to the folder of the '
                'annotations to read, relative to `data_root`.'
            )
        return found[0]

    def _test_labels(self, annotations: str) -> dict[str, np.ndarray]:
        if self.test_set is None:
            raise ValueError(
                "AffWild2Reader: split 'test' has no annotation. Name the "
                'official example file, or a list of its videos with their '
                'numbers of frames, by `test_set`.'
            )
        path = osp.join(annotations, self.test_set)
        frames = read_frame_list(path)
        track_of(frames, self.track)
        if not frames.has_lengths:
            raise ValueError(
                f'{path}:1: the list has no numbers of frames. Use the '
                'official example file, or write `<video>,<frames>`.'
            )
        return {
            name: ignored_labels(self.track, length)
            for name, length in frames.num_frames().items()
        }

    def _report(
        self,
        images: str,
        num_videos: int,
        beyond: dict[str, tuple[int, int]],
        missing: list[str],
        repeated: list[str],
    ) -> None:
        if repeated:
            print_log(
                f'{images}: {some_videos(repeated)} in several folders of '
                'crops; of frames in several, those of '
                f'{self.crops[0]} are used.',
                'current',
            )
        problems = []
        if missing:
            problems.append(f'no folder of crops for {some_videos(missing)}')
        if beyond:
            shown = [
                f'{name}: {length} lines, image {last}'
                for name, (length, last) in beyond.items()
            ]
            problems.append(
                f'images more than {self.tolerance} beyond the annotation of '
                f'{some_videos(shown)}'
            )
        if not problems:
            return
        message = f'{images}: {"; ".join(problems)}.'
        if self.on_mismatch == 'raise' or len(missing) == num_videos:
            raise ValueError(
                f"{message} Is the download complete? on_mismatch='warn' of "
                'the reader takes videos without crops as videos without '
                'faces, and leaves out images beyond the annotation.'
            )
        print_log(message, 'current', logging.WARNING)


def read_annotations(folder: str, track: str) -> dict[str, np.ndarray]:
    """Read the labels of the videos of one set, by name, sorted.

    Raises:
        FileNotFoundError: There is no such folder, or no text file in it.
        ValueError: The content is invalid; the message names file and line.
    """
    names = [
        name
        for name in sorted(os.listdir(folder))
        if name.endswith('.txt') and not is_leftover(name)
    ]
    if not names:
        raise FileNotFoundError(f'{folder}: no annotation <video>.txt in it.')
    return {
        name[: -len('.txt')]: read_annotation(osp.join(folder, name), track)
        for name in names
    }
