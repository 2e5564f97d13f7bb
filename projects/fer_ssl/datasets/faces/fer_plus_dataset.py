from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Iterator

import numpy as np
from mmengine.registry import DATASETS

from ...labels import IGNORE_LABEL, register_taxonomy
from ...utils.placeholders import check_placeholder
from ...utils.text_rows import csv_rows, whole_numbers
from ..containers.pixel_text_backend import SIDE, pixel_text_path
from ..folder_layout import FolderLayout
from .coded_face_dataset import CodedFaceDataset
from .face_table import FaceTable

VOTES_HEADER = (
    'Usage',
    'Image name',
    'neutral',
    'happiness',
    'surprise',
    'sadness',
    'anger',
    'disgust',
    'fear',
    'contempt',
    'unknown',
    'NF',
)
#: Class names in the order of the vote columns; the last two are 'unknown'
#: and 'NF' there.
ANSWERS = (
    'neutral',
    'happiness',
    'surprise',
    'sadness',
    'anger',
    'disgust',
    'fear',
    'contempt',
    'uncertain',
    'no-face',
)
#: Value of column Usage and folder of the images, by split.
SPLITS = {
    'train': ('Training', 'FER2013Train'),
    'val': ('PublicTest', 'FER2013Valid'),
    'test': ('PrivateTest', 'FER2013Test'),
}
VOTINGS = ('majority', 'plurality', 'most', 'distribution')
VOTES = ('fer2013new', 'label')
_IMAGES = 'data/FER2013Train/*.png'


def _parts(folder: str) -> dict[str, dict]:
    """Return the arguments for each split, with images as files or as text."""
    arguments = {}
    # The authors' repository has these folders, but without the images.
    images = glob.iglob(os.path.join(glob.escape(folder), _IMAGES))
    if next(images, None) is None:
        arguments['pixels'] = 'fer2013.csv'
    return {split: dict(arguments, split=split) for split in SPLITS}


