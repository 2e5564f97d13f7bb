from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np


@dataclass
class FaceTable:
    """Table of still faces, one row per face.

    Several rows may name the same image, each with its own box.

    Attributes:
        images: N paths, absolute (or with a ``prefix://``), or relative to the
            folder of the images.
        labels: Class of every face, int64 (N,), -1 if not annotated.
        truths: True class of every face, also where it must not be used for
            training, int64 (N,), -1 if unknown. ``None``: the labels.
        votes: Number of annotators for each class, int64 (N, C).
        boxes: Box of the face in the image, int64 (N, 4): left, top, right,
            bottom, the last two exclusive. It may extend beyond the image.
            ``None``: the image is the face.
        identities: Person (or video) of every face.
        names: Unique name of every face, for files made from it. ``None``: the
            images are unique and serve as names.
    """

    images: list[str]
    labels: np.ndarray
    truths: np.ndarray | None = None
    votes: np.ndarray | None = None
    boxes: np.ndarray | None = None
    identities: list[str] | None = None
    names: list[str] | None = None

    def __post_init__(self) -> None:
        for name in ('labels', 'truths', 'votes', 'boxes'):
            column = getattr(self, name)
            if column is not None:
                column = np.asarray(column, dtype=np.int64)
                if name == 'boxes':
                    column = column.reshape(-1, 4)
                setattr(self, name, column)
        lengths = {
            field.name: len(getattr(self, field.name))
            for field in fields(self)
            if getattr(self, field.name) is not None
        }
        if len(set(lengths.values())) > 1:
            raise ValueError(
                f'FaceTable: columns differ in length: {lengths}.'
            )

    def __len__(self) -> int:
        return len(self.images)

    def select(self, rows: Sequence[int] | np.ndarray) -> FaceTable:
        """Select rows by indices or by a mask, bool (N,)."""
        rows = np.asarray(rows)
        if rows.dtype == bool:
            rows = np.flatnonzero(rows)
        rows = rows.astype(np.int64)
        columns = {}
        for field in fields(self):
            column = getattr(self, field.name)
            if isinstance(column, np.ndarray):
                column = column[rows]
            elif column is not None:
                column = [column[i] for i in rows]
            columns[field.name] = column
        return FaceTable(**columns)
