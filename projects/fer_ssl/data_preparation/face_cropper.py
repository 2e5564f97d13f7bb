"""Crop faces from photographs, for data sets of uncropped images.

Writes ``images/`` and ``faces.csv`` with one row per face, or per image
without a face: ``image,source,left,top,right,bottom,score,status``.
"""

from __future__ import annotations

import contextlib
import csv
import functools
import io
import logging
import multiprocessing
import os
import os.path as osp
import signal
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass

import cv2
import numpy as np
from mmengine.logging import print_log

from ..datasets.faces.image_folder_dataset import (
    list_images,
)
from ..datasets.unreadable_images import describe_failure
from ..face_detection import YuNetDetector
from ..face_detection.cut_out import cut_out
from ..media.read_image import read_image
from ..media.write_image import write_image
from ..utils.data_files import read_json
from ..utils.files import file_named, make_folder, whole_file, write_json
from ..utils.folder_walk import describe_unread
from ..utils.progress import ProgressBar
from ..utils.text_rows import BOX_COLUMNS, csv_dicts, read_lines

MANIFEST, LABELS, SETTINGS = 'faces.csv', 'labels.csv', 'settings.json'
COLUMNS = ('image', 'source', *BOX_COLUMNS, 'score', 'status')
FOUND, NO_FACE, UNREADABLE = 'ok', 'no face', 'unreadable'
_SAME_FORMAT = ('.jpg', '.jpeg', '.png')
_CHUNK = 16


@dataclass(frozen=True)
class CropSettings:
    """How faces are detected and cropped.

    Attributes:
        model: ONNX file of YuNet; ``None`` is the one of the package.
        min_score: Detections with a lower score, in [0, 1], are dropped.
        detect_size: Larger images are downscaled for the detector until
            their longer side has this many pixels.
        faces: ``'largest'`` or ``'all'``.
        margin: Margin on every side of the face, as a fraction of its size.
        size: Side of the square crops in pixels: 256 in paper A, section
            4.2; 0 keeps the resolution.
    """

    model: str | None = None
    min_score: float = 0.6
    detect_size: int = 640
    faces: str = 'largest'
    margin: float = 0.2
    size: int = 256

    def __post_init__(self) -> None:
        if self.faces not in ('largest', 'all'):
            raise ValueError(
                f"faces={self.faces!r} must be 'largest' or 'all'."
            )
        if self.margin <= -0.5:
            raise ValueError(f'margin={self.margin} must be above -0.5.')
        if self.size < 0:
            raise ValueError(f'size={self.size} must be at least 0.')


def make_detector(settings: CropSettings) -> YuNetDetector:
    """Build the detector that the settings describe."""
    return YuNetDetector(
        settings.model, settings.min_score, settings.detect_size
    )


@dataclass(frozen=True)
class Source:
    """An image to crop faces from.

    Attributes:
        path: The file.
        listed: Its name in the input, which is ``source`` in the manifest.
        name: Path of its crop below ``images/`` of the output.
    """

    path: str
    listed: str
    name: str


def list_sources(path: str, image_root: str = '') -> list[Source]:
    """List the images of a folder, a CSV file or a text file.

    Args:
        path: The folder, a CSV file with column ``image``, or a text file
            with one image per line.
        image_root: Base folder of the images in a file. Defaults to the
            folder of the file.

    Raises:
        FileNotFoundError: There is no such folder or file.
        ValueError: There are no images or no column ``image``, or two
            images would have the same crop.
    """
    if osp.isdir(path):
        image_root = path
        names, others = list_images(path)
        if others:
            print_log(
                f'{path}: {describe_unread(others, "images")}',
                'current',
                logging.WARNING,
            )
    elif path.endswith('.csv'):
        names = [row['image'] for _, row in csv_dicts(path, ('image',))]
    else:
        names = [line.strip() for line in read_lines(path)]
    names = [name for name in dict.fromkeys(names) if name]
    if not names:
        raise ValueError(f'{path}: there are no images.')
    root = osp.abspath(image_root or osp.dirname(osp.abspath(path)))
    sources = [Source(osp.join(root, x), x, _name_of(x, root)) for x in names]
    (name, count), *_ = Counter(s.name for s in sources).most_common(1)
    if count > 1:
        raise ValueError(
            f'{path}: the crops of {count} images would all be {name}. '
            'Rename the images.'
        )
    return sources


