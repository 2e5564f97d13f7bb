from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from mmengine.logging import print_log
from mmengine.registry import DATASETS

from ...labels import label_mapping, register_taxonomy
from ...utils.text_rows import check_code, csv_rows, read_header, whole_numbers
from ..folder_layout import FolderLayout
from .frames_csv import VideoAnnotation
from .video_clip_dataset import VideoClipDataset
from .video_frame_dataset import VideoFrameDataset

SPLITS = ('train', 'test')
#: Class names in the order of their codes, which count from 1.
EXPRESSIONS = (
    'happiness',
    'sadness',
    'neutral',
    'anger',
    'surprise',
    'disgust',
    'fear',
)
FIRST_CODE = 1
#: Possible folders of the clips, depending on the downloaded archive.
CLIP_FOLDERS = ('Clip/jpg_256', 'Clip/clip_224x224')
#: Spellings of the split folders, on the servers and in the manual.
SPLIT_FOLDERS = ('{}(single-labeled)', '{}(single_labeled)')
#: Number of threads; reading waits for the disk, not for the processor.
NUM_THREADS = 16


def _parts(folder: str) -> dict[str, dict]:
    """Return the arguments for each split, with the existing clip folder."""
    clips = [x for x in CLIP_FOLDERS if os.path.isdir(f'{folder}/{x}')]
    return {
        split: dict(
            split=split,
            data_prefix=dict(img_path=[*clips, CLIP_FOLDERS[0]][0]),
            on_missing='skip',
        )
        for split in SPLITS
    }


class DFEWVideos:
    """Annotation of DFEW for the video datasets: one label per clip.

    Layout; the folders of clips may be in ``..._part_1`` to ``..._part_11``,
    as the archives of ``clip_224x224`` unpack them::

        <data_root>/EmoLabel_DataSplit/{train,test}(single-labeled)/set_1.csv
        <data_root>/Clip/jpg_256/00001/00001_00001.jpg

    A frame is named ``<clip>_<frame>.jpg`` or ``<frame>.jpg``. Missing numbers
    are frames in which no face was found.

    Args:
        fold: Fold, 1 to 5.
        split: ``'train'`` or ``'test'``.
        ann_file: Another file ``video_name,label``, relative to
            ``data_root``.
        data_prefix: ``dict(img_path=...)``, the folder of clips. Defaults to
            ``Clip/jpg_256``.
        on_missing: ``'raise'``, or ``'skip'`` to warn about clips without a
            folder or a frame and leave them out.
        label_options: Options of :func:`fer_ssl.labels.label_mapping`.

    Raises:
        FileNotFoundError: A file, a folder or the frames of a clip are
            missing.
        ValueError: A line is faulty. The message names file and line.
    """

    taxonomy = register_taxonomy('dfew', EXPRESSIONS, FIRST_CODE)

    def __init__(
        self,
        fold: int = 1,
        split: str = 'train',
        ann_file: str = '',
        data_prefix: dict | None = None,
        on_missing: str = 'raise',
        label_options: dict | None = None,
        data_root: str = '',
        **kwargs,
    ) -> None:
        for name, value, choices in (
            ('fold', fold, (1, 2, 3, 4, 5)),
            ('split', split, SPLITS),
            ('on_missing', on_missing, ('raise', 'skip')),
        ):
            if value not in choices:
                raise ValueError(
                    f'{type(self).__name__}: {name}={value!r} is none of '
                    f'{choices}.'
                )
        self.on_missing = on_missing
        self.label_options = label_options or {}
        super().__init__(
            ann_file=ann_file or _split_file(data_root or '', split, fold),
            data_prefix=data_prefix or dict(img_path=CLIP_FOLDERS[0]),
            split=split,
            data_root=data_root,
            **kwargs,
        )

    def read_videos(self) -> dict[str, VideoAnnotation]:
        mapping = label_mapping(
            self.taxonomy, self._metainfo['classes'], **self.label_options
        )
        clips = read_split(self.ann_file)
        root = self.data_prefix['img_path']
        with ThreadPoolExecutor(NUM_THREADS) as pool:
            folders = find_clip_folders(root)
            frames = pool.map(
                lambda clip: list_frames(root, folders.get(clip), clip), clips
            )
            frames = dict(zip(clips, frames))
        missing = [clip for clip in clips if not frames[clip]]
        if missing:
            shown = ', '.join(f'{clip:05d}' for clip in missing[:3])
            message = (
                f'{root}: {len(missing)} of the {len(clips)} clips of '
                f'{self.ann_file} have no folder with frames there, such as '
                f'{shown}.'
            )
            if self.on_missing == 'raise':
                raise FileNotFoundError(
                    f'{message} Unpack them, or leave them out with '
                    "on_missing='skip'."
                )
            print_log(f'{message} Left out.', 'current', logging.WARNING)
        if len(missing) == len(clips):
            raise ValueError(f'{self.ann_file}: no clip is left.')
        return {
            f'{clip:05d}': VideoAnnotation(
                f'{clip:05d}',
                frames[clip],
                np.full(len(frames[clip]), mapping[code]),
            )
            for clip, code in clips.items()
            if frames[clip]
        }


