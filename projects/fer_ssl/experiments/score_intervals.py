"""Intervals of the scores of a study, over its seeds and the images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..evaluation import ImagePredictions
from ..evaluation.bootstrap import LEVEL, RESAMPLES, SEED, interval
from ..evaluation.seed_bootstrap import ResampledScore, seed_bootstrap
from ..labels import IGNORE_LABEL
from ..utils.tables import markdown_table, shown_cell
from ..utils.text_rows import csv_dicts

#: Titles of the columns, and the names of their scores.
COLUMNS = {'accuracy': 'accuracy', 'macro-F1': 'macro_f1', 'UAR': 'uar'}


@dataclass
class StudyPredictions:
    """Predictions of all runs of a study for the same N images.

    Attributes:
        classes: Names of the classes.
        truth: Class of each image, (N,); -1 = not annotated.
        predicted: Predicted classes (N,) by row of the study and seed.
    """

    classes: tuple[str, ...]
    truth: np.ndarray
    predicted: dict[str, dict[str, np.ndarray]]


def read_study_predictions(study: str, file: str) -> StudyPredictions:
    """Read the predictions of each row and seed of a study.

    Args:
        study: ``NAME.csv`` of the study.
        file: Name of the file of predictions in the folder of each run.

    Raises:
        FileNotFoundError: If there is no such study, or a run has no such
            file.
        ValueError: If a file is faulty, or two files have different images,
            truths or classes.
    """
    first: ImagePredictions | None = None
    first_path = None
    predicted: dict[str, dict[str, np.ndarray]] = {}
    for (row, seed), path in _files_of_runs(study, file).items():
        found = ImagePredictions.from_csv(str(path))
        if found.labels.ndim == 2:
            raise ValueError(
                f'{path}: it has targets such as valence and arousal, but '
                'these intervals are for classes. Name a file of '
                'MacroF1Metric(out_file=...).'
            )
        if first is None:
            first, first_path = found, path
        for name, same in (
            ('classes', found.classes == first.classes),
            ('images', found.images == first.images),
            ('truths', np.array_equal(found.labels, first.labels)),
        ):
            if not same:
                raise ValueError(
                    f'{path}: the {name} are not those of {first_path}. All '
                    'runs must predict the same images in the same order: '
                    'run the study with one data set for all rows and seeds.'
                )
        predicted.setdefault(row, {})[seed] = found.predicted
    return StudyPredictions(first.classes, first.labels, predicted)


def _files_of_runs(study: str, file: str) -> dict[tuple[str, str], Path]:
    """Return the file of predictions of each row and seed of a study."""
    # If there is no such file, csv_dicts would advise to set data_root.
    open(study, 'rb').close()
    folders: dict[tuple[str, str], dict[Path, None]] = {}
    for _, cells in csv_dicts(study, ('row', 'seed', 'folder')):
        row = cells['row']
        if row.startswith("'") and shown_cell(row[1:]) == row:
            row = row[1:]  # the apostrophe of write_csv
        runs = folders.setdefault((row, cells['seed']), {})
        runs[_moved(Path(cells['folder']), Path(study).parent)] = None
    if not folders:
        raise ValueError(f'{study}: it has no rows. Run the study first.')
    paths = {}
    for (row, seed), runs in folders.items():
        files = [x / file for x in runs if (x / file).is_file()]
        place = f'{study}: row {row!r}, seed {seed}'
        if not files:
            tried = ' or '.join(str(x / file) for x in runs)
            raise FileNotFoundError(
                f'{place}: there is no {tried}. Set out_file of an evaluator '
                'of the study, such as val_evaluator.1.out_file, to '
                f'{Path(file).name}, and run the study to its end.'
            )
        if len(files) > 1:
            raise ValueError(
                f'{place}: {files[0]} and {files[1]} exist, and nothing says '
                'which one counts. Use another name in one of the steps.'
            )
        (paths[row, seed],) = files
    return paths


def _moved(folder: Path, new: Path) -> Path:
    """Find a folder that was moved, or is relative to where a study ran.

    Args:
        folder: The folder as the study wrote it.
        new: Where the results of the study are now.
    """
    if not folder.is_dir():
        for i in range(len(folder.parts)):
            found = new.joinpath(*folder.parts[i:])
            if found.is_dir():
                return found
    return folder


def score_intervals(study: str, file: str, against: str | None = None) -> str:
    """Compute the scores of each row of a study with their intervals.

    Args:
        study, file: See :func:`read_study_predictions`.
        against: Row to which the differences of all others are given.

    Returns:
        Markdown: a table of scores in percent, a table of differences if
        ``against`` is given, and what the intervals mean.

    Raises:
        FileNotFoundError: See :func:`read_study_predictions`.
        ValueError: Also if the study has no row ``against``.
    """
    runs = read_study_predictions(study, file)
    if against is not None and against not in runs.predicted:
        raise ValueError(
            f'{study}: there is no row {against!r}; the rows are '
            f'{", ".join(runs.predicted)}.'
        )
    scores = seed_bootstrap(runs.truth, runs.predicted, runs.classes)
    head = ['method', *COLUMNS]
    lines = [
        [row, *(_cell(own[key]) for key in COLUMNS.values())]
        for row, own in scores.items()
    ]
    text = [markdown_table(head, lines)]
    if against is not None:
        other = scores.pop(against)
        lines = [
            [row, *(_cell(own[x] - other[x], '+') for x in COLUMNS.values())]
            for row, own in scores.items()
        ]
        text += [f'Difference to {against}:', markdown_table(head, lines)]
    return '\n\n'.join([*text, _notes(runs)]) + '\n'


def _cell(score: ResampledScore, sign: str = '') -> str:
    # The sum with 0.0 turns -0.0 into 0.0.
    mean, low, high = (
        f'{round(x, 2) + 0.0:{sign}.2f}'
        for x in (score.mean, *interval(score.draws))
    )
    return f'{mean} [{low}, {high}]'


def _notes(runs: StudyPredictions) -> str:
    """State what was drawn."""
    num_images = int((runs.truth != IGNORE_LABEL).sum())
    seeds = {row: ', '.join(own) for row, own in runs.predicted.items()}
    single = [row for row, own in runs.predicted.items() if len(own) == 1]
    if len(set(seeds.values())) == 1:
        word = 'Seed' if single else 'Seeds'
        text = f'{word} {next(iter(seeds.values()))}'
    else:
        listed = '; '.join(f'{own} ({row})' for row, own in seeds.items())
        text = f'Seeds {listed}'
    drawn = 'the images' if len(single) == len(seeds) else 'seeds and images'
    text += (
        f': mean in percent and {LEVEL:.0%} percentile interval of '
        f'{RESAMPLES:,} resamples of {drawn} (bootstrap, seed {SEED}; '
        f'{num_images:,} annotated images).'
    )
    if single:
        rows = '' if len(single) == len(seeds) else f' of {", ".join(single)}'
        text += (
            f' There is a single seed{rows}: only the images are drawn, and '
            'the interval does not include the variation between trainings.'
        )
    return text
