from __future__ import annotations

import os

from mmengine.registry import DATASETS

from ...labels import register_taxonomy
from ...utils.text_rows import (
    EmptyBoxError,
    check_box,
    check_code,
    spaced_rows,
    whole_numbers,
)
from ..folder_layout import FolderLayout
from .coded_face_dataset import CodedFaceDataset
from .face_table import FaceTable

COLUMNS = (
    'image_name',
    'face_id_in_image',
    'face_box_top',
    'face_box_left',
    'face_box_right',
    'face_box_bottom',
    'face_box_confidence',
    'expression_label',
)
EXPRESSIONS = (
    'anger',
    'disgust',
    'fear',
    'happiness',
    'sadness',
    'surprise',
    'neutral',
)


@DATASETS.register_module()
class ExpWDataset(CodedFaceDataset):
    """Expression in-the-Wild (ExpW) as shipped, one item per face.

    Layout of photographs with a box of each face, so use ``CropFace``::

        <data_root>/label/label.lst
        <data_root>/image/origin/<name>.jpg

    An image may show several faces. The table of faces names each of them by
    image and number: face 2 of ``a.jpg`` is ``a_2.jpg``. A face that is listed
    twice is used once; a warning counts repetitions and faces with an empty
    box. The data set has no split.

    Args:
        ann_file: The list, relative to ``data_root``.
        **kwargs: See :class:`CodedFaceDataset`.

    Raises:
        FileNotFoundError: The list or the folder of images is missing.
        ValueError: A line is malformed. The message names file and line.

    Example:
        >>> dataset = dict(
        ...     type='ExpWDataset',
        ...     data_root='data/expw',
        ...     subset='labeled',
        ...     labeled_per_class=2000,
        ... )
    """

    taxonomy = register_taxonomy('expw', EXPRESSIONS)
    layouts = (
        FolderLayout(
            'ExpW',
            dataset='ExpWDataset',
            markers=('label/label.lst',),
            required=('image/origin',),
            classes=EXPRESSIONS,
        ),
    )

    def __init__(
        self,
        ann_file: str = 'label/label.lst',
        data_prefix: dict | None = None,
        **kwargs,
    ) -> None:
        if kwargs.get('split') is not None:
            raise ValueError('ExpWDataset: ExpW has no split.')
        super().__init__(
            ann_file=ann_file,
            data_prefix=data_prefix or dict(img_path='image/origin'),
            **kwargs,
        )

    def read_codes(self) -> FaceTable:
        faces, empty, repeated = read_label_list(self.ann_file)
        self.warn_left_out('their box is empty', empty)
        self.warn_repeated(repeated)
        return faces


def read_label_list(
    path: str,
) -> tuple[FaceTable, list[str], dict[str, bool]]:
    """Read ``label.lst``; find lines with an empty box or a repeated face.

    Returns:
        The faces, the lines with an empty box, and those that list a face
        again, each with whether its class is another one.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A line is malformed. The message names file and line.
    """
    images, labels, boxes, names = [], [], [], []
    empty: list[str] = []
    repeated: dict[str, bool] = {}
    codes: dict[tuple[str, int], int] = {}
    for line, fields in spaced_rows(path):
        where = f'{path}:{line}'
        if len(fields) != len(COLUMNS):
            raise ValueError(
                f'{where}: {len(fields)} fields, expected {len(COLUMNS)}: '
                f'{" ".join(COLUMNS)}.'
            )
        image, number, *sides, confidence, code = fields
        number, top, left, right, bottom, code = whole_numbers(
            where, (number, *sides, code)
        )
        try:
            float(confidence)
        except ValueError:
            raise ValueError(
                f'{where}: the confidence {confidence[:40]!r} is not a number.'
            ) from None
        check_code(where, code, EXPRESSIONS)
        known = codes.get((image, number))
        if known is not None:
            repeated[f'line {line}'] = known != code
            continue
        codes[image, number] = code
        try:
            check_box(where, (left, top, right, bottom))
        except EmptyBoxError:
            empty.append(f'line {line}')
            continue
        stem, extension = os.path.splitext(image)
        images.append(image)
        labels.append(code)
        boxes.append((left, top, right, bottom))
        names.append(f'{stem}_{number}{extension}')
    faces = FaceTable(images, labels, boxes=boxes, names=names)
    return faces, empty, repeated
