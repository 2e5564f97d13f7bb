"""Convert a clone of muxspace/facial_expressions to a faces CSV.

The collection (Apache-2.0) holds photographs of 350 x 350 pixels in
``images/`` and one row per vote in ``data/legend.csv``, with the columns
``user.id,image,emotion``.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image, ImageOps

from ..media.image_limit import TooManyPixelsError, open_image
from ..utils.files import make_folder, whole_file, write_text
from ..utils.progress import ProgressBar
from ..utils.text_rows import csv_rows, read_header

#: Expressions of the collection, in the order of the ABAW challenges.
EXPRESSIONS = (
    'neutral',
    'anger',
    'disgust',
    'fear',
    'happiness',
    'sadness',
    'surprise',
)
#: Alternative spellings in earlier versions of the collection.
ALIASES = dict(
    angry='anger',
    disgusted='disgust',
    fearful='fear',
    surprised='surprise',
)
#: Ignored votes: there are too few of these faces to form a class.
IGNORED = ('contempt',)

NUM_BUCKETS = 100
#: People in these buckets are in ``val``, all others in ``train``.
VAL_BUCKETS = range(40, 55)

LABELS_HEADER = ('image', 'identity', 'expression', 'split')


@dataclass
class MuxspaceReport:
    """Outcome of the conversion, image by image.

    Attributes:
        rows: Rows of ``labels.csv``: image, identity, expression, split.
        notes: Remark -> the images that it applies to.
    """

    rows: list[tuple[str, str, str, str]] = field(default_factory=list)
    notes: dict[str, list[str]] = field(default_factory=dict)

    def note(self, remark: str, image: str) -> None:
        self.notes.setdefault(remark, []).append(image)

    def summary(self, max_names: int = 5) -> str:
        """Format the counts per class and split, and the notes.

        Args:
            max_names: Max number of images to name in each note.
        """
        counts = Counter((row[2], row[3]) for row in self.rows)
        lines = [f'{"expression":<12}{"train":>7}{"val":>7}']
        for name in EXPRESSIONS:
            train, val = counts[name, 'train'], counts[name, 'val']
            empty = '' if train and val else '  <- empty class'
            lines.append(f'{name:<12}{train:>7}{val:>7}{empty}')
        people = {(row[1], row[3]) for row in self.rows}
        splits = Counter(split for _, split in people)
        lines.append(f'{"people":<12}{splits["train"]:>7}{splits["val"]:>7}')
        for remark, images in self.notes.items():
            shown = ', '.join(images[:max_names])
            more = ', ...' if len(images) > max_names else ''
            lines.append(f'{len(images)} {remark}: {shown}{more}')
        return '\n'.join(lines)


def identity_of(image: str) -> str | None:
    """Return the person in an image: ``Al_Gore_0002.jpg`` -> ``al_gore``.

    Returns:
        ``None`` if the name does not end in an underscore and a number, so
        that the person is unknown.
    """
    match = re.fullmatch(r'([^/\\]+)_\d+\.\w+', image)
    return match[1].lower() if match else None


def bucket_of(identity: str) -> int:
    """Return the bucket of a person, the MD5 of the name modulo 100."""
    digest = hashlib.md5(identity.encode('utf-8')).hexdigest()
    return int(digest, 16) % NUM_BUCKETS


def split_of(identity: str) -> str:
    """Return ``'val'`` or ``'train'``, which depends only on the name."""
    return 'val' if bucket_of(identity) in VAL_BUCKETS else 'train'


def read_legend(path: str | Path) -> dict[str, list[str]]:
    """Read the votes on every image, in file order.

    Args:
        path: ``legend.csv`` with the columns ``image`` and ``emotion``.

    Returns:
        Image name -> votes, each one of ``EXPRESSIONS`` or ``IGNORED``.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A column is missing or a class is unknown. The message
            names file and line.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f'{path}: no such file. Give the folder of a complete clone of '
            'https://github.com/muxspace/facial_expressions, which holds '
            'data/legend.csv and images/.'
        )
    rows = _legend_rows(str(path))
    header = read_header(str(path), rows, ('image', 'emotion'))
    votes: dict[str, list[str]] = {}
    for line, cells in rows:
        row = dict(zip(header, cells))
        emotion, image = row.get('emotion', ''), row.get('image', '')
        name = emotion.strip().lower()
        name = ALIASES.get(name, name)
        if name not in EXPRESSIONS + IGNORED:
            raise ValueError(
                f'{path}:{line}: unknown class {emotion!r} of image '
                f'{image!r}. The classes are '
                f'{", ".join(EXPRESSIONS + IGNORED)}, in upper or lower '
                'case. Correct the line or delete it.'
            )
        votes.setdefault(image.strip(), []).append(name)
    return votes


