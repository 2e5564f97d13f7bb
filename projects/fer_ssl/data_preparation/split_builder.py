"""Build the labeled and unlabeled splits of an experiment from data sets.

Paper A, section 4.1, draws 8,000 random images per expression from AffectNet
and ExpW combined, and those of 'other' from Aff-Wild2 alone. All remaining
images of these sets are unlabeled.
"""

from __future__ import annotations

import csv
import hashlib
import os.path as osp
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields

import numpy as np
from mmengine import fileio
from mmengine.registry import DATASETS

from ..datasets.faces.face_table import FaceTable
from ..labels import ABAW_EXPRESSIONS, IGNORE_LABEL
from ..utils.data_files import COUNT, check_form, read_data_file
from ..utils.files import file_sha256, make_folder, whole_file, write_json
from ..utils.progress import ProgressBar
from ..utils.text_rows import BOX_COLUMNS
from ..version import __version__
from .content_hash import content_hash
from .dataset_spec import (
    check_registered_types,
    check_single_images,
    without_pipeline,
)

COLUMNS = ('image', 'expression', 'truth', 'set', 'identity', 'split')
#: Box of a face that fills its image: no JPEG file is larger, and ``CropFace``
#: clips the box to the image.
WHOLE_IMAGE = (0, 0, 65535, 65535)
_RECIPE = {
    'labeled?': {str: dict},
    'unlabeled?': {str: dict},
    'held_out?': {str: dict},
    'per_class?': COUNT,
    'only?': {str: [str]},
    'seed?': COUNT,
    'classes?': [str],
    'image_root?': str,
}
LABELED, UNLABELED, MANIFEST = 'labels.csv', 'unlabeled.csv', 'manifest.json'


@dataclass
class SplitRecipe:
    """Which faces to draw, and from which data sets.

    Attributes:
        labeled: Name -> config of each set whose labels may be used.
        unlabeled: Name -> config of each set that contributes unlabeled faces
            only.
        held_out: Name -> config of each set, such as a validation part, whose
            images must not be in the split, under any name.
        per_class: Number of labeled faces per class, over all sets.
        only: Name of a set -> the classes it may contribute labeled faces of;
            its other faces are unlabeled. Sets that are not listed may
            contribute any class.
        seed: Seed of the random draw.
        classes: Names of the classes.
        image_root: Images below this folder are written relative to it, all
            others as absolute paths. ``None`` writes absolute paths only.
    """

    labeled: dict[str, dict]
    unlabeled: dict[str, dict] = field(default_factory=dict)
    held_out: dict[str, dict] = field(default_factory=dict)
    per_class: int = 8000
    only: dict[str, Sequence[str]] = field(default_factory=dict)
    seed: int = 0
    classes: Sequence[str] = ABAW_EXPRESSIONS
    image_root: str | None = None

    def check(self) -> None:
        """Check that the recipe is consistent.

        Raises:
            ValueError: It is not.
        """
        if not self.labeled:
            raise ValueError('The split needs at least one labeled set.')
        if self.per_class < 1:
            raise ValueError(f'per_class={self.per_class} must be at least 1.')
        groups = self.labeled, self.unlabeled, self.held_out
        names = Counter(name for group in groups for name in group)
        both = [name for name, count in names.items() if count > 1]
        if both:
            raise ValueError(
                f'{", ".join(sorted(both))}: a set is either labeled, '
                'unlabeled or held out. Labeled sets contribute unlabeled '
                'faces, too.'
            )
        for name, classes in self.only.items():
            if name not in self.labeled:
                raise ValueError(f'only: {name} is not a labeled set.')
            unknown = set(classes).difference(self.classes)
            if isinstance(classes, str) or unknown:
                raise ValueError(
                    f'only: {name}: {classes!r} is not a list of classes. '
                    f'The classes are {", ".join(self.classes)}.'
                )


