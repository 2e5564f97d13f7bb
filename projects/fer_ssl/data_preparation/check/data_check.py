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
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from mmengine.logging import MMLogger
from mmengine.registry import DATASETS

from ...datasets.folder_layout import FolderLayout, registered_layouts
from ...datasets.videos.abaw_annotation import is_annotated
from ...labels import IGNORE_LABEL, canonical_name
from ...utils.data_files import COUNT, check_form, read_json
from ...utils.files import write_json
from ...utils.progress import ProgressBar
from ..content_hash import content_hash
from ..dataset_spec import check_single_images, without_pipeline
from .copies import PartContents, find_copies, report_copies
from .data_report import PartReport, SetReport, shown_names
from .examine_image import examine_image
from .find_data_sets import find_data_sets
from .unrecognized import describe_unrecognized

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
        boxes: Boxes of the faces, (N, 4), or ``None``.
        people: Names of people or videos, each once.
        is_video: Whether the images are frames of videos.
        classes: Names of the classes.
        notes: Facts about its videos.
        findings: Problems in the annotation, a sentence each.
    """

    def __init__(self, config: dict) -> None:
        config = without_pipeline(config)
        self.notes: list[str] = []
        self.images = None
        self.is_video = False
        if hasattr(DATASETS.get(config['type']), 'read_faces'):
            dataset = DATASETS.build(dict(config, lazy_init=True))
            table = dataset.read_faces()
            # Bytes: forked processes share them, unlike Python strings.
            self.images = np.array([os.fsencode(x) for x in table.images])
            self.folder = dataset.data_prefix.get('img_path', '')
            self.labels = table.labels
            self.boxes = table.boxes
            people = table.identities or ()
        else:
            self.dataset = dataset = DATASETS.build(config)
            check_single_images(dataset)
            self.labels = _labels_of(dataset)
            self.boxes, people = _boxes_and_people(dataset)
            self.is_video = hasattr(dataset, 'has_face')
            if self.is_video:
                self.notes.append(_about_videos(dataset))
        self.people = {str(name) for name in people} - {''}
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

    def path_hashes(self) -> np.ndarray:
        """Return a hash of the path of every image, uint64 (N,)."""
        hashes = np.empty(len(self), np.uint64)
        for row in range(len(self)):
            hashes[row] = content_hash(os.fsencode(self.path(row)))
        return hashes

    def face_hashes(self, contents: np.ndarray) -> np.ndarray:
        """Combine the hashes of images, (N,), with the boxes of the faces."""
        if self.boxes is None:
            return contents
        hashes = np.empty(len(self), np.uint64)
        boxes = np.asarray(self.boxes, np.int64)
        for row, (content, box) in enumerate(zip(contents, boxes)):
            hashes[row] = content_hash(content.tobytes() + box.tobytes())
        return hashes

    def counts(self) -> dict[str, int]:
        """Count labeled faces by class, or in total without classes."""
        if self.labels.ndim > 1 or self.labels.dtype.names:
            return dict(labeled=int(is_annotated(self.labels).sum()))
        known = self.labels[self.labels != IGNORE_LABEL]
        counts = np.bincount(known, minlength=len(self.classes))
        return dict(zip(self.classes, counts.tolist()))


def _are_splits(first: _Part, second: _Part) -> bool:
    """Return whether two parts are different splits of one data set."""
    splits = {x.config.get('split') for x in (first, second)}
    return (
        first.set.folder == second.set.folder
        and None not in splits
        and len(splits) == 2
    )


def _labels_of(dataset) -> np.ndarray:
    """Return the labels of all items, (N, ...)."""
    if hasattr(dataset, 'get_gt_labels'):
        return np.asarray(dataset.get_gt_labels())
    rows = range(len(dataset))
    return np.array(
        [dataset.get_data_info(i).get('gt_label', IGNORE_LABEL) for i in rows]
    )


def _boxes_and_people(dataset) -> tuple[np.ndarray | None, Iterable[str]]:
    """Return the boxes of all items, (N, 4), if any, and people or videos."""
    if hasattr(dataset, 'video_names') or not len(dataset):
        return None, getattr(dataset, 'video_names', ())
    if not {'box', 'identity', 'video'} & {*dataset.get_data_info(0)}:
        return None, ()
    boxes = np.full((len(dataset), 4), -1)
    people = set()
    for row in range(len(dataset)):
        item = dataset.get_data_info(row)
        box = item.get('box')
        boxes[row] = -1 if box is None else box
        people.add(item.get('identity', item.get('video', '')))
    return (None if (boxes == -1).all() else boxes), people


def _about_videos(dataset) -> str:
    labeled = is_annotated(dataset.labels)
    without = (labeled & ~dataset.has_face).sum()
    return (
        f'{len(dataset.video_names):,} videos, {len(labeled):,} frames, '
        f'{labeled.sum():,} labeled, {without:,} of these without a face'
    )


@dataclass
class _Part:
    """A part that was read, for comparisons with others."""

    set: SetReport
    report: PartReport
    config: dict
    people: set[str]
    contents: PartContents | None = None

    def name_beside(self, other: _Part) -> str:
        """Return a name that tells the part from those of another set."""
        if self.set is other.set:
            return self.report.name
        return f'{self.set.name} {self.report.name}'


class _SeenImages:
    """Hashes of the paths and bytes of images that were checked."""

    def __init__(self) -> None:
        self.paths = np.empty(0, np.uint64)  # ascending
        self._contents = np.empty(0, np.uint64)

    def add(self, paths: np.ndarray, contents: np.ndarray) -> None:
        """Add images that were not added before."""
        paths = np.concatenate([self.paths, paths])
        contents = np.concatenate([self._contents, contents])
        order = np.argsort(paths)
        self.paths, self._contents = paths[order], contents[order]

    def contents_of(self, paths: np.ndarray) -> np.ndarray:
        """Return the hashes of the bytes of images that were added."""
        return self._contents[np.searchsorted(self.paths, paths)]


class DataCheck:
    """Check of a data root that can be stopped and continued.

    Args:
        root: The data root.
        images: ``'none'``, ``'exist'`` (each image exists and is not empty) or
            ``'decode'`` (each image decodes to its end; then images are also
            compared with each other).
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
        #: Folders with images that are no data set, a description each.
        self.unrecognized: list[str] = []
        self.state: dict[str, dict] = {}
        self._parts: list[_Part] = []
        self._seen: dict[str, _SeenImages] = {}
        self._classes: dict[str, int] = {}
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
        for layout, folder in find_data_sets(self.root, self.layouts):
            report = SetReport(layout.name, folder, layout.missing(folder))
            self.reports.append(report)
            for name, config in layout.configs(folder).items():
                self.check_part(report, name, config)
        for name, config in self.more.items():
            folder = str(config.get('data_root') or config.get('ann_file', ''))
            self.reports.append(SetReport(name, folder, []))
            self.check_part(self.reports[-1], config['type'], config)
        homes = [report.folder for report in self.reports if report.folder]
        self.unrecognized = describe_unrecognized(self.root, homes)
        self._compare_people()
        self._compare_images()
        # A later call must see what has changed in the meantime.
        for key in self.keys:
            del self.state[key]
        if self.keys:
            self._write_state()
        return self.reports

    def check_part(self, report: SetReport, name: str, config: dict) -> None:
        """Read a part and check its images."""
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
        part.findings = list(faces.findings)
        part.num_faces = len(faces)
        part.counts = faces.counts()
        self._parts.append(_Part(report, part, config, faces.people))
        if self.images == 'none':
            return
        hashes = faces.path_hashes()
        seen = self._seen.setdefault(report.folder, _SeenImages())
        rows, digest = _distinct(hashes, seen.paths)
        part.to_check = len(rows)
        key = f'{report.name} {report.folder} {name} {self.images}'
        done = self.state.get(key, {})
        if done.get('images_sha256') == digest:
            part.checked = min(done['checked'], part.to_check)
            part.num_problems = dict(done['num_problems'])
            part.problems = dict(done['problems'])
        self.state[key] = dict(images_sha256=digest)
        self.keys.add(key)
        title = f'{report.name} {name}'
        look = _Look(faces, self.images, _load_arguments(config))
        try:
            contents = self._check_images(title, part, look, rows, key)
        finally:
            self._save(key, part)
        seen.add(hashes[rows], contents)
        if self.images == 'decode':
            contents = seen.contents_of(hashes)
            self._parts[-1].contents = PartContents(
                report.folder,
                config.get('split'),
                # Frames of a video may well be identical.
                not faces.is_video,
                hashes,
                contents,
                faces.face_hashes(contents),
                self._class_numbers(faces),
            )

    def _class_numbers(self, faces: Faces) -> np.ndarray:
        """Return the class of each face in the list of all classes, (N,)."""
        if faces.labels.ndim > 1 or faces.labels.dtype.names:
            return np.full(len(faces), IGNORE_LABEL, np.int32)
        numbers = [
            self._classes.setdefault(canonical_name(x), len(self._classes))
            for x in faces.classes
        ]
        return np.array([*numbers, IGNORE_LABEL], np.int32)[faces.labels]

    def _check_images(
        self,
        title: str,
        part: PartReport,
        look: _Look,
        rows: np.ndarray,
        key: str,
    ) -> np.ndarray:
        """Check the images in ``rows``; returns the hashes of their bytes."""
        contents = []
        done = rows[: part.checked]
        if len(done) and self.images == 'decode':
            # Only their bytes are needed, to compare them.
            read = _Look(look.faces, 'read')
            with (
                read.over(_chunks(done), self.processes) as results,
                ProgressBar(f'{title}, read again', len(done)) as progress,
            ):
                for hashes, _ in results:
                    contents.append(hashes)
                    progress.update(len(hashes))
        else:
            contents.append(np.zeros(len(done), np.uint64))
        if len(done) == len(rows):
            return np.concatenate(contents)
        saved = time.monotonic()
        chunks = _chunks(rows[part.checked :])
        with (
            look.over(chunks, self.processes) as results,
            ProgressBar(title, part.to_check, part.checked) as progress,
        ):
            for hashes, problems in results:
                contents.append(hashes)
                part.checked += len(hashes)
                for problem in problems:
                    part.add_problem(*problem)
                progress.update(len(hashes))
                if time.monotonic() > saved + _SAVE_EVERY:
                    self._save(key, part)
                    saved = time.monotonic()
        return np.concatenate(contents)

    def _compare_people(self) -> None:
        """Find people in several splits of a data set."""
        for number, second in enumerate(self._parts):
            for first in self._parts[:number]:
                both = first.people & second.people
                if both and _are_splits(first, second):
                    second.report.findings.append(
                        f'{len(both):,} people or videos are in '
                        f'{first.name_beside(second)}, too, so that the '
                        'splits are not independent, such as '
                        f'{shown_names(sorted(both))}.'
                    )

    def _compare_images(self) -> None:
        """Find identical images under different names."""
        parts = [part for part in self._parts if part.contents is not None]
        faces: dict[int, Faces] = {}
        for copies in find_copies([part.contents for part in parts]):
            for number in (copies.first, copies.second):
                if number not in faces:
                    # Read again, as the paths of all parts need much memory.
                    with _collected_log():
                        faces[number] = Faces(parts[number].config)
            first, second = parts[copies.first], parts[copies.second]
            report_copies(
                second.report,
                copies,
                first.name_beside(second),
                faces[copies.first],
                faces[copies.second],
                list(self._classes),
            )

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