@DATASETS.register_module()
class FERPlusDataset(CodedFaceDataset):
    """FERPlus: the faces of FER2013, each with the votes of ten people.

    Layout, with the images as files or as text::

        <data_root>/fer2013new.csv
        <data_root>/data/{FER2013Train,FER2013Valid,FER2013Test}/fer0000000.png
        <data_root>/fer2013.csv      instead of data/, with pixels='...'

    Votes become a label by one of these rules:

    - ``'majority'``: the answer with more than half of the votes, as in the
      authors' rule of the same name.
    - ``'plurality'``: the answer with the most votes.
    - ``'most'``: the answer with the most votes; of several, the first column.
      The code of arXiv 2208.00544 has this rule (``idxmax`` of the votes).
    - ``'distribution'``: the same label, and the fractions of the votes for
      the classes, ``gt_score``, float32 (C,), which trainings learn in place
      of the label.

    The first two drop the answers given by only one person before they count,
    as the authors' code does. With them, a face is not annotated if no answer
    wins or several are tied; with the others, only if it has no votes.

    If 'NF' (no face) wins, or the row names no image, the image is left out.
    'unknown' corresponds to 'uncertain' in this package.

    The owners' file names four images twice. With folders of images, the last
    of its rows counts, because the owners' script writes the images row by
    row, so the file is the image of the last row. With ``pixels``, each row
    is an image of its own.

    Args:
        split: ``'train'``, ``'val'``, ``'test'``, or ``None`` for all.
        ann_file: File of votes, relative to ``data_root``.
        voting: ``'majority'``, ``'plurality'``, ``'most'`` or
            ``'distribution'``.
        votes: ``'fer2013new'`` reads the votes from ``ann_file``, which the
            owners name as the labels of FERPlus. ``'label'`` reads them from
            ``label.csv`` in the folder of the images of each split, which the
            owners' training code reads; for 1,601 images it has other votes.
        pixels: ``fer2013.csv``, relative to ``data_root``, to read the images
            from its column of pixels. Its rows are in the order of
            ``ann_file``; the number in an image name is not the row number.
        **kwargs: See :class:`CodedFaceDataset`.

    Raises:
        FileNotFoundError: A file or folder is missing.
        ValueError: A line is malformed, or the two files do not match. The
            message names file and line.

    Example:
        >>> dataset = dict(
        ...     type='FERPlusDataset',
        ...     data_root='data/fer_plus',
        ...     split='train',
        ...     pixels='fer2013.csv',
        ...     label_options=dict(contempt='drop', uncertain='drop'),
        ... )
    """

    taxonomy = register_taxonomy('fer_plus', ANSWERS)
    layouts = (
        FolderLayout(
            'FERPlus',
            dataset='FERPlusDataset',
            markers=('fer2013new.csv',),
            required=((_IMAGES, 'fer2013.csv'),),
            parts=_parts,
            classes=ANSWERS,
        ),
    )

    def __init__(
        self,
        split: str | None = 'train',
        ann_file: str = 'fer2013new.csv',
        data_prefix: dict | None = None,
        voting: str = 'majority',
        votes: str = 'fer2013new',
        pixels: str | None = None,
        data_root: str = '',
        **kwargs,
    ) -> None:
        self.check_choice('split', split, (*SPLITS, None))
        self.check_choice('voting', voting, VOTINGS)
        self.check_choice('votes', votes, VOTES)
        if votes == 'label' and pixels is not None:
            raise ValueError(
                "FERPlusDataset: votes='label' names image files, so it "
                'cannot be combined with `pixels`, whose rows have no names.'
            )
        self.voting = voting
        self.votes = votes
        self.pixels = pixels and os.path.join(data_root or '', pixels)
        folder = 'data' if pixels is None else ''
        super().__init__(
            split=split,
            ann_file=ann_file,
            data_prefix=data_prefix or dict(img_path=folder),
            data_root=data_root,
            **kwargs,
        )

    def read_codes(self) -> FaceTable:
        if self.votes == 'label':
            return self._read_label_files()
        usages, images, votes = read_votes(self.ann_file)
        labels = count_votes(votes, self.voting)
        keep = np.array([image != '' for image in images], dtype=bool)
        if self.split is not None:
            keep &= np.array(usages) == SPLITS[self.split][0]
        if self.pixels is not None:
            paths = read_pixel_paths(self.pixels, usages, self.ann_file)
            names = _different_names(images)
            faces = FaceTable(paths, labels, names=names)
            return self._with_votes(faces, votes).select(keep)
        folders = dict(SPLITS.values())
        paths = [
            f'{folders[usage]}/{image}' for usage, image in zip(usages, images)
        ]
        faces = FaceTable(paths, labels, names=images)
        faces = self._with_votes(faces, votes).select(keep)
        return self._last_of_each(faces)

    def _read_label_files(self) -> FaceTable:
        """Read ``label.csv`` of each split, without a row of names."""
        names, paths, votes = [], [], []
        for split in [self.split] if self.split else SPLITS:
            folder = SPLITS[split][1]
            path = os.path.join(
                self.data_prefix['img_path'], folder, 'label.csv'
            )
            images, numbers = read_label_file(path)
            names += images
            paths += [f'{folder}/{image}' for image in images]
            votes.append(numbers)
        votes = np.concatenate(votes)
        labels = count_votes(votes, self.voting)
        faces = FaceTable(paths, labels, names=names)
        return self._last_of_each(self._with_votes(faces, votes))

    def _with_votes(self, faces: FaceTable, votes: np.ndarray) -> FaceTable:
        if self.voting == 'distribution':
            faces.votes = votes
        return faces

    def _last_of_each(self, faces: FaceTable) -> FaceTable:
        """Keep the last row of each image, and warn if there are others."""
        last = {image: row for row, image in enumerate(faces.images)}
        if len(last) < len(faces):
            counts = Counter(faces.images)
            repeated = [image for image in last if counts[image] > 1]
            self.warn(
                f'images that are listed more than once: {len(repeated)}, '
                f'such as {repeated[0]}. The last row of each counts, because '
                'the image file is that of the last row.'
            )
        return faces.select(sorted(last.values()))


def read_votes(path: str) -> tuple[list[str], list[str], np.ndarray]:
    """Read usage, image ('' in some rows) and votes of every row.

    Returns:
        N usages, N image names, and votes, int64 (N, 10).

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A line is malformed. The message names file and line.
    """
    usages, images, votes = [], [], []
    rows = csv_rows(path)
    _, header = next(rows, (1, []))
    if tuple(name.strip() for name in header) != VOTES_HEADER:
        raise ValueError(
            f'{path}:1: the header is {",".join(header)!r}, expected '
            f'{",".join(VOTES_HEADER)!r}.'
        )
    known = dict(SPLITS.values())
    for line, row in rows:
        where = f'{path}:{line}'
        if len(row) != len(VOTES_HEADER):
            raise ValueError(
                f'{where}: {len(row)} fields, expected {len(VOTES_HEADER)}.'
            )
        usage, image = row[0].strip(), row[1].strip()
        if usage not in known:
            raise ValueError(
                f'{where}: unknown usage {usage!r}; expected '
                f'{", ".join(known)}.'
            )
        usages.append(usage)
        images.append(image)
        votes.append(_vote_counts(where, row[2:]))
    return usages, images, _vote_array(votes)


def read_label_file(path: str) -> tuple[list[str], np.ndarray]:
    """Image and votes of every row of a ``label.csv``, which has no header.

    Returns:
        N names of images, votes int64 (N, 10).

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A line is malformed. The message names file and line.
    """
    images, votes = [], []
    for line, row in csv_rows(path):
        where = f'{path}:{line}'
        # The owners' code crops to this box, which is always the whole image.
        if len(row) != len(VOTES_HEADER) or row[1] != '(0, 0, 48, 48)':
            raise ValueError(
                f'{where}: expected the image, the box "(0, 0, 48, 48)" and '
                f'{len(ANSWERS)} numbers of votes, found {",".join(row)!r}.'
            )
        images.append(row[0].strip())
        votes.append(_vote_counts(where, row[2:]))
    return images, _vote_array(votes)