def read_recipe(path: str) -> dict:
    """Read the arguments of :class:`SplitRecipe` from a YAML or JSON file.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It has another form, or names a type that is not a
            registered data set.
    """
    known = {x.name for x in fields(SplitRecipe)}
    recipe = read_data_file(path)
    unknown = set(recipe).difference(known)
    if unknown:
        raise ValueError(
            f'{path}: unknown key {", ".join(sorted(unknown))}; the keys of a '
            f'recipe are {", ".join(sorted(known))}.'
        )
    recipe = {key: x for key, x in recipe.items() if x is not None}
    check_form(path, recipe, _RECIPE)
    for group in ('labeled', 'unlabeled', 'held_out'):
        check_registered_types(path, recipe.get(group, {}))
    return recipe


@dataclass
class SourceFaces:
    """All faces of a source data set, in an order fixed by their content.

    Attributes:
        name: Name of the set.
        table: The faces, with image paths as they are written to the CSV.
        unused_classes: Number of faces of each class that the split lacks.
        duplicates: Number of faces left out, as another face of this or
            another set is the same.
        held_out: Number of faces left out, as their image is held out.
        conflicts: Number of faces that are not labeled, as the same face has
            another class elsewhere.
        unreadable: Number of images that could not be read to compare them.
    """

    name: str
    table: FaceTable
    unused_classes: Counter = field(default_factory=Counter)
    duplicates: int = 0
    held_out: int = 0
    conflicts: int = 0
    unreadable: int = 0

    def __len__(self) -> int:
        return len(self.table)

    def face_key(self, row: int) -> tuple:
        """Return the image and box that identify a face."""
        boxes = self.table.boxes
        box = None if boxes is None else tuple(boxes[row].tolist())
        return self.table.images[row], box

    def sort(self) -> None:
        """Sort the faces, so that their original order does not matter."""
        order = sorted(range(len(self)), key=self.face_key)
        self.table = self.table.select(order)

    def sha256(self, classes: Sequence[str]) -> str:
        """Return the hash of image, class and box of every face."""
        digest = hashlib.sha256()
        names = [*classes, '']
        for row, label in enumerate(self.table.labels.tolist()):
            image, box = self.face_key(row)
            digest.update(f'{image}\t{names[label]}\t{box}\n'.encode())
        return digest.hexdigest()


def read_source_faces(
    name: str,
    config: dict,
    classes: Sequence[str] = ABAW_EXPRESSIONS,
    image_root: str | None = None,
) -> SourceFaces:
    """Read all faces of a registered dataset class, labeled or not.

    Classes with ``read_faces`` are read as a table; of all others the items
    are read (``img_path``, ``gt_label`` and, optionally, ``box``).

    Args:
        name: Name of the set.
        config: Config of the dataset. Without ``metainfo`` it uses
            ``classes``.
        classes: Classes of the split; labels are matched by class name.
        image_root: See :class:`SplitRecipe`.

    Raises:
        ValueError: The set holds no faces or has no classes, or its items are
            not single images.
    """
    config = without_pipeline(config, metainfo=dict(classes=classes))
    if hasattr(DATASETS.get(config['type']), 'read_faces'):
        dataset = DATASETS.build(dict(config, lazy_init=True))
        table = _from_table(dataset)
    else:
        dataset = DATASETS.build(config)
        table = _from_items(name, dataset)
    if not len(table):
        raise ValueError(f'{name}: the data set holds no faces.')
    table.images = [_written_path(x, image_root) for x in table.images]
    faces = SourceFaces(name, table)
    _match_classes(faces, dataset.metainfo.get('classes'), classes)
    faces.sort()
    return faces


def _from_table(dataset) -> FaceTable:
    table = dataset.read_faces()
    folder = dataset.data_prefix.get('img_path', '')
    return FaceTable(
        [x if '://' in x else osp.join(folder, x) for x in table.images],
        table.labels,
        boxes=table.boxes,
        identities=table.identities,
    )


def _from_items(name: str, dataset) -> FaceTable:
    check_single_images(dataset)
    images, labels, boxes, identities = [], [], [], []
    for number in range(len(dataset)):
        item = dataset.get_data_info(number)
        images.append(item['img_path'])
        labels.append(item['gt_label'])
        if item.get('box') is not None:
            boxes.append(item['box'])
        if 'video' in item:
            identities.append(item['video'])
    if len(boxes) not in (0, len(images)):
        raise ValueError(
            f'{name}: only {len(boxes)} of {len(images)} faces have a box. '
            'Give the faces with and without a box as two sets.'
        )
    return FaceTable(
        images, labels, boxes=boxes or None, identities=identities or None
    )