def _chunks(rows: np.ndarray) -> list[np.ndarray]:
    return [rows[i : i + _CHUNK] for i in range(0, len(rows), _CHUNK)]


def _distinct(hashes: np.ndarray, seen: np.ndarray) -> tuple[np.ndarray, str]:
    """Select the rows whose image occurs for the first time.

    Args:
        hashes: Hashes of the paths of all images.
        seen: Hashes of images that were checked earlier.

    Returns:
        Rows, ascending, and a hash of their images.
    """
    _, first = np.unique(hashes, return_index=True)
    rows = np.sort(first[~np.isin(hashes[first], seen)])
    return rows, hashlib.sha256(hashes[rows].tobytes()).hexdigest()


class _Look:
    """Checks images, in this process or in others.

    Args:
        faces: The faces that show them.
        depth: ``'exist'``, ``'read'`` or ``'decode'``.
        arguments: How training decodes them.
    """

    def __init__(
        self, faces: Faces, depth: str, arguments: dict | None = None
    ) -> None:
        self.faces = faces
        self.depth = depth
        self.arguments = arguments or {}

    def __call__(
        self, rows: np.ndarray
    ) -> tuple[np.ndarray, list[tuple[str, str]]]:
        """Return the hashes of the bytes of images, and their problems."""
        hashes = np.zeros(len(rows), np.uint64)
        problems = []
        for place, row in enumerate(rows.tolist()):
            path = self.faces.path(row)
            problem, hashes[place] = examine_image(
                path, self.depth, **self.arguments
            )
            if problem:
                problems.append((path, problem))
        return hashes, problems

    @contextlib.contextmanager
    def over(self, chunks: list[np.ndarray], processes: int):
        """Iterate over the results, in order."""
        # OpenCV would print what is reported here.
        level = cv2.utils.logging.getLogLevel()
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
        try:
            if processes <= 1 or len(chunks) <= 1:
                yield map(self, chunks)
                return
            # Forked, they have the list of images without a copy.
            global _look
            _look = self
            context = multiprocessing.get_context('fork')
            with context.Pool(processes, _ignore_interrupt) as pool:
                yield pool.imap(_look_at, chunks)
        finally:
            cv2.utils.logging.setLogLevel(level)


def _ignore_interrupt() -> None:
    # Ctrl-C reaches the parent, too, which then ends its processes.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _look_at(rows: np.ndarray) -> tuple[np.ndarray, list[tuple[str, str]]]:
    return _look(rows)


def _load_arguments(config: dict) -> dict:
    """Return how the pipeline of a dataset, if it has one, decodes images."""
    inner = config.get('datasets') or [config.get('dataset')]
    if 'pipeline' not in config and inner[0]:
        return _load_arguments(inner[0])
    for step in config.get('pipeline') or ():
        if f'{step["type"]}'.rpartition('.')[2] == 'LoadImageFromFile':
            return dict(
                flag=step.get('color_type', 'color'),
                backend=step.get('imdecode_backend', 'cv2'),
            )
    return {}


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
