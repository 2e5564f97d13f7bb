from __future__ import annotations

import os.path as osp

from mmengine.registry import DATASETS

from ...labels import IGNORE_LABEL
from ...utils.text_rows import (
    BOX_COLUMNS,
    check_box,
    csv_rows,
    read_header,
    whole_numbers,
)
from ..folder_layout import FolderLayout, class_arguments, read_manifest
from ..repeated_rows import RepeatedFaces
from .base_face_dataset import BaseFaceDataset
from .face_table import FaceTable


def _parts(folder: str) -> dict[str, dict]:
    """Return the arguments for each CSV file, also of ``build_split``."""
    root, prefix, classes = folder, 'images', {}
    if not osp.isdir(osp.join(folder, prefix)):
        prefix = ''
        manifest = read_manifest(osp.join(folder, 'manifest.json'))
        root = manifest.get('image_root')
        root = root if isinstance(root, str) and root else folder
        classes = class_arguments(manifest)
    files = ('labels.csv', 'all'), ('unlabeled.csv', 'unlabeled')
    return {
        name: dict(
            ann_file=osp.join(osp.abspath(folder), name),
            data_root=root,
            data_prefix=dict(img_path=prefix),
            subset=subset,
            **classes,
        )
        for name, subset in files
        if osp.isfile(osp.join(folder, name))
    }


@DATASETS.register_module()
class FaceDataset(BaseFaceDataset):
    """Dataset of a CSV file ``image,expression[,identity,split,...]``.

    ``image`` is relative to ``data_prefix['img_path']``. ``expression`` is a
    class name, or empty if the face is not annotated. The optional columns
    ``left,top,right,bottom`` are the box of the face in pixels, the last two
    exclusive. For the items and the other arguments, see
    :class:`BaseFaceDataset`.

    A face (an image, with its box if there is one) that is listed with two
    classes is an error, whatever the splits. A face that is listed again with
    the same class or without one counts twice, with a warning. There is also a
    warning about a person or an image in two splits.

    Args:
        ann_file: CSV file, relative to ``data_root``.
        metainfo: ``dict(classes=...)``. Defaults to the eight of ABAW.
        split: Keep the rows with this value in column ``split``. ``None``
            keeps all rows.
        ignore_classes: Names in the file that are not classes here. Such faces
            are never labeled; they remain among the unlabeled ones.
        truth_column: Column with the true class of unlabeled faces, used only
            to log the accuracy of pseudo-labels. Defaults to ``expression``.

    Raises:
        FileNotFoundError: The CSV file is missing.
        ValueError: A column is missing or given twice, a class name is
            unknown, or a face has two classes; the message names file and
            line.
    """

    layouts = (
        FolderLayout(
            'faces CSV',
            dataset='FaceDataset',
            markers=('labels.csv', 'unlabeled.csv'),
            parts=_parts,
        ),
    )

    def __init__(
        self,
        ann_file: str,
        data_prefix: dict | None = None,
        *,
        ignore_classes: tuple = (),
        truth_column: str = 'expression',
        **kwargs,
    ) -> None:
        self.ignore_classes = tuple(ignore_classes)
        self.truth_column = truth_column
        super().__init__(
            ann_file=ann_file,
            data_prefix=data_prefix or dict(img_path='images'),
            **kwargs,
        )

    def read_faces(self) -> FaceTable:
        if not osp.exists(self.ann_file):
            raise FileNotFoundError(
                f'{self.ann_file}: no such annotation file. Set `data_root` '
                'to the folder that holds it, or write it from public data '
                'sets by `mim run fer_ssl dataset:build_split`.'
            )
        rows = csv_rows(self.ann_file)
        header = read_header(self.ann_file, rows)
        columns, has_boxes = self._needed_columns(header)
        repeated = RepeatedFaces(self.ann_file)
        index = {name: i for i, name in enumerate(self.metainfo['classes'])}
        index.update(dict.fromkeys(self.ignore_classes, IGNORE_LABEL))
        index[''] = IGNORE_LABEL
        images, labels, truths, boxes, identities = [], [], [], [], []
        for line, fields in rows:
            where = f'{self.ann_file}:{line}'
            if len(fields) != len(header):
                raise ValueError(
                    f'{where}: {len(fields)} fields, but the header has '
                    f'{len(header)}.'
                )
            row = dict(zip(header, fields))
            box = None
            if has_boxes:
                # As text, since boxes of other splits are not checked.
                box = tuple(
                    row[x].strip().removesuffix('.0') for x in BOX_COLUMNS
                )
            if row['image']:
                repeated.add(
                    line,
                    (row['image'], box),
                    row['expression'],
                    row.get('identity', ''),
                    row.get('split', ''),
                )
            if self.split is not None and row['split'] != self.split:
                continue
            if not row['image']:
                raise ValueError(f'{where}: no image is named.')
            names = [row[column] for column in columns]
            for name in names:
                if name not in index:
                    raise ValueError(
                        f'{where}: unknown class {name!r}. Classes are '
                        f'{", ".join(self.metainfo["classes"])}; other '
                        'names must be in `ignore_classes`.'
                    )
            if has_boxes:
                boxes.append(tuple(whole_numbers(where, box)))
                check_box(where, boxes[-1])
            images.append(row['image'])
            labels.append(index[names[0]])
            truths.append(index[names[-1]])
            identities.append(row.get('identity', ''))
        self.findings = repeated.findings()
        return FaceTable(
            images,
            labels,
            truths=truths,
            boxes=boxes if has_boxes else None,
            identities=identities if 'identity' in header else None,
        )

    def _needed_columns(self, header: list[str]) -> tuple[list[str], bool]:
        """Return the columns of label and truth, and whether there are boxes.

        Raises:
            ValueError: A column is missing from the header.
        """
        columns = ['expression']
        if self.subset == 'unlabeled':
            columns.append(self.truth_column)
        needed = {'image', *columns}
        if self.split is not None:
            needed.add('split')
        has_boxes = not set(BOX_COLUMNS).isdisjoint(header)
        if has_boxes:
            needed.update(BOX_COLUMNS)
        missing = needed.difference(header)
        if missing:
            raise ValueError(
                f'{self.ann_file}:1: column {", ".join(sorted(missing))} '
                f'is missing; the header is {header}.'
            )
        return columns, has_boxes