def _match_classes(
    faces: SourceFaces, own: Sequence[str] | None, classes: Sequence[str]
) -> None:
    """Map the labels of a set to indices into ``classes``, in place."""
    if own is None:
        raise ValueError(
            f"{faces.name}: the data set has no metainfo['classes'], so its "
            'labels have no names. Pass `metainfo=dict(classes=...)`.'
        )
    own, classes = list(own), list(classes)
    labels = faces.table.labels
    counts = np.bincount(labels[labels >= 0], minlength=len(own))
    if len(counts) > len(own):
        raise ValueError(
            f'{faces.name}: found label {len(counts) - 1}, but there are '
            f'only {len(own)} classes.'
        )
    faces.unused_classes = Counter(
        {n: int(c) for n, c in zip(own, counts) if c and n not in classes}
    )
    table = [classes.index(n) if n in classes else IGNORE_LABEL for n in own]
    # Label -1 (unknown) picks the last entry.
    faces.table.labels = np.array([*table, IGNORE_LABEL])[labels]


def _written_path(image: str, root: str | None) -> str:
    """Return the path relative to ``root`` if it lies below, else absolute."""
    if '://' in image:
        return image
    image = osp.abspath(image)
    if root is not None:
        below = osp.join(osp.abspath(root), '')
        if image.startswith(below):
            return image[len(below) :]
    return image


def build_split(
    recipe: SplitRecipe, out: str, compare_contents: bool = True
) -> dict:
    """Write ``labels.csv``, ``unlabeled.csv`` and ``manifest.json``.

    The draw depends on the seed and on the content of the sets, but neither
    on the order of the sets nor on the order of their faces. Repeated faces
    (the same image and box, in the same or another set) are left out, see
    :func:`drop_duplicates`.

    Args:
        recipe: The recipe.
        out: Folder to write to.
        compare_contents: Read all images, to find the same image under
            different names. Otherwise only names are compared.

    Returns:
        The manifest, with recipe, counts and hashes.

    Raises:
        OSError: A file cannot be written; ``filename`` names it.
        ValueError: The recipe is invalid, no face is labeled, or ``out``
            is not writable.
    """
    recipe.check()
    held_out, *others = (
        [
            read_source_faces(name, x, recipe.classes, recipe.image_root)
            for name, x in sorted(configs.items())
        ]
        for configs in (recipe.held_out, recipe.labeled, recipe.unlabeled)
    )
    sets = {faces.name: faces for group in others for faces in group}
    contents = {}
    if compare_contents:
        contents = read_contents(
            [*held_out, *sets.values()], recipe.image_root
        )
    drop_held_out(held_out, list(sets.values()), contents)
    drop_duplicates(list(sets.values()), contents)
    chosen = choose_labeled(
        [sets[name] for name in sorted(recipe.labeled)], recipe
    )
    total = sum(rows.sum() for rows in chosen.values())
    if not total:
        raise ValueError(
            f'No face of {", ".join(recipe.labeled)} has one of the classes '
            f'{", ".join(recipe.classes)}.'
        )
    make_folder(out)
    outputs = {}
    with_boxes = any(x.table.boxes is not None for x in sets.values())
    for file, labeled in ((LABELED, True), (UNLABELED, False)):
        rows = _csv_rows(sets, chosen, recipe.classes, labeled, with_boxes)
        outputs[file] = _write_csv(osp.join(out, file), rows, with_boxes)
    manifest = _manifest(recipe, sets, chosen, outputs)
    manifest['contents_compared'] = compare_contents
    write_json(osp.join(out, MANIFEST), manifest)
    return manifest


def read_contents(
    sets: Sequence[SourceFaces], image_root: str | None
) -> dict[str, int]:
    """Read all images and count those that are missing or empty, in place.

    Returns:
        Hash of the bytes of each image that can be read and is not empty.
    """
    contents: dict[str, int | None] = {}
    images = sum(len(set(faces.table.images)) for faces in sets)
    with ProgressBar('Images compared', images) as progress:
        for faces in sets:
            for image in dict.fromkeys(faces.table.images):
                if image not in contents:
                    contents[image] = _content_of(image, image_root)
                faces.unreadable += contents[image] is None
                progress.update()
    return {x: key for x, key in contents.items() if key is not None}