def _vote_counts(where: str, fields: list[str]) -> list[int]:
    numbers = whole_numbers(where, fields)
    if min(numbers) < 0:
        raise ValueError(f'{where}: a number of votes is negative.')
    return numbers


def _vote_array(votes: list[list[int]]) -> np.ndarray:
    return np.array(votes, dtype=np.int64).reshape(-1, len(ANSWERS))


def _different_names(images: list[str]) -> list[str]:
    """Add a number to names that came before; '' stays."""
    counts: Counter[str] = Counter()
    names = []
    for image in images:
        counts[image] += 1
        stem, extension = os.path.splitext(image)
        again = image and counts[image] > 1
        names.append(f'{stem}_{counts[image]}{extension}' if again else image)
    return names


def count_votes(votes: np.ndarray, voting: str) -> np.ndarray:
    """Return the winning answer of every row, -1 if there is none.

    Args:
        votes: int (N, C).
        voting: See :class:`FERPlusDataset`.

    Returns:
        int64 (N,).
    """
    if voting in ('most', 'distribution'):
        return np.where(votes.any(axis=1), votes.argmax(axis=1), IGNORE_LABEL)
    votes = np.where(votes > 1, votes, 0)
    most = votes.max(axis=1)
    if voting == 'majority':
        won = 2 * most > votes.sum(axis=1)
    else:
        tied = (votes == most[:, None]).sum(axis=1)
        won = (most > 0) & (tied == 1)
    return np.where(won, votes.argmax(axis=1), IGNORE_LABEL)


def read_pixel_paths(
    path: str, usages: list[str], votes_file: str
) -> list[str]:
    """Return the addresses of the images in ``fer2013.csv``, row by row.

    Args:
        path: The file, header ``emotion,pixels,Usage`` in any order.
        usages: Expected values of its column Usage.
        votes_file: File that the usages come from, for the message.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A line is malformed, or the number of rows or a usage
            differs from the file of votes. The message names file and line.
    """
    same = 'The two files must hold the same images in the same order.'
    paths = []
    for line, usage, offset, size in _pixel_rows(path):
        row = len(paths)
        expected = usages[row] if row < len(usages) else None
        if usage != expected:
            raise ValueError(
                f'{path}:{line}: usage {usage!r}, but row {row + 1} of '
                f'{votes_file} has {expected!r}. {same}'
            )
        paths.append(pixel_text_path(path, offset, size))
    if len(paths) != len(usages):
        raise ValueError(
            f'{path}: {len(paths)} images, but {votes_file} has '
            f'{len(usages)} rows. {same}'
        )
    return paths


def _pixel_rows(path: str) -> Iterator[tuple[int, str, int, int]]:
    """Yield line, usage, first byte and length of the pixels of every row."""
    try:
        file = open(path, 'rb')
    except FileNotFoundError:
        raise FileNotFoundError(
            f'{path}: no such file of pixels. It is fer2013.csv of FER2013; '
            'without it, leave out `pixels` and give the folders of images.'
        ) from None
    with file:
        check_placeholder(path, file.peek())
        header = file.readline()
        names = [name.lower() for name in _byte_fields(header)]
        if sorted(names) != [b'emotion', b'pixels', b'usage']:
            raise ValueError(
                f'{path}:1: the header is {_shown(header)}, expected '
                'emotion,pixels,Usage.'
            )
        offset = len(header)
        for line, text in enumerate(file, start=2):
            if text.strip():
                row = dict(zip(names, _byte_fields(text)))
                if text.count(b',') != 2 or not _is_image(row[b'pixels']):
                    raise ValueError(
                        f'{path}:{line}: not an emotion, {SIDE * SIDE} '
                        'pixels and a usage, between commas: '
                        f'{_shown(text)}.'
                    )
                usage = row[b'usage'].decode('latin-1')
                start = offset + text.index(row[b'pixels'])
                yield line, usage, start, len(row[b'pixels'])
            offset += len(text)


def _byte_fields(line: bytes) -> list[bytes]:
    return [field.strip(b' "\t\r\n') for field in line.split(b',')]


def _shown(line: bytes) -> str:
    return repr(line.decode('utf-8', 'replace').strip()[:60])


def _is_image(text: bytes) -> bool:
    """Return whether a text has as many numbers as an image has pixels."""
    # Faster than a regular expression, for the 300 MB of the whole file.
    return (
        not text.translate(None, b'0123456789 ')
        and len(text.split()) == SIDE * SIDE
    )
