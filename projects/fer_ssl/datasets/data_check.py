"""What a data root holds: sets found, files missing, classes, broken images.

The data sets are recognised by files that only they have, in the data root
and up to two levels below, whatever their folders are called. They are read
by the classes that training uses.
"""

from __future__ import annotations

import contextlib
import csv
import glob
import hashlib
import io
import json
import logging
import multiprocessing
import os
import os.path as osp
import signal
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Callable

import numpy as np
from mmengine import fileio
from mmengine.logging import MMLogger
from mmengine.registry import DATASETS
from PIL import Image
from rich.progress import Progress, TextColumn, TimeRemainingColumn

from ..labels import IGNORE_LABEL, TAXONOMIES
from .tar_shards import write_json

_MOST_ENTRIES = 1000  # a folder with more holds images, not data sets
_CHUNK = 256
_SAVE_EVERY = 10  # seconds
_MOST_SHOWN = 5
_MOST_LISTED = 10_000  # problems of a part that are kept by name

Configs = dict[str, dict]


@dataclass(frozen=True)
class KnownSet:
    """A data set that can be recognised.

    Attributes:
        name: Its name.
        markers: Files or folders of which one tells that the set is here.
        needs: What must be here too; of each tuple one is enough.
        parts: Folder -> config of the dataset of each part that is here.
        home: Folder with a marker -> folder of the set.
    """

    name: str
    markers: tuple[str, ...]
    needs: tuple[tuple[str, ...], ...]
    parts: Callable[[str], Configs]
    home: Callable[[str], str] = str

    def missing(self, folder: str) -> list[str]:
        """What is not here though it should be."""
        return [
            ' or '.join(names)
            for names in self.needs
            if not any(
                glob.glob(osp.join(glob.escape(folder), n)) for n in names
            )
        ]


def _coded(taxonomy: str, **config) -> dict:
    """Config that keeps the classes of the set, so that they are counted."""
    return dict(config, metainfo=dict(classes=TAXONOMIES[taxonomy]))


def _splits(taxonomy: str, splits: Sequence[str], **config):
    def parts(folder: str) -> Configs:
        return {
            split: _coded(taxonomy, split=split, data_root=folder, **config)
            for split in splits
        }

    return parts


def _aff_wild2_home(folder: str) -> str:
    """The folder that holds both annotations and crops."""
    for home in (folder, osp.dirname(folder)):
        for depth in ('', '*'):
            pattern = osp.join(glob.escape(home), depth, 'cropped_aligned*')
            if glob.glob(pattern):
                return home
    return folder


def _aff_wild2(folder: str) -> Configs:
    parts = {}
    for track in ('EXPR', 'VA', 'AU'):
        pattern = osp.join(glob.escape(folder), '{}', f'{track}_*_Challenge')
        if any(glob.glob(pattern.format(depth)) for depth in ('', '*')):
            for split in ('train', 'val'):
                parts[f'{track} {split}'] = dict(
                    type='VideoFrameDataset',
                    data_root=folder,
                    split=split,
                    reader=dict(
                        type='AffWild2Reader', track=track, on_mismatch='warn'
                    ),
                )
    return parts


def _affectnet_2021(folder: str) -> Configs:
    every = _splits(
        'affectnet', ('train', 'val'), type='AffectNetDataset', release='2021'
    )
    return {
        split: config
        for split, config in every(folder).items()
        if osp.isdir(osp.join(folder, f'{split}_set'))
    }


def _fer_plus(folder: str) -> Configs:
    config = dict(type='FERPlusDataset')
    if not osp.isdir(osp.join(folder, 'data')):
        config['pixels'] = 'fer2013.csv'
    return _splits('fer_plus', ('train', 'val', 'test'), **config)(folder)


_DFEW_CLIPS = ('Clip/jpg_256', 'Clip/clip_224x224')


def _dfew(folder: str) -> Configs:
    clips = [x for x in _DFEW_CLIPS if osp.isdir(osp.join(folder, x))]
    return _splits(
        'dfew',
        ('train', 'test'),
        type='DFEWFrameDataset',
        data_prefix=dict(img_path=[*clips, _DFEW_CLIPS[0]][0]),
        on_missing='skip',
    )(folder)