def _content_of(image: str, root: str | None) -> int | None:
    try:
        content = fileio.get(
            image if '://' in image else osp.join(root or '', image)
        )
    except OSError:
        return None
    return content_hash(content) if content else None


def drop_held_out(
    held_out: Sequence[SourceFaces],
    sets: Sequence[SourceFaces],
    contents: dict[str, int],
) -> None:
    """Leave out faces whose image is held out, in place.

    Args:
        held_out: Sets whose images must not be used.
        sets: All other sets.
        contents: Hashes of the images, see :func:`read_contents`.
    """
    images = {x for faces in held_out for x in faces.table.images}
    images = {contents.get(x, x) for x in images}
    for faces in sets:
        keep = [contents.get(x, x) not in images for x in faces.table.images]
        faces.held_out = len(keep) - sum(keep)
        if faces.held_out:
            faces.table = faces.table.select(np.flatnonzero(keep))


def drop_duplicates(
    sets: Sequence[SourceFaces], contents: dict[str, int] | None = None
) -> None:
    """Keep one of each group of repeated faces, in place.

    It is the first with a class, or else the first. If two of them have
    different classes, it is unknown which is correct, and the first is kept
    without a class.

    Args:
        sets: The sets, in order.
        contents: Hashes of the images. An image without one is identified by
            its name.
    """
    contents = contents or {}
    kept: dict[tuple, tuple[SourceFaces, int]] = {}
    conflicting = set()
    for faces in sets:
        labels = faces.table.labels
        for row in range(len(faces)):
            image, box = faces.face_key(row)
            key = contents.get(image, image), box
            first, place = kept.setdefault(key, (faces, row))
            known = first.table.labels[place]
            if labels[row] in (known, IGNORE_LABEL):
                continue
            if known == IGNORE_LABEL:
                kept[key] = faces, row
            else:
                conflicting.add(key)
    keep = {faces.name: np.zeros(len(faces), bool) for faces in sets}
    for key, (faces, row) in kept.items():
        keep[faces.name][row] = True
        if key in conflicting:
            faces.conflicts += 1
            faces.table.labels[row] = IGNORE_LABEL
    for faces in sets:
        faces.duplicates = len(faces) - int(keep[faces.name].sum())
        if faces.duplicates:
            faces.table = faces.table.select(keep[faces.name])


def choose_labeled(
    sets: Sequence[SourceFaces], recipe: SplitRecipe
) -> dict[str, np.ndarray]:
    """Draw the labeled faces of every class from all sets combined.

    Returns:
        Name of the set -> mask of its labeled faces, bool (N,).
    """
    chosen = {faces.name: np.zeros(len(faces), bool) for faces in sets}
    for label, name in enumerate(recipe.classes):
        candidates = [
            (faces.name, row)
            for faces in sets
            if name in recipe.only.get(faces.name, recipe.classes)
            for row in np.flatnonzero(faces.table.labels == label).tolist()
        ]
        rng = np.random.default_rng((recipe.seed, label))
        for place in rng.permutation(len(candidates))[: recipe.per_class]:
            set_name, row = candidates[place]
            chosen[set_name][row] = True
    return chosen


def _csv_rows(
    sets: dict[str, SourceFaces],
    chosen: dict[str, np.ndarray],
    classes: Sequence[str],
    labeled: bool,
    with_boxes: bool,
) -> Iterator[tuple]:
    """Yield the rows of one of the two files, set by set."""
    names = [*classes, '']
    for faces in sets.values():
        mask = chosen.get(faces.name, np.zeros(len(faces), bool))
        table = faces.table
        for row in np.flatnonzero(mask == labeled).tolist():
            name = names[table.labels[row]]
            box = ()
            if with_boxes:
                box = WHOLE_IMAGE if table.boxes is None else table.boxes[row]
            yield (
                table.images[row],
                name if labeled else '',
                name,
                faces.name,
                '' if table.identities is None else table.identities[row],
                'train',
                *box,
            )