def _name_of(image: str, root: str) -> str:
    """Return a unique path below ``images/`` of the output."""
    name = osp.relpath(osp.join(root, image), root)
    # Images outside of the root keep their path, but '..' must not lead out.
    name = name.replace(osp.join('..', ''), osp.join('_up', ''))
    if osp.splitext(name)[1].lower() not in _SAME_FORMAT:
        name += '.png'  # appended, as a.bmp and a.webp are two images
    return name


class FaceCropper:
    """Detects the faces of images and writes the crops and the manifest.

    After an interruption, another run continues after the last row of the
    manifest and produces the same files.

    Args:
        sources: The images.
        out: Folder to write to.
        settings: How to detect and crop.
        processes: Number of worker processes; 1 uses none.

    Raises:
        OSError: A file cannot be written; ``filename`` names it.
        ValueError: The folder holds crops made with other settings, or is not
            writable.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        out: str,
        settings: CropSettings,
        processes: int = 1,
    ) -> None:
        self.sources = list(sources)
        self.out = osp.abspath(out)
        self.settings = settings
        self.processes = processes
        if sources and not any(osp.exists(x.path) for x in sources):
            raise ValueError(
                f'{sources[0].path}: no such file, and none of all '
                f'{len(sources)} images exists. Name their base folder by '
                '--image-root.'
            )
        make_detector(settings)  # fail early if it does not work
        make_folder(self.out)
        self._check_settings()

    def _check_settings(self) -> None:
        path = osp.join(self.out, SETTINGS)
        settings = asdict(self.settings)
        if osp.exists(path):
            earlier = read_json(path)
            if earlier != settings:
                raise ValueError(
                    f'{path}: the folder holds crops made with '
                    f'{earlier!s:.400}, but the settings are now {settings}. '
                    'Write to another folder.'
                )
        else:
            write_json(path, settings)

    def run(self) -> Counter:
        """Crop the remaining images.

        Returns:
            Number of manifest rows by status.
        """
        counts, done = self._read_manifest()
        left = [s for s in self.sources if s.listed not in done]
        path = osp.join(self.out, MANIFEST)
        is_new = not osp.exists(path)
        with (
            file_named(path),
            open(path, 'a', newline='', encoding='utf-8') as file,
        ):
            writer = csv.writer(file, lineterminator='\n')
            if is_new:
                writer.writerow(COLUMNS)
                file.flush()
            with (
                self._crops_of(left) as results,
                ProgressBar('Faces', len(left)) as progress,
            ):
                for rows in progress.track(results):
                    # One write per image: all or none of its rows exist.
                    text = io.StringIO(newline='')
                    csv.writer(text, lineterminator='\n').writerows(rows)
                    file.write(text.getvalue())
                    file.flush()
                    counts.update(row[-1] for row in rows)
        return counts

    @contextlib.contextmanager
    def _crops_of(
        self, sources: Sequence[Source]
    ) -> Iterator[Iterator[list[tuple]]]:
        """Yield an iterator over the manifest rows of each image, in order."""
        crop = functools.partial(_crop_image, self.out, self.settings)
        if self.processes <= 1:
            yield map(crop, sources)
            return
        # Spawned, as the threads of OpenCV do not survive a fork.
        context = multiprocessing.get_context('spawn')
        executor = ProcessPoolExecutor(self.processes, context, _start_worker)
        try:
            yield executor.map(crop, sources, chunksize=_CHUNK)
        finally:
            executor.shutdown(cancel_futures=True)

    def _read_manifest(self) -> tuple[Counter, set[str]]:
        """Return the row count by status and the finished images."""
        path = osp.join(self.out, MANIFEST)
        if not osp.exists(path):
            return Counter(), set()
        with open(path, 'rb+') as file:
            # A killed process may have left an incomplete line.
            end = file.read().rfind(b'\n') + 1
            file.truncate(end)
        if not end:
            os.remove(path)
            return Counter(), set()
        rows = [row for _, row in csv_dicts(path, COLUMNS)]
        last = rows[-1]['source'] if rows else None
        listed = {source.listed for source in self.sources}
        if self.settings.faces == 'all' and last in listed:
            # Rows of the last image may be missing, so crop it again.
            rows = [row for row in rows if row['source'] != last]
            with whole_file(path) as file:
                writer = csv.DictWriter(file, COLUMNS, lineterminator='\n')
                writer.writeheader()
                writer.writerows(rows)
        counts = Counter(row['status'] for row in rows)
        return counts, {row['source'] for row in rows}

    def write_labels(self, table: str) -> int:
        """Write ``labels.csv`` for ``FaceDataset`` from the input CSV.

        Rows of images without a face and the columns of the box are dropped;
        ``image`` becomes the crop.

        Args:
            table: The input CSV.

        Returns:
            Number of rows.

        Raises:
            ValueError: It is ambiguous which face of an image a label is for.
        """
        path = osp.join(self.out, MANIFEST)
        rows = [row for _, row in csv_dicts(path, COLUMNS) if row['image']]
        crops = {row['source']: row['image'] for row in rows}
        labels = [row for _, row in csv_dicts(table, ('image',))]
        twice = Counter(row['image'] for row in labels).most_common(1)[0]
        if self.settings.faces == 'all' or twice[1] > 1:
            raise ValueError(
                f'{table}: an image such as {twice[0]} has several faces or '
                'rows, so it is ambiguous which face a label is for. Use '
                "faces='largest', or CropFace if the rows have boxes."
            )
        kept = [row for row in labels if row['image'] in crops]
        columns = [name for name in labels[0] if name not in BOX_COLUMNS]
        path = osp.join(self.out, LABELS)
        with whole_file(path) as file:
            writer = csv.DictWriter(
                file, columns, extrasaction='ignore', lineterminator='\n'
            )
            writer.writeheader()
            for row in kept:
                writer.writerow(dict(row, image=crops[row['image']]))
        return len(kept)


# One detector per process; the settings of a run do not change.
_detector_of = functools.lru_cache(maxsize=1)(make_detector)


def _crop_image(
    out: str, settings: CropSettings, source: Source
) -> list[tuple]:
    """Write the crops of an image and return its rows of the manifest."""
    image = _read_image(source.path)
    if image is None:
        return [('', source.listed, *[''] * 5, UNREADABLE)]
    detector = _detector_of(settings)
    faces = detector.find_in(image)
    if not faces:
        return [('', source.listed, *[''] * 5, NO_FACE)]
    if settings.faces == 'largest':
        faces = faces[:1]
    rows = []
    for number, face in enumerate(faces):
        name = source.name
        if settings.faces == 'all':
            stem, extension = osp.splitext(name)
            name = f'{stem}_{number}{extension}'
        path = osp.join(out, 'images', name)
        crop = cut_out(image, face.box, settings.margin, settings.size)
        write_image(path, crop)
        box = [round(side) for side in face.box]
        rows.append((name, source.listed, *box, f'{face.score:.4f}', FOUND))
    return rows


def _read_image(path: str) -> np.ndarray | None:
    """Read an image, uint8 (H, W, 3), BGR; warn and return None on failure."""
    try:
        return read_image(path)
    except OSError as error:
        message = describe_failure(path, error)
        print_log(message, 'current', logging.WARNING)
        return None


def _start_worker() -> None:
    # Ctrl-C reaches the parent, too, which then stops its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