def _faces_csv(folder: str) -> Configs:
    root, prefix = folder, 'images'
    if not osp.isdir(osp.join(folder, prefix)):
        prefix = ''
        with contextlib.suppress(OSError, ValueError, AttributeError):
            with open(osp.join(folder, 'manifest.json')) as file:
                root = json.load(file).get('image_root') or folder
    files = ('labels.csv', 'all'), ('unlabeled.csv', 'unlabeled')
    return {
        name: dict(
            type='FaceDataset',
            ann_file=osp.join(osp.abspath(folder), name),
            data_root=root,
            data_prefix=dict(img_path=prefix),
            subset=subset,
        )
        for name, subset in files
        if osp.isfile(osp.join(folder, name))
    }


def _one(name: str, **config):
    def parts(folder: str) -> Configs:
        return {name: dict(config, data_root=folder)}

    return parts


_ABAW_FOLDERS = (
    'EXPR_Recognition_Challenge',
    'EXPR_Classification_Challenge',
    'VA_Estimation_Challenge',
    'AU_Detection_Challenge',
)

KNOWN_SETS = (
    KnownSet(
        'Aff-Wild2',
        _ABAW_FOLDERS,
        (('cropped_aligned', '*/cropped_aligned'),),
        _aff_wild2,
        _aff_wild2_home,
    ),
    KnownSet(
        'AffectNet (2017)',
        ('Manually_Annotated_file_lists',),
        (
            ('Manually_Annotated_file_lists/training.csv',),
            ('Manually_Annotated_file_lists/validation.csv',),
            (
                'Manually_Annotated_Images',
                'Manually_Annotated/Manually_Annotated_Images',
            ),
        ),
        _splits('affectnet', ('train', 'val'), type='AffectNetDataset'),
    ),
    KnownSet(
        'AffectNet (2021)',
        ('train_set/annotations', 'val_set/annotations'),
        (
            ('train_set/images',),
            ('train_set/annotations',),
            ('val_set/images',),
            ('val_set/annotations',),
        ),
        _affectnet_2021,
    ),
    KnownSet(
        'ExpW',
        ('label/label.lst',),
        (('image/origin',),),
        lambda folder: {
            'all': _coded('expw', type='ExpWDataset', data_root=folder)
        },
    ),
    KnownSet(
        'RAF-DB',
        ('EmoLabel/list_patition_label.txt',),
        (('Image/aligned',),),
        _splits('raf_db', ('train', 'test'), type='RAFDBDataset'),
    ),
    KnownSet(
        'FERPlus',
        ('fer2013new.csv',),
        (('data/FER2013Train', 'fer2013.csv'),),
        _fer_plus,
    ),
    KnownSet(
        'DFEW',
        ('EmoLabel_DataSplit',),
        (_DFEW_CLIPS,),
        _dfew,
    ),
    KnownSet(
        'RecordIO (MS1MV2)',
        ('train.rec', 'train.idx'),
        (('train.rec',), ('train.idx',)),
        _one('faces', type='RecordIODataset'),
    ),
    KnownSet(
        'tar shards',
        ('shards.json', 'shards.partial.json'),
        (('shards.json',),),
        _one('all', type='TarShardDataset'),
    ),
    KnownSet('faces CSV', ('labels.csv', 'unlabeled.csv'), (), _faces_csv),
    KnownSet(
        'frames CSV',
        ('frames.csv',),
        (('frames',),),
        _one('frames', type='VideoFrameDataset', ann_file='frames.csv'),
    ),
)


@dataclass
class PartReport:
    """What was found out about a part of a data set.

    Attributes:
        name: Such as ``'train'``.
        error: Why it cannot be read.
        notes: What reading it said, and what is known about its videos.
        num_faces: Faces, labeled or not.
        counts: Labeled faces by class.
        to_check: Images to look at; those of an earlier part are not again.
        checked: Images looked at so far.
        num_problems: Images with a problem, by its kind.
        problems: Image -> what is wrong with it, of the first thousands.
    """

    name: str
    error: str = ''
    notes: list[str] = field(default_factory=list)
    num_faces: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    to_check: int = 0
    checked: int = 0
    num_problems: dict[str, int] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)

    def add_problem(self, path: str, problem: str) -> None:
        kind = problem.partition(':')[0]
        self.num_problems[kind] = self.num_problems.get(kind, 0) + 1
        if len(self.problems) < _MOST_LISTED:
            self.problems[path] = problem


