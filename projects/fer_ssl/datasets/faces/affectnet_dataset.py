from __future__ import annotations

import io
import os
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import numpy as np
from mmengine.registry import DATASETS

from ...labels import register_taxonomy
from ...utils.folder_walk import is_leftover
from ...utils.placeholders import check_placeholder
from ...utils.text_rows import (
    EmptyBoxError,
    check_box,
    check_code,
    check_columns,
    csv_rows,
    whole_numbers,
)
from ..folder_layout import FolderLayout
from .coded_face_dataset import CodedFaceDataset
from .face_table import FaceTable

#: Class names in the order of their codes, in both releases.
EXPRESSIONS = (
    'neutral',
    'happiness',
    'sadness',
    'surprise',
    'fear',
    'disgust',
    'anger',
    'contempt',
    'none',
    'uncertain',
    'no-face',
)
CSV_HEADER = (
    'subDirectory_filePath',
    'face_x',
    'face_y',
    'face_width',
    'face_height',
    'facial_landmarks',
    'expression',
    'valence',
    'arousal',
)
CSV_FILES = {
    'train': 'Manually_Annotated_file_lists/training.csv',
    'val': 'Manually_Annotated_file_lists/validation.csv',
}
#: Possible folders of the images, depending on how they were unpacked.
CSV_IMAGE_FOLDERS = (
    'Manually_Annotated_Images',
    'Manually_Annotated/Manually_Annotated_Images',
)
NPY_FOLDERS = {'train': 'train_set', 'val': 'val_set'}
SUFFIX = '_exp.npy'
#: Number of threads; reading waits for the disk, not for the processor.
NUM_THREADS = 16


def _parts_2021(folder: str) -> dict[str, dict]:
    """Return the arguments for each split that exists."""
    return {
        split: dict(release='2021', split=split)
        for split, name in NPY_FOLDERS.items()
        if os.path.isdir(os.path.join(folder, name))
    }


@DATASETS.register_module()
class AffectNetDataset(CodedFaceDataset):
    """AffectNet, releases 2017 and 2021, as shipped.

    2017: photographs with a box of the face, so use ``CropFace``::

        <data_root>/Manually_Annotated_file_lists/{training,validation}.csv
        <data_root>/Manually_Annotated_Images/<number>/<hash>.jpg

    The header line of the CSV files is optional. A face whose box is ``NULL``
    or empty is left out and counted, and so is one that is listed again.

    2021: cropped faces::

        <data_root>/{train_set,val_set}/images/<id>.jpg
        <data_root>/{train_set,val_set}/annotations/<id>_exp.npy

    Args:
        release: ``'2017'`` or ``'2021'``.
        split: ``'train'`` or ``'val'``.
        ann_file: For 2017: another CSV file, such as the one with the
            automatically annotated images (then also set ``data_prefix``).
        data_prefix: ``dict(img_path=...)``. Defaults to the folders above.
        **kwargs: See :class:`CodedFaceDataset`.

    Raises:
        FileNotFoundError: A file or folder is missing.
        ValueError: The annotation is invalid, or is missing for some images of
            2021; the message names files and lines.

    Example:
        >>> dataset = dict(
        ...     type='AffectNetDataset',
        ...     data_root='data/affectnet',
        ...     release='2021',
        ...     split='train',
        ...     label_options=dict(
        ...         contempt='other', none='drop', uncertain='drop'
        ...     ),
        ... )
    """

    taxonomy = register_taxonomy('affectnet', EXPRESSIONS)
    layouts = (
        FolderLayout(
            'AffectNet (2017)',
            dataset='AffectNetDataset',
            markers=('Manually_Annotated_file_lists',),
            required=(*CSV_FILES.values(), CSV_IMAGE_FOLDERS),
            parts={split: dict(split=split) for split in CSV_FILES},
            classes=EXPRESSIONS,
        ),
        FolderLayout(
            'AffectNet (2021)',
            dataset='AffectNetDataset',
            markers=('train_set/annotations', 'val_set/annotations'),
            required=(
                'train_set/images',
                'train_set/annotations',
                'val_set/images',
                'val_set/annotations',
            ),
            parts=_parts_2021,
            classes=EXPRESSIONS,
        ),
    )

    def __init__(
        self,
        release: str = '2017',
        split: str = 'train',
        ann_file: str = '',
        data_prefix: dict | None = None,
        data_root: str = '',
        **kwargs,
    ) -> None:
        self.check_choice('release', release, ('2017', '2021'))
        self.check_choice('split', split, tuple(CSV_FILES))
        self.release = release
        if release == '2017':
            ann_file = ann_file or CSV_FILES[split]
            folder = next(
                (
                    folder
                    for folder in CSV_IMAGE_FOLDERS
                    if os.path.isdir(os.path.join(data_root or '', folder))
                ),
                CSV_IMAGE_FOLDERS[0],
            )
        else:
            folder = f'{NPY_FOLDERS[split]}/images'
        super().__init__(
            split=split,
            ann_file=ann_file,
            data_prefix=data_prefix or dict(img_path=folder),
            data_root=data_root,
            **kwargs,
        )

    def read_codes(self) -> FaceTable:
        if self.release == '2021':
            faces, left_out = read_npy_release(self.data_prefix['img_path'])
            reason = 'their image is missing'
        else:
            faces, left_out, repeated = read_csv_release(self.ann_file)
            reason = 'they have no box'
            self.warn_repeated(repeated)
        self.warn_left_out(reason, left_out)
        return faces


