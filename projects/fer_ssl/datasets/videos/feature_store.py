from __future__ import annotations

import errno
import hashlib
import os
import os.path as osp
from collections.abc import Sequence
from contextlib import suppress

import numpy as np

from ...utils.data_files import COUNT, check_form, read_json, read_npy
from ...utils.files import file_named, whole_path, write_json
from ...utils.open_files import DamagedFileError, OpenFiles

_INDEX, _FEATURES, _VALID = 'index.json', 'features.npy', 'valid.npy'
_PARTIAL, _PARTIAL_VALID = 'features.partial.npy', 'valid.partial.npy'
_INDEX_FORM = {
    'dim': COUNT,
    'recipe': dict,
    'videos': {str: {'offset': COUNT, 'num_frames': COUNT, 'images?': str}},
}
_TOOL = 'tools/extract_features.py'


class FeatureStore:
    """Features of every frame of one stream, memory-mapped from a folder.

    A stream consists of the student's features of the faces, of features of
    the sound, or of any others. ``features.npy`` is one float16 array (F, D)
    with the frames of all videos one after another. ``valid.npy``, bool (F,),
    says which frames have features; the others (no face, no sound) are rows of
    zeros that must not be used. ``index.json`` says where each video begins
    and how the features were made. It is written last, so a folder without it
    is an interrupted extraction.

    Args:
        path: The folder.

    Raises:
        FileNotFoundError: The store is missing or was not finished.
        DamagedFileError: A file of the store is invalid; the message names it.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        index = read_index(path)
        if index is None:
            state = 'not finished' if osp.isdir(path) else 'missing'
            raise FileNotFoundError(
                f'{path}: feature store {state}. Run {_TOOL} again, or the '
                'tool of another stream.'
            )
        self.dim: int = index['dim']
        #: Hash of the student's checkpoint; None for other streams.
        self.student_sha256: str | None = index['recipe'].get('student_sha256')
        self._remedy = f'Run {index["recipe"].get("tool", _TOOL)!s:.80} again.'
        self._videos = index['videos']
        self._files = OpenFiles()
        self._open()

    def _open(self) -> None:
        #: All features, float16 (F, D), memory-mapped.
        self.features = self._array(_FEATURES, np.float16, 2)
        #: Frames that have features, bool (F,); None for old
        #: stores, which do not have the file.
        self.valid = None
        if osp.exists(osp.join(self.path, _VALID)):
            self.valid = np.array(self._array(_VALID, bool, 1))
        self._check_videos()

    def _array(self, name: str, dtype: type, ndim: int) -> np.ndarray:
        try:
            return read_npy(osp.join(self.path, name), dtype, ndim, mmap=True)
        except ValueError as error:
            raise DamagedFileError(f'{error} {self._remedy}') from None

    def _check_videos(self) -> None:
        """Raise a DamagedFileError if index and arrays do not match."""
        frames, dim = self.features.shape
        where = osp.join(self.path, _INDEX)
        if dim != self.dim:
            raise DamagedFileError(
                f'{where}: dim is {self.dim}, but {_FEATURES} has {dim}. '
                f'{self._remedy}'
            )
        if self.valid is not None and len(self.valid) != frames:
            raise DamagedFileError(
                f'{where}: {_VALID} has other frames than {_FEATURES}. '
                f'{self._remedy}'
            )
        for name, entry in self._videos.items():
            if entry['offset'] + entry['num_frames'] > frames:
                raise DamagedFileError(
                    f'{where}: video {name!r:.80} ends after the {frames} '
                    f'frames of {_FEATURES}. {self._remedy}'
                )

    def __getstate__(self) -> dict:
        # A memory map would be pickled as the whole array.
        opened = 'features', 'valid'
        return {k: v for k, v in self.__dict__.items() if k not in opened}

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)
        self._open()

    def read(self, row: int, count: int) -> np.ndarray:
        """Read ``count`` features from ``row`` on, float16 (count, D).

        The file is read by position, since the pages of a memory map would
        count as memory of the process, more and more of them during training.
        """
        size = self.dim * self.features.itemsize
        data = self._files.read(
            osp.join(self.path, _FEATURES),
            self.features.offset + int(row) * size,
            int(count) * size,
        )
        return np.frombuffer(data, np.float16).reshape(count, self.dim)

    def rows_of(
        self, names: Sequence[str], offsets: np.ndarray, images: np.ndarray
    ) -> np.ndarray:
        """Return the first row of each of V videos, int64 (V,).

        Args:
            names: Names of the V videos.
            offsets: Bounds of the videos in ``images``, (V + 1,).
            images: Image names of all frames, bytes (F,).

        Raises:
            ValueError: A video is not in the store, or it had another number
                of frames or other images when its features were extracted.
                (Images are checked only if the store was made from images.)
        """
        rows = []
        for name, first, stop in zip(names, offsets, offsets[1:]):
            entry = self._videos.get(name)
            if entry is None:
                raise ValueError(
                    f'{self.path}: no features of video {name!r}. '
                    f'{self._remedy}'
                )
            digest = entry.get('images')
            same_images = digest is None or digest == images_digest(
                images[first:stop]
            )
            if entry['num_frames'] != stop - first or not same_images:
                raise ValueError(
                    f'{self.path}: video {name!r} had {entry["num_frames"]} '
                    f'frames when its features were extracted; now it has '
                    f'{stop - first}, or other images. {self._remedy}'
                )
            rows.append(entry['offset'])
        return np.array(rows)


def images_digest(images: np.ndarray) -> str:
    """Hash the image names of one video, and thus the order of its frames."""
    return hashlib.sha256(b'\n'.join(images.tolist())).hexdigest()[:16]


def read_index(path: str) -> dict | None:
    """Read the index of a finished store; ``None`` if there is none.

    Raises:
        DamagedFileError: It has another format; the message names the place.
    """
    file = osp.join(path, _INDEX)
    try:
        index = read_json(file)
        check_form(file, index, _INDEX_FORM)
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise DamagedFileError(
            f'{error} Delete the folder and make the feature store again.'
        ) from None
    return index


class FeatureStoreWriter:
    """Writer of a store; several processes may write disjoint rows.

    One process calls :meth:`create`, then all call :meth:`write`, then (after
    a barrier) one calls :meth:`finish`.

    Args:
        path: The folder, on a disk that all processes share.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._features = self._valid = None

    def _file(self, name: str) -> str:
        return osp.join(self.path, name)

    def create(self, num_frames: int, dim: int) -> None:
        """Reserve an array of zeros, float16 (num_frames, dim).

        No frame is valid until it is written. If this fails, an existing
        finished store remains.

        Raises:
            OSError: The disk has too little space, or the folder is not
                writable; ``filename`` names the file.
        """
        for name, dtype, shape in (
            (_PARTIAL, np.float16, (num_frames, dim)),
            (_PARTIAL_VALID, bool, (num_frames,)),
        ):
            with suppress(FileNotFoundError):  # its space is needed
                os.remove(self._file(name))
            with whole_path(self._file(name), sync=False) as part:
                np.lib.format.open_memmap(part, 'w+', dtype, shape)
                _reserve(part)
        with suppress(FileNotFoundError):
            os.remove(self._file(_INDEX))

    def write(self, rows: np.ndarray, features: np.ndarray) -> None:
        """Write features (n, D) to n rows, which become valid.

        Raises:
            ValueError: A feature is not finite in float16.
        """
        if self._features is None:
            self._features = np.lib.format.open_memmap(
                self._file(_PARTIAL), 'r+'
            )
            self._valid = np.lib.format.open_memmap(
                self._file(_PARTIAL_VALID), 'r+'
            )
        with np.errstate(over='ignore'):
            features = features.astype(np.float16)
        if not np.isfinite(features).all():
            raise ValueError(
                f'{self.path}: the student gives features that are not '
                'finite in float16. Is its checkpoint from a diverged run?'
            )
        self._features[rows] = features
        self._valid[rows] = True

    def flush(self) -> None:
        """Flush what this process has written to the disk."""
        if self._features is not None:
            with file_named(self._file(_PARTIAL)):
                self._features.flush()
                self._valid.flush()

    def finish(self, index: dict) -> None:
        """Make the store valid: the index appears last, in one step.

        Args:
            index: ``recipe`` (everything that the features depend on, with
                ``student_sha256`` of a student, or the ``tool`` of another
                stream) and ``videos`` (name -> offset, num_frames and, if made
                from images, their hash).
        """
        os.replace(self._file(_PARTIAL), self._file(_FEATURES))
        os.replace(self._file(_PARTIAL_VALID), self._file(_VALID))
        dim = np.load(self._file(_FEATURES), mmap_mode='r').shape[1]
        write_json(self._file(_INDEX), dict(dim=dim, **index))


def _reserve(path: str) -> None:
    """Allocate the disk space of a sparse file.

    A full disk is an error here, but would be a bus error in a memory map.
    """
    with open(path, 'r+b') as file:
        size = os.fstat(file.fileno()).st_size
        try:
            os.posix_fallocate(file.fileno(), 0, size)
        except AttributeError:  # macOS
            pass
        except OSError as error:  # not supported by some file systems
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
                raise
