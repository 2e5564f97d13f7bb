from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
from mmengine.fileio import get_file_backend
from mmengine.fileio.backends import LocalBackend
from mmengine.logging import print_log

from ...labels import DROP, IGNORE_LABEL, TAXONOMIES, label_mapping
from .base_face_dataset import BaseFaceDataset
from .face_table import FaceTable


class CodedFaceDataset(BaseFaceDataset):
    """Base of datasets of still faces with their own class codes.

    A subclass names its taxonomy and reads the annotation as shipped; this
    class maps the codes. Faces of a dropped class count as not annotated, so
    they remain among the unlabeled ones. Images without a face ('no-face') are
    left out, unless ``label_options`` gives them a class.

    Args:
        label_options: Options of :func:`fer_ssl.labels.label_mapping`, such
            as ``dict(contempt='other', none='drop')``.
        **kwargs: See :class:`BaseFaceDataset`.
    """

    #: Key of :data:`fer_ssl.labels.TAXONOMIES`, or class names in order.
    taxonomy: str | Sequence[str]

    def __init__(self, label_options: dict | None = None, **kwargs) -> None:
        self.label_options = {'no_face': DROP, **(label_options or {})}
        super().__init__(**kwargs)

    def read_codes(self) -> FaceTable:
        """Read all faces of the split; labels are indices of the taxonomy."""
        raise NotImplementedError

    def read_faces(self) -> FaceTable:
        self._check_image_folder()
        faces = self.read_codes()
        names = self.taxonomy
        if isinstance(names, str):
            names = TAXONOMIES[names]
        mapping = label_mapping(
            self.taxonomy, self.metainfo['classes'], **self.label_options
        )
        # Index -1, not annotated, picks the last entry.
        mapping = np.append(mapping, IGNORE_LABEL)
        is_face = np.array([name != 'no-face' for name in names] + [True])
        keep = is_face[faces.labels] | (mapping[faces.labels] != IGNORE_LABEL)
        if not keep.all():
            print_log(
                f'{type(self).__name__}, {self.source}: {(~keep).sum()} '
                'images without a face are left out.',
                'current',
            )
            faces = faces.select(keep)
        faces.labels = mapping[faces.labels]
        if faces.votes is not None:
            faces.votes = self._sum_votes(faces.votes, mapping)
        return faces

    def _sum_votes(self, votes: np.ndarray, mapping: np.ndarray) -> np.ndarray:
        """Add up votes (N, K) for K codes by their class, to (N, C)."""
        sums = np.zeros((len(votes), len(self.metainfo['classes'])), int)
        for column, label in zip(votes.T, mapping):
            if label != IGNORE_LABEL:
                sums[:, label] += column
        return sums

    def _check_image_folder(self) -> None:
        folder = self.data_prefix['img_path']
        if not isinstance(get_file_backend(folder), LocalBackend):
            return
        if not os.path.isdir(folder or '.'):
            raise FileNotFoundError(
                f'{folder}: no such folder of images. Set `data_root` to the '
                "folder of the data set, or data_prefix=dict(img_path='...') "
                'to that of its images.'
            )

    def warn_repeated(self, places: dict[str, bool]) -> None:
        """Warn how many faces were listed before, and are left out.

        Args:
            places: Lines, each with whether its class is another one.
        """
        reason = 'they are listed in an earlier line'
        for is_other, end in ((False, ''), (True, ', with another class')):
            found = [x for x, other in places.items() if other == is_other]
            self.warn_left_out(reason + end, found)

    def warn_left_out(self, reason: str, places: list[str]) -> None:
        """Warn how many faces are left out, if any, and name the first."""
        if places:
            more = ', ...' if len(places) > 3 else ''
            self.warn(
                f'{len(places)} faces are left out as {reason}: '
                f'{", ".join(places[:3])}{more}.'
            )
