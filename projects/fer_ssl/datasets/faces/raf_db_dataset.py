from __future__ import annotations

import os

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


@DATASETS.register_module()
class RAFDBDataset(CodedFaceDataset):
    """RAF-DB as shipped: aligned faces with seven basic expressions.

    Layout::

        <data_root>/EmoLabel/list_patition_label.txt
        <data_root>/Image/aligned/{train,test}_<number>_aligned.jpg

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
        return read_partition_list(self.ann_file, self.split)


def read_partition_list(path: str, split: str | None = None) -> FaceTable:
    """Read a list of faces with lines such as ``train_00001.jpg 5``.

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
        check_code(where, code, EXPRESSIONS, first=FIRST_CODE)
        if line_of.setdefault(image, line) != line:
            raise ValueError(
                f'{where}: {image} is already in line {line_of[image]}.'
            )
        of = image.partition('_')[0]
        if of not in SPLITS:
            raise ValueError(
                f'{where}: {image!r} begins with neither train_ nor test_, '
                'so its split is not known.'
            )
        if split in (None, of):
            stem, extension = os.path.splitext(image)
            images.append(f'{stem}_aligned{extension}')
            labels.append(code - FIRST_CODE)
    return FaceTable(images, labels)
