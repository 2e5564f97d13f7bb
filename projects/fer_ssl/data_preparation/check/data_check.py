"""Check of a data root: data sets, missing files, classes, broken images.

Data sets are recognized by files that only they have, in the data root and up
to two levels below, whatever the names of their folders. They are read by the
classes that training uses.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import multiprocessing
import os
import os.path as osp
import signal
import time
import warnings
from collections.abc import Iterator, Sequence

import numpy as np
from mmengine import fileio
from mmengine.logging import MMLogger
from mmengine.registry import DATASETS

from ...datasets import FolderLayout
from ...datasets.videos.abaw_annotation import is_annotated
from ...labels import IGNORE_LABEL
from ...media.image_limit import TooManyPixelsError, open_image
from ...utils.data_files import COUNT, check_form, read_json
from ...utils.files import write_json
from ...utils.progress import ProgressBar
from ..dataset_spec import check_single_images, without_pipeline
from .data_report import PartReport, SetReport
from .find_data_sets import find_data_sets, registered_layouts

_STATE_FORM = {
    str: dict(
        images_sha256=str,
        checked=COUNT,
        num_problems={str: COUNT},
        problems={str: str},
    )
}
_CHUNK = 256
_SAVE_EVERY = 10  # seconds


class Faces:
    """Paths and labels of a dataset, labeled or not, without copies.

    Attributes:
        labels: Class of every face, (N,); or valence and arousal (N, 2), or
            action units (N, 12).
        classes: Names of the classes.
        notes: Facts about its videos.
        findings: Problems in the annotation, a sentence each.
    """

    def __init__(self, config: dict) -> None:
        config = without_pipeline(config)
        self.notes: list[str] = []
        self.images = None
        if hasattr(DATASETS.get(config['type']), 'read_faces'):
            dataset = DATASETS.build(dict(config, lazy_init=True))
            table = dataset.read_faces()
            # Bytes: forked processes share them, unlike Python strings.
            self.images = np.array([os.fsencode(x) for x in table.images])
            self.folder = dataset.data_prefix.get('img_path', '')
            self.labels = table.labels
        else:
            self.dataset = dataset = DATASETS.build(config)
            check_single_images(dataset)
            self.labels = _labels_of(dataset)
            if hasattr(dataset, 'has_face'):
                self.notes.append(_about_videos(dataset))
        parts = getattr(dataset, 'datasets', [dataset])
        self.findings = [x for p in parts for x in getattr(p, 'findings', ())]
        self.classes = list(dataset.metainfo.get('classes', ()))

    def __len__(self) -> int:
        return len(self.labels)

    def path(self, row: int) -> str:
        """Return the path or address of the image of a face."""
        if self.images is None:
            return self.dataset.get_data_info(row)['img_path']
        image = os.fsdecode(self.images[row])
        return image if '://' in image else osp.join(self.folder, image)

    def counts(self) -> dict[str, int]:
        """Count labeled faces by class, or in total without classes."""
        if self.labels.ndim > 1 or self.labels.dtype.names:
            return dict(labeled=int(is_annotated(self.labels).sum()))
        known = self.labels[self.labels != IGNORE_LABEL]
        counts = np.bincount(known, minlength=len(self.classes))
        return dict(zip(self.classes, counts.tolist()))


def _labels_of(dataset) -> np.ndarray:
    """Return the labels of all items, (N, ...)."""
    if hasattr(dataset, 'get_gt_labels'):
        return np.asarray(dataset.get_gt_labels())
    rows = range(len(dataset))
    return np.array(
        [dataset.get_data_info(i).get('gt_label', IGNORE_LABEL) for i in rows]
    )


def _about_videos(dataset) -> str:
    labeled = is_annotated(dataset.labels)
    without = (labeled & ~dataset.has_face).sum()
    return (
        f'{len(dataset.video_names):,} videos, {len(labeled):,} frames, '
        f'{labeled.sum():,} labeled, {without:,} of these without a face'
    )


class DataCheck:
    """Check of a data root that can be stopped and continued.

    Args:
        root: The data root.
        images: ``'none'``, ``'exist'`` (each image exists and is not empty) or
            ``'decode'`` (each image decodes to its end).
        state: JSON file that keeps what is done until all is. ``None`` keeps
            nothing.
        processes: Number of processes that check images.
        layouts: Data sets to look for. Defaults to those of all registered
            classes.
        more: Configs of other datasets, by name.
    """

    def __init__(
        self,
        root: str,
        images: str = 'exist',
        state: str | None = None,
        processes: int = 1,
        layouts: Sequence[FolderLayout] | None = None,
        more: dict[str, dict] | None = None,
    ) -> None:
        if images not in ('none', 'exist', 'decode'):
            raise ValueError(f"images={images!r}: 'none', 'exist', 'decode'.")
        self.root = osp.abspath(root)
        self.images = images
        self.state_path = state
        self.processes = processes
        self.layouts = registered_layouts() if layouts is None else layouts
        self.more = more or {}
        self.reports: list[SetReport] = []
        self.state: dict[str, dict] = {}
        # Entries of the saved state that belong to this run.
        self.keys: set[str] = set()
        if state is not None and osp.exists(state):
            try:
                self.state = read_json(state)
                check_form(state, self.state, _STATE_FORM)
            except ValueError as error:
                raise ValueError(
                    f'{state}: not a state of this tool. Name another file, '
                    f'or delete it. ({error})'
                ) from None

    def run(self) -> list[SetReport]:
        """Check everything.

        Raises:
            KeyboardInterrupt: The check was stopped. Its progress is in the
                state and in ``reports``.
        """
        seen: dict[str, np.ndarray] = {}
        for layout, folder in find_data_sets(self.root, self.layouts):
            report = SetReport(layout.name, folder, layout.missing(folder))
            self.reports.append(report)
            for name, config in layout.configs(folder).items():
                self.check_part(report, name, config, seen)
        for name, config in self.more.items():
            folder = str(config.get('data_root') or config.get('ann_file', ''))
            self.reports.append(SetReport(name, folder, []))
            self.check_part(self.reports[-1], config['type'], config, seen)
        # A later call must see what has changed in the meantime.
        for key in self.keys:
            del self.state[key]
        if self.keys:
            self._write_state()
        return self.reports

    def check_part(
        self,
        report: SetReport,
        name: str,
        config: dict,
        seen: dict[str, np.ndarray],
    ) -> None:
        """Read a part and check its images.

        Args:
            seen: Hashes of the images of earlier parts, by set and folder.
        """
        part = PartReport(name)
        report.parts.append(part)
        with _collected_log() as part.notes:
            try:
                faces = Faces(config)
            except (KeyError, OSError, TypeError, ValueError) as error:
                part.error = f'{error}' or type(error).__name__
                return
        # Training warns of findings; here they are listed on their own.
        part.notes = [
            note
            for note in part.notes
            if not any(finding in note for finding in faces.findings)
        ]
        part.notes += faces.notes
        part.findings = faces.findings
        part.num_faces = len(faces)
        part.counts = faces.counts()
        if self.images == 'none':
            return
        rows, digest, hashes = _distinct(faces, seen.get(report.folder))
        seen[report.folder] = hashes
        part.to_check = len(rows)
        key = f'{report.name} {report.folder} {name} {self.images}'
        done = self.state.get(key, {})
        if done.get('images_sha256') == digest:
            part.checked = min(done['checked'], part.to_check)
            part.num_problems = dict(done['num_problems'])
            part.problems = dict(done['problems'])
        self.state[key] = dict(images_sha256=digest)
        self.keys.add(key)
        if part.checked == part.to_check:
            return self._save(key, part)
        try:
            self._check_images(f'{report.name} {name}', part, faces, rows, key)
        finally:
            self._save(key, part)

    def _check_images(
        self,
        title: str,
        part: PartReport,
        faces: Faces,
        rows: np.ndarray,
        key: str,
    ) -> None:
        rows = rows[part.checked :]
        chunks = [rows[i : i + _CHUNK] for i in range(0, len(rows), _CHUNK)]
        look = _Look(faces, decode=self.images == 'decode')
        saved = time.monotonic()
        with (
            look.over(chunks, self.processes) as results,
            ProgressBar(title, part.to_check, part.checked) as progress,
        ):
            for count, problems in results:
                part.checked += count
                for problem in problems:
                    part.add_problem(*problem)
                progress.update(count)
                if time.monotonic() > saved + _SAVE_EVERY:
                    self._save(key, part)
                    saved = time.monotonic()

    def _save(self, key: str, part: PartReport) -> None:
        self.state[key].update(
            checked=part.checked,
            num_problems=part.num_problems,
            problems=part.problems,
        )
        self._write_state()

    def _write_state(self) -> None:
        if self.state_path is not None:
            write_json(self.state_path, self.state)


def _distinct(
    faces: Faces, seen: np.ndarray | None
) -> tuple[np.ndarray, str, np.ndarray]:
    """Select the rows whose image occurs for the first time.

    Args:
        seen: Hashes of images that were checked earlier.

    Returns:
        Rows, ascending; a hash of their images; and the hashes of all images
        that are checked after this part.
    """
    if seen is None:
        seen = np.empty(0, np.uint64)
    hashes = np.empty(len(faces), np.uint64)
    for row in range(len(faces)):
        path = os.fsencode(faces.path(row))
        digest = hashlib.blake2b(path, digest_size=8).digest()
        hashes[row] = int.from_bytes(digest, 'little')
    _, first = np.unique(hashes, return_index=True)
    rows = np.sort(first[~np.isin(hashes[first], seen)])
    digest = hashlib.sha256(hashes[rows].tobytes()).hexdigest()
    return rows, digest, np.concatenate([seen, hashes[rows]])


class _Look:
    """Checks images, in this process or in others."""

    def __init__(self, faces: Faces, decode: bool) -> None:
        self.faces = faces
        self.decode = decode

    def __call__(self, rows: np.ndarray) -> tuple[int, list[tuple[str, str]]]:
        problems = []
        for row in rows.tolist():
            path = self.faces.path(row)
            problem = problem_of(path, self.decode)
            if problem:
                problems.append((path, problem))
        return len(rows), problems

    @contextlib.contextmanager
    def over(self, chunks: list[np.ndarray], processes: int):
        """Iterate over the results, in order."""
        if processes <= 1 or len(chunks) <= 1:
            yield map(self, chunks)
            return
        # Forked, they have the list of images without a copy.
        global _look
        _look = self
        context = multiprocessing.get_context('fork')
        with context.Pool(processes, _ignore_interrupt) as pool:
            yield pool.imap(_look_at, chunks)


def _ignore_interrupt() -> None:
    # Ctrl-C reaches the parent, too, which then ends its processes.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _look_at(rows: np.ndarray) -> tuple[int, list[tuple[str, str]]]:
    return _look(rows)


def problem_of(path: str, decode: bool) -> str:
    """Describe the problem of an image; '' if there is none.

    Args:
        decode: Decode it completely, or else only check that it exists.
    """
    try:
        if '://' not in path and not decode:
            return '' if os.stat(path).st_size else 'empty'
        content = fileio.get(path)
    except FileNotFoundError:
        return 'missing'
    except OSError as error:
        return f'not readable: {error}'
    if not content:
        return 'empty'
    return _fault_of(content) if decode else ''


def _fault_of(content: bytes) -> str:
    """Say why an encoded image cannot be decoded completely, or ''."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            with open_image(content) as image:
                # Even at an eighth of its size, a JPEG is read to its end.
                size = max(image.width // 8, 1), max(image.height // 8, 1)
                image.draft('RGB', size)
                image.load()
    except TooManyPixelsError as error:
        return f'too large: {error}'
    except Exception as error:  # decoders raise many types for damaged files
        reason = f'{error}'.partition('<')[0].strip()
        return f'damaged: {reason or type(error).__name__}'
    return ''


@contextlib.contextmanager
def _collected_log() -> Iterator[list[str]]:
    """Collect what the package logs instead of printing it."""
    messages: list[str] = []
    handler = logging.Handler(logging.INFO)
    handler.emit = lambda record: messages.append(record.getMessage())
    logger = MMLogger.get_current_instance()
    handlers, logger.handlers = logger.handlers, [handler]
    try:
        yield messages
    finally:
        logger.handlers = handlers
