from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np

from fer_ssl.labels import ABAW_ACTION_UNITS, ABAW_EXPRESSIONS

from ...media.write_image import write_image
from ...utils.files import make_folder, whole_file, write_text
from .expressions import (
    sample_runs,
    sample_still,
    sample_timeline,
    smooth_noise,
)
from .face_renderer import (
    Conditions,
    Identity,
    render_face,
    sample_occluder,
)
from .sparse_lists import write_sparse_lists
from .voice import speak, write_sound

_QUALITY = (cv2.IMWRITE_JPEG_QUALITY, 90)
_FRAMES_HEADER = (
    'video',
    'frame',
    'image',
    'expression',
    'split',
    'valence',
    'arousal',
    *ABAW_ACTION_UNITS,
)
# Parts of the data set; each has its own stream of seeds.
_LABELED, _VAL, _UNLABELED, _VIDEO, _VOICE, _SPARSE = range(6)


@dataclass(frozen=True)
class SyntheticSettings:
    """Size and difficulty of the data that :func:`make_synthetic` makes.

    The labeled stills are few and imbalanced, and show few people under mild
    conditions. The unlabeled ones show many people under the conditions of
    the videos, and most of them are neutral or happy.

    Args:
        size: Side of the images in pixels.
        labeled: Labeled stills of the train split per class, in the order of
            ``ABAW_EXPRESSIONS``.
        labeled_people: Number of people in them.
        val_per_class: Stills of the val split per class.
        unlabeled: Number of unlabeled stills, each of a different person.
        unlabeled_shares: Fraction of each class among them.
        videos: Number of videos of the train and of the val split, with one
            person each.
        frames: Min and max length of a video in frames.
        min_strength: Expression strength below which a face is neutral.
        labeled_spread: Variation of pose and light in the labeled stills and
            the videos of the train split.
        wild_spread: The same for everything else.
        labeled_flicker: Variation between frames in the videos of the train
            split.
        flicker: The same in the val split, where it makes single frames
            ambiguous, so that neighboring frames help.
        missing: Fraction of frames without a detected face.
        unannotated: Fraction of frames without an expression label.
        sound: Whether videos have a sound track, at 30 fps. It does not
            change anything else.
    """

    size: int = 48
    labeled: tuple = (400, 60, 30, 25, 250, 80, 50, 120)
    labeled_people: int = 60
    val_per_class: int = 100
    unlabeled: int = 6000
    unlabeled_shares: tuple = (
        0.36,
        0.06,
        0.05,
        0.05,
        0.24,
        0.08,
        0.06,
        0.10,
    )
    videos: tuple = (28, 48)
    frames: tuple = (300, 600)
    min_strength: float = 0.5
    labeled_spread: float = 0.3
    wild_spread: float = 0.5
    labeled_flicker: float = 0.25
    flicker: float = 1.2
    missing: float = 0.04
    unannotated: float = 0.03
    sound: bool = True

    @classmethod
    def tiny(cls) -> SyntheticSettings:
        """Return settings for tests: 100 images, made in a second."""
        return cls(
            size=24,
            labeled=(4, 2, 2, 2, 3, 2, 2, 2),
            labeled_people=4,
            val_per_class=2,
            unlabeled=16,
            videos=(2, 1),
            frames=(20, 30),
        )