def _legend_rows(path: str) -> Iterator[tuple[int, list[str]]]:
    """Yield line number and cells of every row."""
    for line, fields in csv_rows(path):
        # Some versions of the file separate part of the rows by tabs.
        yield line, '\t'.join(fields).split('\t')


def choose_expression(votes: list[str]) -> str | None:
    """Return the most frequent vote, in a tie the first one.

    Returns:
        ``None`` if all votes are ignored.
    """
    counts = Counter(vote for vote in votes if vote not in IGNORED)
    return counts.most_common(1)[0][0] if counts else None


def read_face(source: Path, size: int) -> Image.Image:
    """Read the central square of an image, RGB, ``size`` x ``size`` pixels.

    Raises:
        OSError: ``source`` is missing or not an image.
        TooManyPixelsError: It exceeds the limit of pixels.
    """
    with open_image(source.read_bytes()) as image:
        return ImageOps.fit(image.convert('RGB'), (size, size))


def prepare_muxspace_faces(
    clone: str | Path,
    out: str | Path,
    size: int = 112,
    buckets: range = range(NUM_BUCKETS),
) -> MuxspaceReport:
    """Write ``images/``, ``labels.csv`` and ``report.txt`` under ``out``.

    Images are left out, counted and listed if no person is in their name, if
    their only vote is contempt, or if they are missing or unreadable. Rows
    are sorted by image, so that the file does not depend on the order of the
    votes. A second run writes the same files.

    Args:
        clone: Folder of the clone.
        out: Folder to write to.
        size: Side of the square output images in pixels.
        buckets: Keep only people in these buckets, see :func:`bucket_of`.

    Raises:
        FileNotFoundError: ``clone`` has no ``data/legend.csv``.
        OSError: A file cannot be written; ``filename`` names it.
        ValueError: The legend is invalid, no face remains, or ``out`` is not
            writable.
    """
    clone, out = Path(clone), Path(out)
    votes = read_legend(clone / 'data' / 'legend.csv')
    make_folder(out / 'images')
    report = MuxspaceReport()
    first_with: dict[str, str] = {}
    with ProgressBar('Images', len(votes)) as progress:
        for image in progress.track(sorted(votes)):
            identity = identity_of(image)
            if identity is None:
                report.note('left out, name is not <person>_<number>', image)
                continue
            if bucket_of(identity) not in buckets:
                continue
            expression = choose_expression(votes[image])
            if expression is None:
                report.note(f'left out, voted {" or ".join(IGNORED)}', image)
                continue
            source = clone / 'images' / image
            if not source.is_file():
                report.note(
                    'left out, in the legend but not in images/', image
                )
                continue
            try:
                face = read_face(source, size)
            except TooManyPixelsError as error:
                report.note('left out, too large', f'{image} ({error})')
                continue
            except OSError:
                (out / 'images' / image).unlink(missing_ok=True)
                report.note('left out, unreadable', image)
                continue
            target = out / 'images' / image
            # Encoded in memory, as Pillow does not notice a full disk.
            encoded = io.BytesIO()
            face.save(encoded, format='JPEG', quality=88)
            with whole_file(target, 'wb', sync=False) as file:
                file.write(encoded.getbuffer())
            if len(set(votes[image])) > 1:
                what = f'{image} ({" / ".join(votes[image])} -> {expression})'
                report.note('with conflicting votes, most frequent kept', what)
            elif len(votes[image]) > 1:
                report.note('with repeated equal votes', image)
            digest = hashlib.sha256(source.read_bytes()).hexdigest()
            twin = first_with.setdefault(digest, image)
            if twin != image:
                report.note(
                    'kept, the same file as another', f'{image} = {twin}'
                )
            row = (image, identity, expression, split_of(identity))
            report.rows.append(row)
    if not report.rows:
        raise ValueError(
            f'{clone}: none of the {len(votes)} images in data/legend.csv can '
            f'be used.\n{report.summary()}\nCheck that the clone is complete '
            'and that the requested buckets contain people.'
        )
    with whole_file(out / 'labels.csv') as file:
        writer = csv.writer(file, lineterminator='\n')
        writer.writerow(LABELS_HEADER)
        writer.writerows(report.rows)
    summary = report.summary(max_names=len(votes))
    write_text(out / 'report.txt', f'{summary}\n')
    for path in clone.glob('LICENSE*'):
        with whole_file(out / path.name, 'wb') as file:
            file.write(path.read_bytes())
    return report