@dataclass
class SetReport:
    """A data set that was found: its parts and what is missing."""

    name: str
    folder: str
    missing: list[str]
    parts: list[PartReport] = field(default_factory=list)


class Faces:
    """Paths and labels of a dataset, labeled or not, without copies.

    Attributes:
        labels: Class of every face, (N,); of valence and arousal (N, 2) or of
            action units (N, 12).
        classes: Names of the classes.
        notes: Facts about its videos.
    """

    def __init__(self, config: dict) -> None:
        config = dict(config, pipeline=[])
        kind = DATASETS.get(config['type'])
        self.notes: list[str] = []
        self.images = None
        if hasattr(kind, 'read_faces'):
            dataset = DATASETS.build(dict(config, lazy_init=True))
            table = dataset.read_faces()
            # Bytes: forked processes share them, unlike Python strings.
            self.images = np.array([os.fsencode(x) for x in table.images])
            self.folder = dataset.data_prefix.get('img_path', '')
            self.labels = table.labels
        else:
            self.dataset = dataset = DATASETS.build(config)
            self.labels = _labels_of(dataset)
            if hasattr(dataset, 'has_face'):
                self.notes.append(_about_videos(dataset))
        self.classes = list(dataset.metainfo.get('classes', ()))

    def __len__(self) -> int:
        return len(self.labels)

    def path(self, row: int) -> str:
        """Path or address of the image of a face."""
        if self.images is None:
            return self.dataset.get_data_info(row)['img_path']
        image = os.fsdecode(self.images[row])
        return image if '://' in image else osp.join(self.folder, image)

    def counts(self) -> dict[str, int]:
        """Labeled faces by class; all together where there are no classes."""
        if self.labels.ndim > 1:
            return dict(labeled=int(_is_labeled(self.labels).sum()))
        known = self.labels[self.labels != IGNORE_LABEL]
        counts = np.bincount(known, minlength=len(self.classes))
        return dict(zip(self.classes, counts.tolist()))


def _labels_of(dataset) -> np.ndarray:
    """Labels of all items, (N, ...).

    Raises:
        ValueError: The items are no single images.
    """
    if len(dataset) and 'img_path' not in dataset.get_data_info(0):
        raise ValueError('its items are no single images (no `img_path`).')
    if hasattr(dataset, 'get_gt_labels'):
        return np.asarray(dataset.get_gt_labels())
    rows = range(len(dataset))
    return np.array(
        [dataset.get_data_info(i).get('gt_label', IGNORE_LABEL) for i in rows]
    )


def _is_labeled(labels: np.ndarray) -> np.ndarray:
    """Rows with an annotation, of any of the tasks."""
    if labels.ndim == 1:
        return labels != IGNORE_LABEL
    if np.issubdtype(labels.dtype, np.floating):  # valence and arousal
        return (labels != -5).all(axis=1)
    return (labels != IGNORE_LABEL).any(axis=1)


def _about_videos(dataset) -> str:
    labeled = _is_labeled(dataset.labels)
    without = (labeled & ~dataset.has_face).sum()
    return (
        f'{len(dataset.video_names):,} videos, {len(labeled):,} frames, '
        f'{labeled.sum():,} labeled, {without:,} of these without a face'
    )


def find_sets(
    root: str, known: Sequence[KnownSet] = KNOWN_SETS
) -> Iterator[tuple[KnownSet, str]]:
    """Data sets below a folder, each with its own folder.

    Raises:
        FileNotFoundError: There is no such folder.
    """
    if not osp.isdir(root):
        raise FileNotFoundError(f'{root}: no such folder.')
    found = set()
    for folder in _folders(root):
        for kind in known:
            if any(osp.exists(osp.join(folder, m)) for m in kind.markers):
                home = kind.home(folder)
                if (kind.name, home) not in found:
                    found.add((kind.name, home))
                    yield kind, home


def _folders(root: str, levels: int = 2) -> Iterator[str]:
    """A folder and those below it, except the many of an unpacked video."""
    yield root
    if not levels:
        return
    inside = []
    with contextlib.suppress(PermissionError), os.scandir(root) as entries:
        for number, entry in enumerate(entries):
            if number == _MOST_ENTRIES:
                return
            if not entry.name.startswith('.') and entry.is_dir():
                inside.append(entry.path)
    for folder in sorted(inside):
        yield from _folders(folder, levels - 1)


