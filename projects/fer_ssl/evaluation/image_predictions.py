"""Predictions for every image of a set, and their CSV format.

One row per image, in the order of the data set. For classes::

    image,label,truth,neutral,anger,...
    faces/1.png,neutral,neutral,0.75,0.25,...
    faces/2.png,anger,,0.25,0.75,...

``image`` is the path of the image, empty if it has none, ``label`` the
predicted class, ``truth`` is empty where the image is not annotated, and each
class has a column of probabilities named after it. With one target per column
(valence and arousal, action units)::

    image,truth_valence,truth_arousal,valence,arousal
    faces/1.png,0.3,-0.1,0.25,0.05
    faces/2.png,-5,-5,0.3,0.1

the truth of each target is a number, -5 or -1 where not annotated. The end of
the file is that of :mod:`.prediction_rows`.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..utils.files import whole_file
from .prediction_rows import (
    CLASS_COLUMNS,
    END,
    cells_of,
    check_end,
    header_of,
    parse_header,
    parse_scores,
    read_rows,
    refuse,
    score_cells,
    split_rows,
)

#: Columns before the truths and the scores.
FIRST_COLUMNS = ('image',)


@dataclass
class ImagePredictions:
    """Predictions for all N images of a set.

    Attributes:
        images: Path of each image, ``''`` if it has none.
        classes: Names of the C columns: classes, or valence and arousal, or
            action units.
        scores: Class probabilities, or one score per target; float32 (N, C).
        labels: Truth, int64 (N,), -1 = not annotated. Or one target per
            column, float32 (N, C): valence and arousal, -5 = not annotated,
            or action units, -1 = not annotated.
    """

    images: Sequence[str]
    classes: Sequence[str]
    scores: np.ndarray
    labels: np.ndarray

    def __post_init__(self) -> None:
        self.images, self.classes = list(self.images), tuple(self.classes)
        self.scores = np.asarray(self.scores, dtype=np.float32)
        has_targets = np.ndim(self.labels) == 2
        self.labels = np.asarray(
            self.labels, dtype=np.float32 if has_targets else np.int64
        )
        shape = (len(self.images), len(self.classes))
        for key, expected in (
            ('scores', shape),
            ('labels', shape if has_targets else shape[:1]),
        ):
            found = getattr(self, key).shape
            if found != expected:
                raise ValueError(f'{key} must be {expected}, got {found}.')

    @property
    def predicted(self) -> np.ndarray:
        """Class of the largest score, ties to the smallest index; (N,)."""
        return self.scores.argmax(axis=1)

    def to_csv(self, path: str) -> None:
        """Write one row per image; missing folders are created."""
        header = header_of(FIRST_COLUMNS, self.classes, self.labels.ndim == 2)
        rows = score_cells(self.scores, self.labels, self.classes)
        with whole_file(path) as file:
            writer = csv.writer(file, lineterminator='\n')
            writer.writerow(header)
            writer.writerows(
                (image, *cells) for image, cells in zip(self.images, rows)
            )
            file.write(END)

    @classmethod
    def from_csv(cls, path: str) -> ImagePredictions:
        """Read a file of :meth:`to_csv`; all values are equal bit by bit.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If the content is wrong; the message names file and
                line.
        """
        lines, rows = read_rows(path)
        header = cells_of(rows[0]) if rows else []
        classes, has_targets = parse_header(path, header, FIRST_COLUMNS)
        if len(rows) == 1:
            refuse(path, 1, 'the header is not followed by any image.')
        num_text = len(FIRST_COLUMNS)
        if not has_targets:
            num_text += len(CLASS_COLUMNS)
        lines, rows = lines[1:], rows[1:]
        images, *names, numbers = split_rows(
            path, lines, rows, len(header), num_text
        )
        scores, labels = parse_scores(path, lines, names, numbers, classes)
        check_end(path, lines[-1])
        return cls(images, classes, scores, labels)
