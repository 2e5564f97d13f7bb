from __future__ import annotations

import os.path as osp
from collections.abc import Hashable

_MOST_SHOWN = 3


class RepeatedFaces:
    """Finds faces, images and people that a list contains more than once.

    Args:
        path: The list, for messages.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._faces: dict[Hashable, tuple[int, str]] = {}
        self._splits: dict[str, dict[str, tuple[int, str]]]
        self._splits = dict(image={}, identity={})
        self._twice: list[str] = []
        # Images and people in two splits; each counts once.
        self._crossing: dict[str, dict[str, str]] = dict(image={}, identity={})

    def add(
        self,
        line: int,
        face: tuple[str, tuple | None],
        label: str,
        identity: str = '',
        split: str = '',
    ) -> None:
        """Add a row.

        Args:
            line: Line number of the row.
            face: Image, and box if there is one.
            label: Class; '' if not annotated.
            identity: Person; '' if unknown.
            split: Split; '' if the list has none.

        Raises:
            ValueError: The face had another class before.
        """
        image = face[0] if '://' in face[0] else osp.normpath(face[0])
        # Without a box, the name alone: a list may have millions of rows.
        key = image if face[1] is None else (image, face[1])
        other, known = self._faces.setdefault(key, (line, label))
        if other != line:
            if label and known and label != known:
                raise ValueError(
                    f'{self.path}:{line}: {image} is of class {label!r} here '
                    f'and {known!r} in line {other}. Correct one of the lines '
                    'or delete it.'
                )
            if not known:
                self._faces[key] = line, label
            self._twice.append(f'{image} (lines {other} and {line})')
        self.add_split(line, 'image', image, split)
        self.add_split(line, 'identity', identity, split)

    def add_split(self, line: int, kind: str, name: str, split: str) -> None:
        """Add the split of an image or a person.

        Args:
            line: Line number of the row.
            kind: ``'image'`` or ``'identity'``.
            name: Its name; '' if unknown.
            split: Split; '' if the list has none.
        """
        if not name or not split:
            return
        other, known = self._splits[kind].setdefault(name, (line, split))
        if known != split and name not in self._crossing[kind]:
            example = f'{name} ({known} in line {other}, {split} in {line})'
            self._crossing[kind][name] = example

    def findings(self) -> list[str]:
        """Describe each problem in a sentence, with counts and examples."""
        kinds = {
            'People in more than one split, so that the splits are not '
            'independent': list(self._crossing['identity'].values()),
            'Images in more than one split, so that the splits are not '
            'independent': list(self._crossing['image'].values()),
            'Rows that list a face again, which counts twice': self._twice,
        }
        return [
            f'{what}: {len(found):,}, such as '
            + '; '.join(found[:_MOST_SHOWN])
            + ('; ...' if len(found) > _MOST_SHOWN else '.')
            for what, found in kinds.items()
            if found
        ]
