"""The labeled and the unlabeled faces of an experiment, from several sets.

Paper A, section 4.1: 8,000 random images of each expression from AffectNet
and ExpW together, of 'other' from Aff-Wild2 alone; all other images of these
sets are unlabeled.
"""

from __future__ import annotations

import csv
import hashlib
import os.path as osp
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields

import numpy as np
from mmengine.registry import DATASETS

from ..datasets.faces.face_table import FaceTable
from ..labels import ABAW_EXPRESSIONS, IGNORE_LABEL
from ..utils.data_files import COUNT, check_form, read_data_file
from ..utils.files import file_sha256, make_folder, whole_file, write_json
from ..utils.text_rows import BOX_COLUMNS
from ..version import __version__
from .dataset_spec import (
    check_registered_types,
    check_single_images,
    without_pipeline,
)

COLUMNS = ('image', 'expression', 'truth', 'set', 'identity', 'split')
#: Box of a face that fills its image, as no JPEG file is larger. What lies
#: beyond the image is cut off by ``CropFace``.
WHOLE_IMAGE = (0, 0, 65535, 65535)
_RECIPE = {
    'labeled?': {str: dict},
    'unlabeled?': {str: dict},
    'per_class?': COUNT,
    'only?': {str: [str]},
    'seed?': COUNT,
    'classes?': [str],
    'image_root?': str,
}
LABELED, UNLABELED, MANIFEST = 'labels.csv', 'unlabeled.csv', 'manifest.json'


@dataclass
class SplitRecipe:
    """What to draw, and from where.

    Attributes:
        labeled: Configs of the sets whose labels may be used, by name.
        unlabeled: Configs of sets that only give unlabeled faces, by name.
        per_class: Labeled faces of each class, all sets together.
        only: Set -> the classes that it may give labeled faces of. A set that
            is not named here may give any. Its other faces are unlabeled.
        seed: Seed of the choice.
        classes: Names of the classes.
        image_root: Folder that the written paths are relative to, where an
            image lies below it. ``None`` writes absolute paths.
    """

    labeled: dict[str, dict]
    unlabeled: dict[str, dict] = field(default_factory=dict)
    per_class: int = 8000
    only: dict[str, Sequence[str]] = field(default_factory=dict)
    seed: int = 0
    classes: Sequence[str] = ABAW_EXPRESSIONS
    image_root: str | None = None

    def check(self) -> None:
        """Raise ValueError where the recipe contradicts itself."""
        if not self.labeled:
            raise ValueError('The split needs at least one labeled set.')
        if self.per_class < 1:
            raise ValueError(f'per_class={self.per_class} is below 1.')
        both = set(self.labeled) & set(self.unlabeled)
        if both:
            raise ValueError(
                f'{", ".join(sorted(both))}: a set is either labeled or '
                'unlabeled; the labeled ones give unlabeled faces, too.'
            )
        for name, classes in self.only.items():
            if name not in self.labeled:
                raise ValueError(f'only: {name} is no labeled set.')
            unknown = set(classes).difference(self.classes)
            if isinstance(classes, str) or unknown:
                raise ValueError(
                    f'only: {name}: {classes!r} is no list of classes; they '
                    f'are {", ".join(self.classes)}.'
                )


def read_recipe(path: str) -> dict:
    """Arguments of :class:`SplitRecipe` from a file in YAML or JSON.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It holds something else, or names what is no data set.
    """
    known = {x.name for x in fields(SplitRecipe)}
    recipe = read_data_file(path)
    unknown = set(recipe).difference(known)
    if unknown:
        raise ValueError(
            f'{path}: unknown {", ".join(sorted(unknown))}; a recipe has '
            f'{", ".join(sorted(known))}.'
        )
    recipe = {key: x for key, x in recipe.items() if x is not None}
    check_form(path, recipe, _RECIPE)
    for group in ('labeled', 'unlabeled'):
        check_registered_types(path, recipe.get(group, {}))
    return recipe


