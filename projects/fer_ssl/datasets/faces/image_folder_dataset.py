from __future__ import annotations

import os
import re
from collections import Counter

from mmengine.registry import DATASETS

from ...labels import (
    DROP,
    FIRST_CODES,
    IGNORE_LABEL,
    TAXONOMIES,
    canonical_name,
)
from ...media.read_image import IMAGE_TYPES
from ...utils.folder_walk import describe_unread, is_leftover, walk_files
from .coded_face_dataset import CodedFaceDataset
from .face_table import FaceTable

EXTENSIONS = tuple(f'.{x}' for x in IMAGE_TYPES)
#: Folders above those of the classes, as people name them.
SPLIT_FOLDERS = (
    'privatetest',
    'publictest',
    'test',
    'testing',
    'train',
    'training',
    'val',
    'valid',
    'validation',
)


@DATASETS.register_module()
class ImageFolderDataset(CodedFaceDataset):
    """Dataset of faces in one folder per class.

    Layout; the folder of a class may have subfolders::

        <data_root>/[<split>/]<class>/.../<name>.jpg

    A folder has the name of the class, in any spelling that
    :func:`fer_ssl.labels.canonical_name` accepts, or its code in a taxonomy.
    Links to folders are followed. Hidden entries and what operating systems
    leave behind are ignored; other files that are not images are counted in a
    warning.

    Args:
        split: Folder above the class folders, such as ``'train'``.
        taxonomy: Key of :data:`fer_ssl.labels.TAXONOMIES` that defines the
            codes of numbered folders. Most copies of AffectNet with folders 0
            to 7 are ``'affectnet_alphabetical'``; look at some images.
        folders: Class of folders with another name, such as
            ``dict(joy='happiness', misc='drop')``; ``'drop'`` means not
            annotated.
        **kwargs: See :class:`CodedFaceDataset`.

    Raises:
        FileNotFoundError: There is no such folder.
        ValueError: The class of a folder is unknown.

    Example:
        >>> dataset = dict(
        ...     type='ImageFolderDataset',
        ...     data_root='data/affectnet_copy',
        ...     split='train',
        ...     taxonomy='affectnet_alphabetical',
        ...     label_options=dict(contempt='drop'),
        ... )
    """

    def __init__(
        self,
        split: str | None = None,
        taxonomy: str | None = None,
        folders: dict[str, str] | None = None,
        **kwargs,
    ) -> None:
        if taxonomy is not None:
            self.check_choice('taxonomy', taxonomy, tuple(TAXONOMIES))
        self.numbered_in = taxonomy
        self.folders = folders or {}
        super().__init__(split=split, **kwargs)

    def read_codes(self) -> FaceTable:
        root = self.data_prefix['img_path']
        if self.split is not None:
            root = os.path.join(root, self.split)
        if not os.path.isdir(root):
            raise FileNotFoundError(f'{root}: no such folder.')
        names: dict[str, int] = {}
        images, labels = [], []
        others: Counter[str] = Counter()
        homes: dict[str, tuple[str, int]] = {}
        beside = 0
        for folder in sorted(os.listdir(root)):
            path = os.path.join(root, folder)
            if is_leftover(folder):
                continue
            if not os.path.isdir(path):
                beside += folder.lower().endswith(EXTENSIONS)
                if not os.path.exists(path):
                    self.warn(f'{path} is a link to nothing.')
                continue
            name = self._class_of(folder, path)
            label = IGNORE_LABEL
            if name != DROP:
                label = names.setdefault(name, len(names))
            found, counts = list_images(path)
            others += counts
            for image in found:
                images.append(os.path.join(self.split or '', folder, image))
                labels.append(label)
            for inside in {os.path.dirname(image) for image in found}:
                inside = os.path.join(path, inside)
                other, other_label = homes.setdefault(
                    os.path.realpath(inside), (inside, label)
                )
                if other_label != label:
                    raise ValueError(
                        f'{inside} and {other} are the same folder by a link, '
                        'and its images would have two classes. Remove one of '
                        'the links.'
                    )
        if not images:
            unread = describe_unread(others, 'images')
            raise ValueError(
                f'{root}: no folder with an image in it. There must be one '
                f'folder per class. {unread}'.rstrip()
            )
        if beside:
            self.warn(
                f'images outside the class folders, which are not read: '
                f'{beside}.'
            )
        if others:
            self.warn(describe_unread(others, 'images'))
        self.taxonomy = tuple(names)
        return FaceTable(images, labels)

    def _class_of(self, folder: str, path: str) -> str:
        """Return the canonical class name of a folder, or 'drop'."""
        if folder in self.folders:
            return self.folders[folder]
        if self.numbered_in is not None:
            names = TAXONOMIES[self.numbered_in]
            first = FIRST_CODES.get(self.numbered_in, 0)
            numbers = range(first, first + len(names))
            if re.fullmatch('[0-9]{1,2}', folder) and int(folder) in numbers:
                return names[int(folder) - first]
        name = canonical_name(folder)
        if any(name in names for names in TAXONOMIES.values()):
            return name
        if self.split is None and folder.lower() in SPLIT_FOLDERS:
            raise ValueError(
                f'{path}: this is the folder of a split, not of a class. Set '
                f'split={folder!r}, or data_root to this folder.'
            )
        raise ValueError(
            f'{path}: the class of this folder is unknown. Set it '
            f"with folders=dict({folder}='...'), or with taxonomy=... where "
            'folders are numbered.'
        )


def list_images(folder: str) -> tuple[list[str], Counter[str]]:
    """List the images in a folder and below, see :func:`walk_files`.

    Returns:
        Their paths relative to the folder, in order, and the number of other
        files by extension, in lower case.
    """
    images = []
    others: Counter[str] = Counter()
    for path in walk_files(folder):
        extension = os.path.splitext(path)[1].lower()
        if extension in EXTENSIONS:
            images.append(path)
        else:
            others[extension] += 1
    return images, others