def make_synthetic(
    out: str | Path,
    settings: SyntheticSettings | None = None,
    seed: int = 0,
    processes: int = 2,
) -> bool:
    """Write a data root of synthetic faces and videos.

    Writes ``labels.csv`` and ``unlabeled.csv`` with ``images/``, and
    ``frames.csv`` with ``frames/`` and ``sounds/<video>.wav``, and lists of
    some of these frames in the form of s-Aff-Wild2, ``sparse/``. The files
    depend only on the settings and the seed, not on the number of processes.

    Args:
        out: Folder to write to. Synthetic data with other settings are
            replaced; any other content is an error.
        settings: Size and difficulty. Defaults to those of the demo.
        seed: Non-negative seed.
        processes: Number of worker processes; 1 uses none.

    Returns:
        Whether anything was written; ``False`` if the folder already holds
        the complete data for these settings and this seed.

    Raises:
        FileExistsError: ``out`` holds other files.
        OSError: A file cannot be written; ``filename`` names it.
        ValueError: ``out`` is not writable.
    """
    out = Path(out)
    settings = settings or SyntheticSettings()
    content = dict(seed=seed, lists='sparse', **asdict(settings))
    stamp = json.dumps(content, indent=1) + '\n'
    marker, finished = out / 'synthetic.json', out / 'finished'
    if finished.exists() and marker.read_text() == stamp:
        return False
    if out.exists() and any(out.iterdir()) and not marker.exists():
        raise FileExistsError(
            f'{out} holds files that are not synthetic data. Choose another '
            'folder.'
        )
    make_folder(out)
    finished.unlink(missing_ok=True)
    for folder in ('images', 'frames', 'sounds'):
        shutil.rmtree(out / folder, ignore_errors=True)
        if folder != 'sounds' or settings.sound:
            make_folder(out / folder)
    write_text(marker, stamp)
    jobs = list(_still_jobs(settings)) + [
        (_VIDEO, number, split, None)
        for split, numbers in _video_numbers(settings)
        for number in numbers
    ]
    tasks = [(job, out, settings, seed) for job in jobs]
    if processes > 1:
        with get_context('fork').Pool(processes) as pool:
            rows = pool.map(_make, tasks, chunksize=4)
    else:
        rows = [_make(task) for task in tasks]
    made = list(zip(jobs, rows))
    labeled = [r for j, part in made if j[0] in (_LABELED, _VAL) for r in part]
    unlabeled = [r for j, part in made if j[0] == _UNLABELED for r in part]
    frames = [r for j, part in made if j[0] == _VIDEO for r in part]
    header = ('image', 'expression', 'identity', 'split')
    _write_csv(out / 'labels.csv', header, labeled)
    header = ('image', 'expression', 'truth')
    _write_csv(out / 'unlabeled.csv', header, unlabeled)
    _write_csv(out / 'frames.csv', _FRAMES_HEADER, frames)
    write_sparse_lists(out / 'sparse', frames, (seed, _SPARSE))
    finished.touch()
    return True


def _still_jobs(settings: SyntheticSettings) -> Iterator[tuple]:
    """Yield (part, number, split, expression) of every still."""
    number = 0
    for expression, count in zip(ABAW_EXPRESSIONS, settings.labeled):
        for _ in range(count):
            yield _LABELED, number, 'train', expression
            number += 1
    for number in range(settings.val_per_class * len(ABAW_EXPRESSIONS)):
        expression = ABAW_EXPRESSIONS[number % len(ABAW_EXPRESSIONS)]
        yield _VAL, number, 'val', expression
    for number in range(settings.unlabeled):
        yield _UNLABELED, number, '', None


def _video_numbers(settings: SyntheticSettings) -> Iterator[tuple]:
    train, val = settings.videos
    yield 'train', range(train)
    yield 'val', range(train, train + val)


