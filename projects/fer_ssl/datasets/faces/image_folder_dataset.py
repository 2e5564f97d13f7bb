from __future__ import annotations

import os
import re
from collections.abc import Iterator

from mmengine.registry import DATASETS

from ...labels import (
    DROP,
    FIRST_CODES,
    IGNORE_LABEL,
    TAXONOMIES,
    canonical_name,
)
from ...utils.files import is_part
from .coded_face_dataset import CodedFaceDataset
from .face_table import FaceTable

EXTENSIONS = ('.bmp', '.jpeg', '.jpg', '.png', '.tif', '.tiff', '.webp')


@DATASETS.register_module()
class ImageFolderDataset(CodedFaceDataset):
    """Dataset of faces in one folder per class.

    Layout; the folder of a class may have subfolders::

        <data_root>/[<split>/]<class>/.../<name>.jpg

    A folder has the name of the class, in any spelling that
    :func:`fer_ssl.labels.canonical_name` accepts, or its code in a taxonomy.
    Hidden folders and files that are not images are ignored.

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
        for folder in sorted(os.listdir(root)):
            path = os.path.join(root, folder)
            if folder.startswith('.') or not os.path.isdir(path):
                continue
            name = self._class_of(folder, path)
            label = IGNORE_LABEL
            if name != DROP:
                label = names.setdefault(name, len(names))
            for image in images_below(path):
                images.append(os.path.join(self.split or '', folder, image))
                labels.append(label)
        if not images:
            raise ValueError(
                f'{root}: no folder with an image in it. There must be one '
                'folder per class.'
            )
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
        raise ValueError(
            f'{path}: the class of this folder is unknown. Set it '
            f"with folders=dict({folder}='...'), or with taxonomy=... where "
            'folders are numbered.'
        )


def images_below(folder: str) -> Iterator[str]:
    """Yield the images in a folder and below, relative to it, in order.

    Hidden folders and files are ignored, and so are files that a killed
    program has left.
    """
    folder = os.path.join(folder, '')
    for path, folders, files in os.walk(folder):
        folders[:] = sorted(f for f in folders if not f.startswith('.'))
        inside = path[len(folder) :]
        for file in sorted(files):
            is_image = file.lower().endswith(EXTENSIONS) and file[0] != '.'
            if is_image and not is_part(file):
                yield os.path.join(inside, file)