def read_csv_release(
    path: str,
) -> tuple[FaceTable, list[str], dict[str, bool]]:
    """Read a CSV file of 2017; find lines without a box or a new face.

    Returns:
        The faces, the lines without a box, and those that list a face again,
        each with whether its class is another one.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A line is malformed. The message names file and line.
    """
    images, labels, boxes, without_box = [], [], [], []
    codes: dict[tuple, int] = {}
    repeated: dict[str, bool] = {}
    header = None
    for line, row in csv_rows(path):
        where = f'{path}:{line}'
        if header is None:
            header = row if CSV_HEADER[0] in row else CSV_HEADER
            missing = [name for name in CSV_HEADER[:7] if name not in header]
            if missing:
                raise ValueError(
                    f'{where}: column {", ".join(missing)} is missing.'
                )
            check_columns(path, line, header)
            columns = [header.index(name) for name in CSV_HEADER[:7]]
            if header is row:
                continue
        if len(row) != len(header):
            raise ValueError(
                f'{where}: {len(row)} fields, expected {len(header)}: '
                f'{",".join(header)}.'
            )
        image, x, y, width, height, _, code = (row[i] for i in columns)
        if not image:
            raise ValueError(f'{where}: no image is named.')
        (code,) = whole_numbers(where, [code])
        check_code(where, code, EXPRESSIONS)
        face = (x, y, width, height)
        if any(text.strip() in ('', 'NULL') for text in face):
            without_box.append(f'line {line}')
            continue
        x, y, width, height = whole_numbers(where, face)
        box = (x, y, x + width, y + height)
        try:
            check_box(where, box)
        except EmptyBoxError:
            without_box.append(f'line {line}')
            continue
        known = codes.get((image, box))
        if known is not None:
            repeated[f'line {line}'] = known != code
            continue
        codes[image, box] = code
        images.append(image)
        labels.append(code)
        boxes.append(box)
    return FaceTable(images, labels, boxes=boxes), without_box, repeated


def read_npy_release(folder: str) -> tuple[FaceTable, list[str]]:
    """Read a folder of images of 2021, and find annotations without image.

    Args:
        folder: ``.../images``; ``.../annotations`` is next to it.

    Raises:
        FileNotFoundError: The annotation of an image is missing.
        ValueError: An annotation is malformed. The message names its file.
    """
    annotations = os.path.join(
        os.path.dirname(folder.rstrip('/')), 'annotations'
    )
    if not os.path.isdir(annotations):
        raise FileNotFoundError(
            f'{annotations}: no such folder of annotations.'
        )
    # File managers leave hidden copies such as ._0.jpg.
    images = {
        os.path.splitext(image)[0] + SUFFIX: image
        for image in os.listdir(folder)
        if image.lower().endswith('.jpg') and not is_leftover(image)
    }
    listed = {
        name
        for name in os.listdir(annotations)
        if name.endswith(SUFFIX) and not is_leftover(name)
    }
    # Numeric order: 2 before 10.
    files = sorted(images, key=lambda name: (len(name), name))
    missing = [name for name in files if name not in listed]
    if missing:
        raise FileNotFoundError(
            f'{annotations}: {len(missing)} of {len(files)} images have no '
            f'annotation there, such as {", ".join(missing[:3])}. Unpack the '
            'annotations again, or remove these images.'
        )
    with ThreadPoolExecutor(NUM_THREADS) as pool:
        codes = pool.map(
            lambda part: [read_code(f'{annotations}/{n}') for n in part],
            [files[i : i + 1000] for i in range(0, len(files), 1000)],
        )
        labels = [code for part in codes for code in part]
    faces = FaceTable([images[name] for name in files], labels)
    return faces, sorted(listed.difference(files))


def read_code(path: str) -> int:
    """Read the code of the expression from a file ``<id>_exp.npy``.

    Raises:
        ValueError: The file has no code. The message names the file.
    """
    with open(path, 'rb') as file:
        content = file.read()
    check_placeholder(path, content)
    try:
        return _decode_npy(content)
    except ValueError as error:
        raise ValueError(f'{path}: {error}') from None


# Files with the same code are equal byte by byte, so only a dozen are decoded.
@lru_cache(maxsize=256)
def _decode_npy(content: bytes) -> int:
    """Decode the code of an expression, an array of one text or number."""
    try:
        array = np.lib.format.read_array(
            io.BytesIO(content), allow_pickle=False
        )
        value = array.item()
    except Exception as error:  # NumPy raises many types for damaged bytes
        raise ValueError(f'no array of one value ({error}).') from None
    if isinstance(value, str):
        (code,) = whole_numbers('expression', [value])
    elif isinstance(value, float) and value.is_integer():
        code = int(value)
    elif type(value) is int:  # no bool
        code = value
    else:
        raise ValueError(f'expression {value!r} is not a whole number.')
    check_code('expression', code, EXPRESSIONS)
    return code