@dataclass
class SourceFaces:
    """All faces of a data set, in an order that its content fixes.

    Attributes:
        name: Name of the set.
        table: The faces; images as they are written.
        unused_classes: Faces by names that are none of the classes.
    """

    name: str
    table: FaceTable
    unused_classes: Counter = field(default_factory=Counter)

    def __len__(self) -> int:
        return len(self.table)

    def face_key(self, row: int) -> tuple:
        """What makes a face different from others."""
        boxes = self.table.boxes
        box = None if boxes is None else tuple(boxes[row].tolist())
        return self.table.images[row], box

    def sort(self) -> None:
        """Make the order independent of how the set lists its faces."""
        order = sorted(range(len(self)), key=self.face_key)
        self.table = self.table.select(order)

    def sha256(self, classes: Sequence[str]) -> str:
        """Hash of the list of faces: image, class and box of each."""
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

    A class with ``read_faces`` gives its whole table. Any other one gives its
    items (``img_path``, ``gt_label`` and perhaps ``box``).

    Args:
        config: Config of the dataset; without ``metainfo`` it gets the
            classes here. Labels are matched by name.

    Raises:
        ValueError: The set holds no face, has no classes, or its items are no
            single images.
    """
    config = without_pipeline(config, metainfo=dict(classes=classes))
    if hasattr(DATASETS.get(config['type']), 'read_faces'):
        dataset = DATASETS.build(dict(config, lazy_init=True))
        table = _from_table(dataset)
    else:
        dataset = DATASETS.build(config)
        table = _from_items(name, dataset)
    if not len(table):
        raise ValueError(f'{name}: the data set holds no face.')
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
            f'{name}: {len(boxes)} of {len(images)} faces have a box. Give '
            'them as two sets.'
        )
    return FaceTable(
        images, labels, boxes=boxes or None, identities=identities or None
    )


def _match_classes(
    faces: SourceFaces, own: Sequence[str] | None, classes: Sequence[str]
) -> None:
    """Turn a set's own labels into indices into ``classes``."""
    if own is None:
        raise ValueError(
            f"{faces.name}: the data set has no metainfo['classes'], so its "
            'labels have no names. Give `metainfo=dict(classes=...)`.'
        )
    own, classes = list(own), list(classes)
    labels = faces.table.labels
    counts = np.bincount(labels[labels >= 0], minlength=len(own))
    if len(counts) > len(own):
        raise ValueError(
            f'{faces.name}: label {len(counts) - 1}, but there are '
            f'{len(own)} classes.'
        )
    faces.unused_classes = Counter(
        {n: int(c) for n, c in zip(own, counts) if c and n not in classes}
    )
    table = [classes.index(n) if n in classes else IGNORE_LABEL for n in own]
    # Label -1, not known, picks the last entry.
    faces.table.labels = np.array([*table, IGNORE_LABEL])[labels]


def _written_path(image: str, root: str | None) -> str:
    """Absolute path, or relative to ``root`` where it lies below."""
    if '://' in image:
        return image
    image = osp.abspath(image)
    if root is not None:
        below = osp.join(osp.abspath(root), '')
        if image.startswith(below):
            return image[len(below) :]
    return image


def build_split(recipe: SplitRecipe, out: str) -> dict:
    """Write ``labels.csv``, ``unlabeled.csv`` and ``manifest.json``.

    The choice depends on the seed and on what the sets hold, not on the order
    in which they are given or list their faces. A face that comes a second
    time (the same image and box, also in another set) is left out.

    Returns:
        The manifest: recipe, counts and hashes.

    Raises:
        OSError: A file cannot be written; ``filename`` names it.
        ValueError: The recipe is faulty, no face is labeled, or ``out``
            cannot be written to.
    """
    recipe.check()
    sets = {
        name: read_source_faces(
            name, config, recipe.classes, recipe.image_root
        )
        for configs in (recipe.labeled, recipe.unlabeled)
        for name, config in sorted(configs.items())
    }
    duplicates = drop_duplicates(list(sets.values()))
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
    manifest = _manifest(recipe, sets, chosen, duplicates, outputs)
    write_json(osp.join(out, MANIFEST), manifest)
    return manifest


def drop_duplicates(sets: Sequence[SourceFaces]) -> Counter:
    """Keep the first of equal faces, and count the others by set."""
    seen, counts = set(), Counter()
    for faces in sets:
        keep = []
        for row in range(len(faces)):
            key = faces.face_key(row)
            if key not in seen:
                seen.add(key)
                keep.append(row)
        counts[faces.name] = len(faces) - len(keep)
        if counts[faces.name]:
            faces.table = faces.table.select(keep)
    return counts


def choose_labeled(
    sets: Sequence[SourceFaces], recipe: SplitRecipe
) -> dict[str, np.ndarray]:
    """Draw the labeled faces of every class from all sets together.

    Returns:
        Name of the set -> which of its faces are labeled, bool (N,).
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
    """Rows of one of the two files, set by set."""
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
    """Write a file that appears whole or not at all; its rows and hash."""
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
    duplicates: Counter,
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
                duplicates_left_out=duplicates[name],
                sha256=faces.sha256(classes),
            )
            for name, faces in sets.items()
        },
        outputs=outputs,
    )


def _json_value(value):
    """Config as JSON can hold it."""
    if isinstance(value, dict):
        return {key: _json_value(x) for key, x in value.items()}
    if isinstance(value, (list, tuple)):
        return [_json_value(x) for x in value]
    plain = value is None or isinstance(value, (str, int, float))
    return value if plain else repr(value)


def describe(manifest: dict) -> str:
    """The manifest as a table: classes by sets, and what was left out."""
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
                f'  {count:,} of class {other}, which is none here: unlabeled'
            )
        if facts['duplicates_left_out']:
            lines.append(
                f'  {facts["duplicates_left_out"]:,} faces came a second '
                'time and were left out'
            )
    for file, facts in manifest['outputs'].items():
        lines.append(
            f'{file}: {facts["rows"]:,} rows, sha256 {facts["sha256"][:16]}'
        )
    return '\n'.join(lines)