class DataCheck:
    """Looks through a data root; can be stopped and started again.

    Args:
        root: The data root.
        images: ``'none'``, ``'exist'`` (each image is there and not empty)
            or ``'decode'`` (each image decodes to its end).
        state: JSON file that keeps what is done. ``None`` keeps nothing.
        processes: Processes that look at images.
        known: Data sets to look for.
        more: Configs of other datasets, by name.
    """

    def __init__(
        self,
        root: str,
        images: str = 'exist',
        state: str | None = None,
        processes: int = 1,
        known: Sequence[KnownSet] = KNOWN_SETS,
        more: Configs | None = None,
    ) -> None:
        if images not in ('none', 'exist', 'decode'):
            raise ValueError(f"images={images!r}: 'none', 'exist', 'decode'.")
        self.root = osp.abspath(root)
        self.images = images
        self.state_path = state
        self.processes = processes
        self.known = known
        self.more = more or {}
        self.reports: list[SetReport] = []
        self.state: dict[str, dict] = {}
        if state is not None and osp.exists(state):
            try:
                with open(state, encoding='utf-8') as file:
                    self.state = json.load(file)
            except ValueError:
                raise ValueError(
                    f'{state}: not a state of this tool. Name another file, '
                    'or delete it.'
                ) from None

    def run(self) -> list[SetReport]:
        """Look at everything.

        Raises:
            KeyboardInterrupt: Stopped. What was done is in the state and in
                ``reports``.
        """
        seen: dict[str, np.ndarray] = {}
        for kind, folder in find_sets(self.root, self.known):
            report = SetReport(kind.name, folder, kind.missing(folder))
            self.reports.append(report)
            for name, config in kind.parts(folder).items():
                self.check_part(report, name, config, seen)
        for name, config in self.more.items():
            folder = str(config.get('data_root') or config.get('ann_file', ''))
            self.reports.append(SetReport(name, folder, []))
            self.check_part(self.reports[-1], config['type'], config, seen)
        return self.reports

    def check_part(
        self,
        report: SetReport,
        name: str,
        config: dict,
        seen: dict[str, np.ndarray],
    ) -> None:
        """Read a part and look at its images.

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
        part.notes += faces.notes
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
            part.checked = done['checked']
            part.num_problems = dict(done['num_problems'])
            part.problems = dict(done['problems'])
        self.state[key] = dict(images_sha256=digest)
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
            Progress(
                *Progress.get_default_columns()[:3],
                TextColumn('{task.completed}/{task.total}'),
                TimeRemainingColumn(),
            ) as progress,
        ):
            task = progress.add_task(
                title, total=part.to_check, completed=part.checked
            )
            for count, problems in results:
                part.checked += count
                for problem in problems:
                    part.add_problem(*problem)
                progress.update(task, completed=part.checked)
                if time.monotonic() > saved + _SAVE_EVERY:
                    self._save(key, part)
                    saved = time.monotonic()

    def _save(self, key: str, part: PartReport) -> None:
        entry = self.state[key]
        entry.update(
            checked=part.checked,
            num_problems=part.num_problems,
            problems=part.problems,
        )
        if self.state_path is not None:
            folder = osp.dirname(osp.abspath(self.state_path))
            os.makedirs(folder, exist_ok=True)
            write_json(self.state_path, self.state)


def _distinct(
    faces: Faces, seen: np.ndarray | None
) -> tuple[np.ndarray, str, np.ndarray]:
    """Rows whose image comes for the first time.

    Args:
        seen: Hashes of images that were looked at earlier.

    Returns:
        Rows, ascending; a hash of their images; the hashes of all images that
        then are looked at.
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
    """Looks at images, here or in other processes."""

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
        """Iterator over the results, in order."""
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
    # The parent is told by Ctrl-C, too, and ends its processes.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _look_at(rows: np.ndarray) -> tuple[int, list[tuple[str, str]]]:
    return _look(rows)