def _make(task: tuple) -> list[tuple]:
    """Render one job and return its CSV rows."""
    (part, number, split, expression), out, settings, seed = task
    cv2.setNumThreads(0)
    rng = np.random.default_rng((seed, part, number))
    if part == _VIDEO:
        voice = np.random.default_rng((seed, _VOICE, number))
        return _make_video(number, split, out, settings, rng, voice)
    if part == _UNLABELED:
        fractions = np.array(settings.unlabeled_shares)
        expression = str(rng.choice(ABAW_EXPRESSIONS, p=fractions))
    people = {
        _LABELED: settings.labeled_people,
        _VAL: max(settings.val_per_class // 2, 1),
        _UNLABELED: settings.unlabeled,
    }[part]
    person = number if part == _UNLABELED else int(rng.integers(people))
    identity = Identity.sample(np.random.default_rng((seed, 9, part, person)))
    variation = settings.labeled_spread
    if part != _LABELED:
        variation = settings.wild_spread
    image = render_face(
        sample_still(expression, settings.min_strength, rng),
        identity,
        Conditions.sample(variation, rng),
        settings.size,
        rng,
    )
    folder = ('labeled', 'val', 'unlabeled')[part]
    name = f'{folder}/{number:05d}.jpg'
    write_image(out / 'images' / name, image, _QUALITY)
    if part == _UNLABELED:
        return [(name, '', expression)]
    return [(name, expression, f'{folder}{person:03d}', split)]


def _make_video(
    number: int,
    split: str,
    out: Path,
    settings: SyntheticSettings,
    rng: np.random.Generator,
    voice: np.random.Generator,
) -> list[tuple]:
    """Render one video of one person and return its CSV rows.

    The sound has its own random generator, so the images are the same without
    it.
    """
    video = f'{split}_{number:03d}'
    num_frames = int(rng.integers(settings.frames[0], settings.frames[1] + 1))
    emotions = [name for name in ABAW_EXPRESSIONS if name != 'neutral']
    timeline = sample_timeline(
        num_frames,
        tuple(rng.permutation(emotions)),
        settings.min_strength,
        rng,
    )
    if settings.sound:
        sound = speak(timeline.arousal, voice)
        write_sound(out / 'sounds' / f'{video}.wav', sound)
    identity = Identity.sample(rng)
    # Training videos are as mild as the labeled stills.
    variation, flicker = settings.wild_spread, settings.flicker
    if split == 'train':
        variation = settings.labeled_spread
        flicker = settings.labeled_flicker
    base = replace(Conditions.sample(variation, rng), occluder=None)
    pose = 0.12 * np.stack([smooth_noise(num_frames, 20, rng) for _ in '123'])
    missing = sample_runs(num_frames, settings.missing, 8, rng)
    unannotated = sample_runs(num_frames, settings.unannotated, 15, rng)
    occluded = sample_runs(num_frames, 0.1 * flicker, 10, rng)
    occluder = sample_occluder(rng)
    rows = []
    for frame in range(num_frames):
        image_name = ''
        if not missing[frame]:
            image_name = f'{video}/{frame + 1:05d}.jpg'
            image = render_face(
                timeline.at(frame),
                identity,
                _flickering(
                    base,
                    pose[:, frame],
                    occluder if occluded[frame] else None,
                    flicker,
                    rng,
                ),
                settings.size,
                rng,
            )
            write_image(out / 'frames' / image_name, image, _QUALITY)
        expression = timeline.expressions[frame]
        rows.append(
            (
                video,
                frame + 1,
                image_name,
                '' if unannotated[frame] else expression,
                split,
                f'{timeline.valence[frame]:.3f}',
                f'{timeline.arousal[frame]:.3f}',
                *(f'{x:.2f}' for x in timeline.action_units[frame]),
            )
        )
    return rows


def _flickering(
    base: Conditions,
    pose: np.ndarray,
    occluder: tuple | None,
    flicker: float,
    rng: np.random.Generator,
) -> Conditions:
    """Add slow pose and fast noise to the conditions of a video."""
    jitter = flicker * rng.standard_normal(8)
    x, y = base.shift
    return replace(
        base,
        yaw=float(base.yaw + pose[0] + 0.05 * jitter[0]),
        pitch=float(base.pitch + 0.6 * pose[1] + 0.05 * jitter[1]),
        roll=float(base.roll + 0.6 * pose[2] + 0.03 * jitter[2]),
        shift=(x + 0.03 * jitter[3], y + 0.03 * jitter[4]),
        brightness=base.brightness * float(np.exp(0.12 * jitter[5])),
        # Motion blur: every few frames, one is badly blurred.
        blur=base.blur + max(0.0, 0.9 * float(jitter[6])),
        noise=base.noise + abs(5 * float(jitter[7])),
        occluder=occluder,
    )


def _write_csv(path: Path, header: tuple, rows: list[tuple]) -> None:
    with whole_file(path) as file:
        writer = csv.writer(file, lineterminator='\n')
        writer.writerow(header)
        writer.writerows(rows)
