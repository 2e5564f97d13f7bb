"""Assemble frame sequences from labeled stills, as a frames CSV.

They let the temporal phase run on real pixels where no labeled video is
available, with label segments, changing people and frames without a face.
Nothing moves in them; docs/data_preparation.md says what they can and cannot
show.
"""

from __future__ import annotations

import csv
import os.path
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ..datasets.repeated_rows import RepeatedFaces
from ..datasets.unreadable_images import backslash_hint
from ..utils.files import make_folder, whole_file
from ..utils.text_rows import csv_dicts

SPLITS = ('train', 'val')
FRAMES_HEADER = ('video', 'frame', 'image', 'expression', 'split')
#: Longest gap drawn, in frames (about 2/3 s of video); gaps may overlap.
MAX_MISSING_RUN = 20

#: Person -> images of one class in one split.
People = dict[str, list[str]]


def read_stills(
    path: str | Path, classes: Sequence[str]
) -> dict[str, dict[str, People]]:
    """Read labeled stills by split, class and person.

    Args:
        path: Faces CSV with ``image,expression,identity,split``.
        classes: Classes to keep. Rows of other classes and rows without an
            expression are skipped.

    Returns:
        Split -> class -> person -> images, in file order.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A column is missing, an identity is empty, a split is
            neither train nor val, a person is in both splits, an image has
            two classes, or a class has no stills in a split. The message
            names file and line.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f'{path}: no such file. The data root must hold labels.csv and '
            'images/, as tools/dataset/prepare_muxspace_faces.py writes them.'
        )
    stills: dict[str, dict[str, People]] = {
        split: {name: {} for name in classes} for split in SPLITS
    }
    seen = Counter()
    split_of: dict[str, tuple[str, int]] = {}
    repeated = RepeatedFaces(str(path))
    needed = 'image', 'expression', 'identity', 'split'
    for line, row in csv_dicts(str(path), needed):
        where = f'{path}:{line}'
        name, person, split = (
            row[column] for column in ('expression', 'identity', 'split')
        )
        seen[name] += 1
        repeated.add(line, (row['image'], None), name)
        if split not in SPLITS:
            raise ValueError(
                f'{where}: split {split!r} is neither train nor val.'
            )
        if not person:
            raise ValueError(
                f'{where}: the identity is empty. Name the person, or give '
                'every unknown person a unique name.'
            )
        other, first = split_of.setdefault(person, (split, line))
        if other != split:
            raise ValueError(
                f'{where}: {person!r} is in {split} here, but in {other} on '
                f'line {first}. Put all images of a person in one split.'
            )
        if name in stills[split]:
            people = stills[split][name]
            people.setdefault(person, []).append(row['image'])
    for split, by_class in stills.items():
        empty = [name for name, people in by_class.items() if not people]
        if empty:
            raise ValueError(
                f'{path}: no stills of class {", ".join(empty)} in split '
                f'{split}. Leave the class out, or add faces. The file '
                f'holds {dict(seen)}.'
            )
    return stills


def endless_decks(
    items: Sequence[str], rng: np.random.Generator
) -> Iterator[str]:
    """Yield items in random order, each once before any is repeated.

    Adjacent items differ if there are at least two items.
    """
    last = None
    while True:
        deck = [items[i] for i in rng.permutation(len(items))]
        if deck[0] == last:
            deck.append(deck.pop(0))
        yield from deck
        last = deck[-1]


def fill_segment(
    people: People,
    order: Iterator[str],
    length: int,
    hold: tuple[int, int],
    rng: np.random.Generator,
) -> list[str]:
    """Choose the images of the frames of one label segment.

    A person with several stills of the class fills the segment alone;
    otherwise one person follows another. Every still is held for several
    frames.

    Args:
        people: Stills of the class.
        order: Endless iterator over the people to appear.
        length: Length of the segment in frames.
        hold: Min and max number of frames for which a still is held.
        rng: Source of randomness.

    Returns:
        ``length`` image names.
    """
    person = next(order)
    alone = len(people[person]) > 1
    images: list[str] = []
    while True:
        stills = people[person]
        for i in rng.permutation(len(stills)):
            images += [stills[i]] * int(rng.integers(hold[0], hold[1] + 1))
        if len(images) >= length:
            return images[:length]
        if not alone:
            person = next(order)


def missing_frames(
    num_frames: int, fraction: float, rng: np.random.Generator
) -> np.ndarray:
    """Draw a mask (num_frames,) of frames without a face, in runs."""
    mask = np.zeros(num_frames, dtype=bool)
    while mask.sum() < round(fraction * num_frames):
        start = rng.integers(num_frames)
        mask[start : start + rng.integers(1, MAX_MISSING_RUN + 1)] = True
    return mask


def assemble_split(
    by_class: dict[str, People],
    num_videos: int,
    segments: int,
    segment_length: tuple[int, int],
    hold: tuple[int, int],
    missing: float,
    rng: np.random.Generator,
) -> list[list[tuple[str, str]]]:
    """Assemble the videos of one split, lists of (image, expression).

    The classes of the segments are drawn without replacement across all
    videos, so that rare classes are as frequent as common ones. A frame
    without a face has image ``''`` and keeps its expression.
    """
    people_order = {
        name: endless_decks(list(people), rng)
        for name, people in by_class.items()
    }
    class_order = endless_decks(list(by_class), rng)
    videos = []
    for _ in range(num_videos):
        frames = []
        for _ in range(segments):
            name = next(class_order)
            length = int(
                rng.integers(segment_length[0], segment_length[1] + 1)
            )
            images = fill_segment(
                by_class[name], people_order[name], length, hold, rng
            )
            frames += [(image, name) for image in images]
        gone = missing_frames(len(frames), missing, rng)
        videos.append(
            [
                ('' if no_face else image, name)
                for (image, name), no_face in zip(frames, gone)
            ]
        )
    return videos


def link_frames(images: Path, out: Path, used: set[str], copy: bool) -> None:
    """Make ``out/frames``, a link to ``images`` or a folder of copies.

    Args:
        images: Folder of the stills.
        out: Folder to write to.
        used: Paths of the stills in use, relative to ``images``.
        copy: Copy these instead of linking.


    Raises:
        FileNotFoundError: A used image is missing.
        ValueError: A path leads out of ``images``.
        FileExistsError: A link was requested, but ``out/frames`` is a
            folder.
    """
    for image in sorted(used):
        if os.path.isabs(image) or '..' in Path(image).parts:
            raise ValueError(
                f'{image}: this path in labels.csv leads out of {images}. '
                'Give the path of an image below that folder.'
            )
        if not (images / image).is_file():
            hint = backslash_hint(f'{images / image}')
            raise FileNotFoundError(
                f'{images / image}: no such image, but labels.csv names it. '
                f'{hint or "Delete its row or restore the file"}.'
            )
    frames = out / 'frames'
    if frames.is_symlink():
        frames.unlink()
    if copy:
        for image in sorted(used):
            with whole_file(frames / image, 'wb', sync=False) as file:
                file.write((images / image).read_bytes())
    elif frames.exists():
        raise FileExistsError(
            f'{frames} is a folder already, so it cannot become a link. '
            'Remove it, choose another output folder, or copy the images '
            '(--copy).'
        )
    else:
        frames.symlink_to(images.resolve(), target_is_directory=True)


def make_still_sequences(
    data_root: str | Path,
    out: str | Path,
    classes: Sequence[str],
    num_videos: tuple[int, int] = (40, 15),
    segments: int = 6,
    segment_length: tuple[int, int] = (40, 200),
    hold: tuple[int, int] = (3, 10),
    missing: float = 0.08,
    seed: int = 0,
    copy: bool = False,
) -> str:
    """Write ``frames.csv`` and ``frames/`` under ``out``.

    The result depends only on the arguments and the file. The videos of
    one split do not depend on the number of videos in the other.

    Args:
        data_root: Folder with ``labels.csv`` and ``images/``.
        out: Folder to write to, a data root for the video datasets.
        classes: Classes of the segments.
        num_videos: Number of videos in train and in val.
        segments: Label segments per video.
        segment_length: Min and max length of a segment, in frames.
        hold: Min and max number of frames for which a still is held.
        missing: Fraction of frames without a face, in [0, 1).
        seed: Seed of all random draws.
        copy: Copy the images instead of linking to their folder.

    Returns:
        A summary of videos, frames, stills and people per class.

    Raises:
        FileNotFoundError: ``labels.csv`` or an image is missing.
        OSError: A file cannot be written; ``filename`` names it.
        ValueError: The file is invalid, a class is empty in a split, an
            argument is out of range, or ``out`` is not writable.
    """
    for name, (low, high) in (
        ('segment_length', segment_length),
        ('hold', hold),
    ):
        if not 1 <= low <= high:
            raise ValueError(
                f'{name}={low, high} must satisfy 1 <= min <= max.'
            )
    if not 0 <= missing < 1:
        raise ValueError(f'missing={missing} must be in [0, 1).')
    data_root, out = Path(data_root), Path(out)
    stills = read_stills(data_root / 'labels.csv', classes)
    videos = {}
    for index, (split, number) in enumerate(zip(SPLITS, num_videos)):
        rng = np.random.default_rng([seed, index])
        videos[split] = assemble_split(
            stills[split],
            number,
            segments,
            segment_length,
            hold,
            missing,
            rng,
        )
    used = {
        image
        for split in SPLITS
        for frames in videos[split]
        for image, _ in frames
        if image
    }
    make_folder(out)
    link_frames(data_root / 'images', out, used, copy)
    with whole_file(out / 'frames.csv') as file:
        writer = csv.writer(file, lineterminator='\n')
        writer.writerow(FRAMES_HEADER)
        for split in SPLITS:
            for number, frames in enumerate(videos[split]):
                writer.writerows(
                    (f'{split}_{number:03d}', frame, image, name, split)
                    for frame, (image, name) in enumerate(frames, 1)
                )
    return _summary(stills, videos)


def _summary(
    stills: dict[str, dict[str, People]],
    videos: dict[str, list[list[tuple[str, str]]]],
) -> str:
    lines = []
    for split in SPLITS:
        frames = [frame for video in videos[split] for frame in video]
        gone = sum(not image for image, _ in frames)
        lines.append(
            f'{split}: {len(videos[split])} videos, {len(frames)} frames, '
            f'{gone} of them without a face'
        )
        counts = Counter(name for _, name in frames)
        shown = set(frames)
        for name, people in stills[split].items():
            faces = [(i, name) for group in people.values() for i in group]
            lines.append(
                f'  {name}: {counts[name]} frames, '
                f'{len(shown.intersection(faces))} of {len(faces)} stills, '
                f'{len(people)} people'
            )
    return '\n'.join(lines)
