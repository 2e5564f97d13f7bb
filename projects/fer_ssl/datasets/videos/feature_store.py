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

    A stream is what a student sees of the faces, or the sound, or any other
    features. ``features.npy`` is one float16 array (F, D), the frames of all
    videos one after another. ``valid.npy``, bool (F,), says which frames have
    features: those without (no face, no sound) are zero rows that nobody may
    read. ``index.json`` says where each video begins and what made the
    features. It is written last, so a folder without it is an interrupted
    extraction.

    Args:
        path: The folder.

    Raises:
        FileNotFoundError: The store is missing or was not finished.
        DamagedFileError: A file of it does not fit; the message names it.
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
        #: Checkpoint that made the features; None for other streams.
        self.student_sha256: str | None = index['recipe'].get('student_sha256')
        self._remedy = f'Run {index["recipe"].get("tool", _TOOL)!s:.80} again.'
        self._videos = index['videos']
        self._files = OpenFiles()
        self._open()

    def _open(self) -> None:
        #: All features, float16 (F, D), read from disk where touched.
        self.features = self._array(_FEATURES, np.float16, 2)
        #: Frames that have features, bool (F,); None in stores of students
        #: from before this was written down.
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
        """Raise DamagedFileError where index and arrays do not fit."""
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
        """Features of ``count`` frames from ``row`` on, float16 (count, D).

        Read by position: pages of a memory map would count as memory of the
        process, ever more of them the longer it trains.
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
        """First row of each of V videos, int64 (V,).

        Args:
            names: V names.
            offsets: Bounds of the videos in ``images``, (V + 1,).
            images: Image names of all frames, bytes (F,).

        Raises:
            ValueError: A video is not in the store, or had another number of
                frames when its features were extracted, or other images
                (which a store that was not made from images does not check).
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
    """Digest of the image names of one video, so of its frames' order."""
    return hashlib.sha256(b'\n'.join(images.tolist())).hexdigest()[:16]


def read_index(path: str) -> dict | None:
    """Index of a finished store, ``None`` where there is none.

    Raises:
        DamagedFileError: It has another form; the message names the place.
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
    """Writes a store; several processes may fill disjoint rows of it.

    One process calls :meth:`create`, then all call :meth:`write`, then (after
    a barrier) one calls :meth:`finish`.

    Args:
        path: The folder, on a disk that all processes see.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._features = self._valid = None

    def _file(self, name: str) -> str:
        return osp.join(self.path, name)

    def create(self, num_frames: int, dim: int) -> None:
        """Reserve an array of zeros, float16 (num_frames, dim).

        No frame of it is valid until it is written. A finished store that is
        there remains if that fails.

        Raises:
            OSError: The disk has no space for all of it, or the folder cannot
                be written to; ``filename`` names the file.
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
        """Put features (n, D) into n rows, which makes these valid.

        Raises:
            ValueError: They are not finite in float16.
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
        """Hand what this process wrote to the disk."""
        if self._features is not None:
            with file_named(self._file(_PARTIAL)):
                self._features.flush()
                self._valid.flush()

    def finish(self, index: dict) -> None:
        """Make the store valid: the index appears last, in one step.

        Args:
            index: ``recipe`` (all that the features depend on, with
                ``student_sha256`` of a student, or the ``tool`` that made
                another stream) and ``videos`` (name -> offset, num_frames
                and, where made from images, their digest).
        """
        os.replace(self._file(_PARTIAL), self._file(_FEATURES))
        os.replace(self._file(_PARTIAL_VALID), self._file(_VALID))
        dim = np.load(self._file(_FEATURES), mmap_mode='r').shape[1]
        write_json(self._file(_INDEX), dict(dim=dim, **index))


def _reserve(path: str) -> None:
    """Give a sparse file all its space.

    A full disk is an error here, but would be a bus error in a memory map.
    """
    with open(path, 'r+b') as file:
        size = os.fstat(file.fileno()).st_size
        try:
            os.posix_fallocate(file.fileno(), 0, size)
        except AttributeError:  # macOS
            pass
        except OSError as error:  # some file systems cannot
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
                raise