def problem_of(path: str, decode: bool) -> str:
    """What is wrong with an image; '' if nothing is.

    Args:
        decode: Decode it to its end. Otherwise it is only looked for.
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
    """Why an encoded image cannot be decoded to its end, or ''."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            with Image.open(io.BytesIO(content)) as image:
                # At an eighth of the size a JPEG is still read to its end.
                size = max(image.width // 8, 1), max(image.height // 8, 1)
                image.draft('RGB', size)
                image.load()
    except Exception as error:  # decoders of damaged files raise many kinds
        reason = f'{error}'.partition('<')[0].strip()
        return f'damaged: {reason or type(error).__name__}'
    return ''


@contextlib.contextmanager
def _collected_log() -> Iterator[list[str]]:
    """Collect what the package logs, in place of printing it."""
    messages: list[str] = []
    handler = logging.Handler(logging.INFO)
    handler.emit = lambda record: messages.append(record.getMessage())
    logger = MMLogger.get_current_instance()
    handlers, logger.handlers = logger.handlers, [handler]
    try:
        yield messages
    finally:
        logger.handlers = handlers


def has_problems(reports: Sequence[SetReport]) -> bool:
    """Whether anything of what was found is missing or broken."""
    return any(
        report.missing or any(p.error or p.num_problems for p in report.parts)
        for report in reports
    )


def describe(
    root: str,
    reports: Sequence[SetReport],
    known: Sequence[KnownSet] = KNOWN_SETS,
) -> str:
    """One page about a data root."""
    lines = [f'Data root {osp.abspath(root)}', '']
    for report in reports:
        lines.append(f'{report.name}   {report.folder}')
        lines += [f'  missing: {what}' for what in report.missing]
        for part in report.parts:
            lines += [f'  {line}' for line in _describe_part(part)]
        lines.append('')
    found = {report.name for report in reports}
    absent = [kind for kind in known if kind.name not in found]
    if absent:
        lines.append('Not found:')
        lines += [
            f'  {kind.name:<20} (no {" or ".join(kind.markers[:2])})'
            for kind in absent
        ]
        lines.append('')
    total = sum(p.num_faces for r in reports for p in r.parts)
    bad = sum(sum(p.num_problems.values()) for r in reports for p in r.parts)
    verdict = 'Something is missing or broken, see above.'
    if not reports:
        verdict = 'No data set was recognised.'
    elif not has_problems(reports):
        verdict = 'Nothing is missing or broken.'
    lines.append(
        f'{len(reports)} data sets, {total:,} faces, {bad:,} images with a '
        f'problem. {verdict}'
    )
    return '\n'.join(lines)


def _describe_part(part: PartReport) -> list[str]:
    if part.error:
        return [f'{part.name}: cannot be read: {part.error}']
    lines = [f'{part.name}: {part.num_faces:,} faces']
    labeled = sum(part.counts.values())
    if labeled:
        counts = [f'{name} {count:,}' for name, count in part.counts.items()]
        lines += [f'  {text}' for text in _wrapped(counts)]
        lines[0] += f', {labeled:,} with a label'
    lines += [f'  note: {note}' for note in part.notes]
    if part.to_check:
        state = f'  images: {part.checked:,}'
        if part.checked < part.to_check:
            state += f' of {part.to_check:,}'
        bad = sum(part.num_problems.values())
        lines.append(f'{state} checked, {bad:,} with a problem')
    for kind, count in sorted(part.num_problems.items()):
        shown = [
            f'{path} ({problem})' if ':' in problem else path
            for path, problem in part.problems.items()
            if problem.partition(':')[0] == kind
        ][:_MOST_SHOWN]
        lines.append(f'    {kind}: {count:,}')
        lines += [f'      {text}' for text in shown]
        if count > len(shown):
            lines.append(f'      ... and {count - len(shown):,} more')
    return lines


def _wrapped(items: Sequence[str], width: int = 68) -> list[str]:
    """Items joined by two spaces, in lines of at most ``width``."""
    lines = ['']
    for item in items:
        if lines[-1] and len(lines[-1]) + len(item) + 2 > width:
            lines.append('')
        lines[-1] += f'  {item}' if lines[-1] else item
    return lines


def write_problems(path: str, reports: Sequence[SetReport]) -> None:
    """Write the problems of all images as CSV: set,part,image,problem."""
    with open(path, 'w', newline='', encoding='utf-8') as file:
        writer = csv.writer(file, lineterminator='\n')
        writer.writerow(('set', 'part', 'image', 'problem'))
        for report in reports:
            for part in report.parts:
                for image, problem in part.problems.items():
                    writer.writerow((report.name, part.name, image, problem))