def _write_csv(path: str, rows: Iterator[tuple], with_boxes: bool) -> dict:
    """Write a CSV file atomically and return its row count and hash."""
    count = 0
    with whole_file(path) as file:
        writer = csv.writer(file, lineterminator='\n')
        writer.writerow(COLUMNS + (BOX_COLUMNS if with_boxes else ()))
        for row in rows:
            writer.writerow(row)
            count += 1
    return dict(rows=count, sha256=file_sha256(path))


def _manifest(
    recipe: SplitRecipe,
    sets: dict[str, SourceFaces],
    chosen: dict[str, np.ndarray],
    outputs: dict,
) -> dict:
    classes = list(recipe.classes)
    counts = {
        name: {
            set_name: int((sets[set_name].table.labels[rows] == label).sum())
            for set_name, rows in chosen.items()
        }
        for label, name in enumerate(classes)
    }
    totals = {name: sum(by_set.values()) for name, by_set in counts.items()}
    return dict(
        fer_ssl=__version__,
        seed=recipe.seed,
        per_class=recipe.per_class,
        classes=classes,
        only={name: list(names) for name, names in recipe.only.items()},
        image_root=recipe.image_root and osp.abspath(recipe.image_root),
        labeled=counts,
        short={
            name: total
            for name, total in totals.items()
            if total < recipe.per_class
        },
        inputs={
            name: dict(
                labeled=name in recipe.labeled,
                config=_json_value(
                    {**recipe.labeled, **recipe.unlabeled}[name]
                ),
                faces=len(faces),
                with_known_class=int(
                    (faces.table.labels != IGNORE_LABEL).sum()
                ),
                classes_not_used=dict(faces.unused_classes),
                duplicates_left_out=faces.duplicates,
                held_out_left_out=faces.held_out,
                class_conflicts=faces.conflicts,
                unreadable=faces.unreadable,
                sha256=faces.sha256(classes),
            )
            for name, faces in sets.items()
        },
        held_out=_json_value(recipe.held_out),
        outputs=outputs,
    )


def _json_value(value):
    """Convert a config to what JSON can represent."""
    if isinstance(value, dict):
        return {key: _json_value(x) for key, x in value.items()}
    if isinstance(value, (list, tuple)):
        return [_json_value(x) for x in value]
    plain = value is None or isinstance(value, (str, int, float))
    return value if plain else repr(value)


def describe(manifest: dict) -> str:
    """Format the manifest as a table of classes by sets."""
    sets = [n for n, s in manifest['inputs'].items() if s['labeled']]
    widths = [max(len(name), 9) + 2 for name in sets]
    lines = [
        f'{"labeled":<12}'
        + ''.join(f'{n:>{w}}' for n, w in zip(sets, widths))
        + f'{"total":>11}'
    ]
    for name, counts in manifest['labeled'].items():
        total = sum(counts.values())
        line = f'{name:<12}' + ''.join(
            f'{counts[n]:>{w},}' for n, w in zip(sets, widths)
        )
        note = ''
        if name in manifest['short']:
            note = f'  <- fewer than {manifest["per_class"]:,}'
        lines.append(f'{line}{total:>11,}{note}')
    for name, facts in manifest['inputs'].items():
        lines.append(
            f'{name}: {facts["faces"]:,} faces, '
            f'{facts["with_known_class"]:,} with a known class'
        )
        for other, count in facts['classes_not_used'].items():
            lines.append(
                f'  {count:,} of class {other}, not in the split: unlabeled'
            )
        lines += [
            f'  {facts[key]:,} {what}'
            for key, what in (
                ('duplicates_left_out', 'repeated faces were left out'),
                (
                    'held_out_left_out',
                    'faces of held-out images were left out',
                ),
                (
                    'class_conflicts',
                    'faces that have another class elsewhere: unlabeled',
                ),
                ('unreadable', 'images are missing or empty'),
            )
            if facts[key]
        ]
    for file, facts in manifest['outputs'].items():
        lines.append(
            f'{file}: {facts["rows"]:,} rows, sha256 {facts["sha256"][:16]}'
        )
    return '\n'.join(lines)
