from __future__ import annotations

import os

from mmengine.fileio import get_file_backend
from mmengine.fileio.backends import LocalBackend
from mmengine.registry import DATASETS

from ...labels import register_taxonomy
from ...utils.text_rows import check_code, spaced_rows, whole_numbers
from ..folder_layout import FolderLayout
from .coded_face_dataset import CodedFaceDataset
from .face_table import FaceTable

SPLITS = ('train', 'test')
#: Class names in the order of their codes, which count from 1.
EXPRESSIONS = (
    'surprise',
    'fear',
    'disgust',
    'happiness',
    'sadness',
    'anger',
    'neutral',
)
FIRST_CODE = 1
#: Classes of the compound set, such as happily surprised, numbered from 1.
NUM_COMPOUND = 11


@DATASETS.register_module()
class RAFDBDataset(CodedFaceDataset):
    """RAF-DB as shipped: aligned faces with seven basic expressions.

    Layout::

        <data_root>/EmoLabel/list_patition_label.txt
        <data_root>/Image/aligned/{train,test}_<number>_aligned.jpg

    The list names ``train_00001.jpg``. If there is an image of this name, as
    in ``Image/original``, it is used; otherwise the aligned one.

    Args:
        split: ``'train'``, ``'test'``, or ``None`` for both.
        ann_file: The list, relative to ``data_root``.
        **kwargs: See :class:`CodedFaceDataset`.

    Raises:
        FileNotFoundError: The list or the folder of images is missing.
        ValueError: A line is malformed. The message names file and line.

    Example:
        >>> dataset = dict(
        ...     type='RAFDBDataset', data_root='data/raf_db', split='train'
        ... )
    """

    taxonomy = register_taxonomy('raf_db', EXPRESSIONS, FIRST_CODE)
    layouts = (
        FolderLayout(
            'RAF-DB',
            dataset='RAFDBDataset',
            markers=('EmoLabel/list_patition_label.txt',),
            required=('Image/aligned',),
            parts={split: dict(split=split) for split in SPLITS},
            classes=EXPRESSIONS,
        ),
    )

    def __init__(
        self,
        split: str | None = 'train',
        ann_file: str = 'EmoLabel/list_patition_label.txt',
        data_prefix: dict | None = None,
        **kwargs,
    ) -> None:
        self.check_choice('split', split, (*SPLITS, None))
        super().__init__(
            split=split,
            ann_file=ann_file,
            data_prefix=data_prefix or dict(img_path='Image/aligned'),
            **kwargs,
        )

    def read_codes(self) -> FaceTable:
        faces = read_partition_list(self.ann_file, self.split)
        folder = self.data_prefix['img_path']
        existing = set()
        if isinstance(get_file_backend(folder), LocalBackend):
            existing.update(os.listdir(folder or '.'))
        faces.images = [
            image if image in existing else aligned_name(image)
            for image in faces.images
        ]
        return faces


def aligned_name(image: str) -> str:
    """Return the name of the aligned image, which may be ``image`` itself."""
    stem, extension = os.path.splitext(image)
    return f'{stem.removesuffix("_aligned")}_aligned{extension}'


def read_partition_list(path: str, split: str | None = None) -> FaceTable:
    """Read a list of faces with lines such as ``train_00001.jpg 5``.

    Images have the names of the list.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A line is malformed. The message names file and line.
    """
    images, labels = [], []
    line_of = {}
    for line, fields in spaced_rows(path):
        where = f'{path}:{line}'
        if len(fields) != 2:
            raise ValueError(
                f'{where}: {len(fields)} fields, expected an image and a '
                'number.'
            )
        image, code = fields[0], *whole_numbers(where, fields[1:])
        if len(EXPRESSIONS) < code <= NUM_COMPOUND:
            raise ValueError(
                f'{where}: unknown expression {code}. This seems to be the '
                f'list of the {NUM_COMPOUND} compound expressions of RAF-DB, '
                'which has the same file name. Use the list of the basic set, '
                f'whose numbers are 1 to {len(EXPRESSIONS)}.'
            )
        check_code(where, code, EXPRESSIONS, first=FIRST_CODE)
        # Both train_00001.jpg and its aligned name are this face.
        first = line_of.setdefault(aligned_name(image), line)
        if first != line:
            raise ValueError(f'{where}: {image} is already in line {first}.')
        of = image.partition('_')[0]
        if of not in SPLITS:
            raise ValueError(
                f'{where}: {image!r} begins with neither train_ nor test_, '
                'so its split is not known.'
            )
        if split in (None, of):
            images.append(image)
            labels.append(code - FIRST_CODE)
    return FaceTable(images, labels)