@DATASETS.register_module()
class DFEWDataset(DFEWVideos, VideoClipDataset):
    """Dataset of windows over the clips of DFEW.

    See :class:`VideoClipDataset`, and :class:`DFEWVideos` for the arguments of
    the annotation.

    Example:
        >>> dataset = dict(
        ...     type='DFEWDataset',
        ...     data_root='data/dfew',
        ...     fold=1,
        ...     split='train',
        ...     window=16,
        ...     pipeline=[
        ...         dict(
        ...             type='LoadClipFrames',
        ...             transforms=[
        ...                 dict(type='LoadImageFromFile'),
        ...                 dict(type='Resize', scale=(224, 224)),
        ...             ],
        ...         ),
        ...         dict(type='PackClipInputs'),
        ...     ],
        ... )
    """


@DATASETS.register_module()
class DFEWFrameDataset(DFEWVideos, VideoFrameDataset):
    """Dataset of the frames of DFEW with the label of their clip.

    Items are those of :class:`VideoFrameDataset`; see :class:`DFEWVideos` for
    the arguments of the annotation.
    """

    layouts = (
        FolderLayout(
            'DFEW',
            dataset='DFEWFrameDataset',
            markers=('EmoLabel_DataSplit',),
            required=(CLIP_FOLDERS,),
            parts=_parts,
            classes=EXPRESSIONS,
        ),
    )


def _split_file(data_root: str, split: str, fold: int) -> str:
    """Return the file of a split, relative to the data root."""
    files = [
        f'EmoLabel_DataSplit/{folder.format(split)}/set_{fold}.csv'
        for folder in SPLIT_FOLDERS
    ]
    for file in files:
        if os.path.isfile(os.path.join(data_root, file)):
            return file
    return files[0]


def read_split(path: str) -> dict[int, int]:
    """Read the class index of every clip from a file ``video_name,label``.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A line is faulty. The message names file and line.
    """
    labels: dict[int, int] = {}
    rows = csv_rows(path)
    header = read_header(path, rows)
    if not {'video_name', 'label'}.issubset(header):
        raise ValueError(
            f'{path}:1: the header is {",".join(header)!r}, expected '
            'video_name,label.'
        )
    for line, row in rows:
        where = f'{path}:{line}'
        if len(row) != len(header):
            raise ValueError(
                f'{where}: {len(row)} fields, expected {len(header)}.'
            )
        row = dict(zip(header, row))
        clip, code = whole_numbers(where, (row['video_name'], row['label']))
        check_code(where, code, EXPRESSIONS, FIRST_CODE)
        if clip in labels:
            raise ValueError(f'{where}: clip {clip} is listed twice.')
        labels[clip] = code - FIRST_CODE
    return labels


def find_clip_folders(root: str) -> dict[int, str]:
    """Find the folder of every clip, relative to ``root``, by its number.

    Raises:
        FileNotFoundError: There is no such folder.
        ValueError: A clip has two folders.
    """
    if not os.path.isdir(root or '.'):
        raise FileNotFoundError(
            f'{root}: no such folder of clips. Set `data_root`, or '
            "data_prefix=dict(img_path='...')."
        )
    found: dict[int, str] = {}
    for folder in _clip_folders(root):
        clip = int(os.path.basename(folder))
        if clip in found:
            raise ValueError(
                f'{root}: clip {clip} is in both {found[clip]} and '
                f'{folder}. Remove one of them.'
            )
        found[clip] = folder
    return found


def _clip_folders(root: str) -> Iterator[str]:
    """Yield the folders named by a number, also in ``..._part_<k>``."""
    for name in sorted(os.listdir(root or '.')):
        if re.fullmatch('[0-9]+', name):
            yield name
        elif re.search(r'part_[0-9]+$', name):
            for inner in sorted(os.listdir(os.path.join(root, name))):
                if re.fullmatch('[0-9]+', inner):
                    yield os.path.join(name, inner)


def list_frames(root: str, folder: str | None, clip: int) -> list[str]:
    """List the image of every frame of a clip, '' if it is missing.

    Args:
        root: Folder of the clips.
        folder: Folder of this clip, relative to ``root``, or ``None``.
        clip: Number of the clip.

    Returns:
        Paths relative to ``root``, from the first number (0 or 1) to the last
        one found; empty for an empty folder.

    Raises:
        ValueError: Two images have the same number.
    """
    if folder is None:
        return []
    images: dict[int, str] = {}
    for name in os.listdir(os.path.join(root, folder)):
        match = re.fullmatch(
            r'(?:0*(\d+)_)?(\d{1,6})\.(?:jpe?g|png)', name, re.IGNORECASE
        )
        if not match:
            continue
        number = int(match[2])
        if match[1] not in (None, str(clip)) or number in images:
            raise ValueError(
                f'{os.path.join(root, folder, name)}: expected one image per '
                f'frame of clip {clip}, named {clip:05d}_<frame>.jpg or '
                '<frame>.jpg.'
            )
        images[number] = os.path.join(folder, name)
    if not images:
        return []
    first = min(1, *images)
    return [images.get(i, '') for i in range(first, max(images) + 1)]
