"""Intervals of a study of hand-written predictions."""

from pathlib import Path

import numpy as np
import pytest

from fer_ssl.evaluation import ImagePredictions
from fer_ssl.evaluation.bootstrap import interval
from fer_ssl.evaluation.seed_bootstrap import seed_bootstrap
from fer_ssl.experiments.score_intervals import (
    read_study_predictions,
    score_intervals,
)
from fer_ssl.utils.tables import write_csv
from tests.helpers.forked_script import run_script

TOOL = Path(__file__).parents[2] / 'tools/analysis/score_intervals.py'
CLASSES = ('x', 'y')
TRUTH = np.array([0, 1, 0, 1, 1, -1])
IMAGES = [f'{i}.png' for i in range(6)]
RUNS = {
    'supervised': ([0, 1, 0, 0, 1, 1], [0, 1, 1, 0, 1, 1]),
    '- views': ([0, 1, 0, 1, 1, 0], [0, 1, 0, 1, 1, 0]),
}


def write(path, predicted, truth=TRUTH, images=IMAGES, classes=CLASSES):
    scores = np.eye(len(classes))[predicted]
    ImagePredictions(images, classes, scores, truth).to_csv(path)


@pytest.fixture
def study(tmp_path):
    """A study of two rows, two columns and two seeds."""
    rows = []
    for row, runs in RUNS.items():
        for seed, predicted in enumerate(runs):
            folder = tmp_path / f'step_{row[0]}/seed{seed}'
            write(folder / 'prior.csv', predicted)
            for column in ('accuracy', 'UAR'):
                rows.append(
                    dict(
                        row=row,
                        column=column,
                        seed=seed,
                        score=column,
                        value=0.5,
                        folder=str(folder),
                    )
                )
    write_csv(tmp_path / 'study.csv', rows)
    return tmp_path / 'study.csv'


def expected_cells(of, against=None):
    predicted = {
        row: {str(s): np.array(x) for s, x in enumerate(runs)}
        for row, runs in RUNS.items()
    }
    scores = seed_bootstrap(TRUTH, predicted, CLASSES)
    cells = []
    for name in ('accuracy', 'macro_f1', 'uar'):
        score, sign = scores[of][name], ''
        if against:
            score, sign = score - scores[against][name], '+'
        low, high = interval(score.draws)
        cells.append(
            f'{score.mean:{sign}.2f} [{low:{sign}.2f}, {high:{sign}.2f}]'
        )
    return f'| {of} | {" | ".join(cells)} |'


def test_tables(study, tmp_path):
    out = tmp_path / 'new folder' / 'intervals.md'
    done = run_script(
        TOOL,
        study,
        '--file=prior.csv',
        '--against=supervised',
        '--out',
        out,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == out.read_text()
    lines = done.stdout.splitlines()
    assert lines == [
        '| method | accuracy | macro-F1 | UAR |',
        '| --- | ---: | ---: | ---: |',
        expected_cells('supervised'),
        expected_cells('- views'),
        '',
        'Difference to supervised:',
        '',
        '| method | accuracy | macro-F1 | UAR |',
        '| --- | ---: | ---: | ---: |',
        expected_cells('- views', 'supervised'),
        '',
        'Seeds 0, 1: mean in percent and 95% percentile interval of 2,000 '
        'resamples of seeds and images (bootstrap, seed 0; 5 annotated '
        'images).',
    ]
    assert '| supervised | 70.00 [' in lines[2]
    assert lines[3].startswith('| - views | 100.00 [100.00, 100.00] |')


def test_equal_rows_and_one_seed(study, tmp_path):
    lines = study.read_text().splitlines()
    one = [line for line in lines if not line.split(',')[2] == '1']
    study.write_text('\n'.join(one) + '\n')
    write(tmp_path / 'step_-/seed0/prior.csv', RUNS['supervised'][0])
    text = score_intervals(str(study), 'prior.csv', 'supervised')
    zero = '+0.00 [+0.00, +0.00]'
    assert f'| - views | {zero} | {zero} | {zero} |' in text
    assert 'Seed 0: mean in percent' in text
    assert '2,000 resamples of the images (' in text
    assert 'There is a single seed: only the images are drawn' in text


def test_rows_with_other_seeds(study):
    *lines, _, _ = study.read_text().splitlines()
    study.write_text('\n'.join(lines) + '\n')
    text = score_intervals(str(study), 'prior.csv')
    assert 'Seeds 0, 1 (supervised); 0 (- views): mean' in text
    assert 'There is a single seed of - views: only the images' in text


def test_a_study_that_was_moved(study, tmp_path):
    moved = tmp_path.with_name(f'{tmp_path.name}_moved')
    tmp_path.rename(moved)
    found = read_study_predictions(str(moved / 'study.csv'), 'prior.csv')
    assert list(found.predicted) == list(RUNS)
    moved.rename(tmp_path)


def fails(study, *options):
    done = run_script(TOOL, study, '--file=prior.csv', *options)
    assert done.returncode == 1 and done.stderr.count('\n') == 1
    return done.stderr


def test_errors_of_the_study(study, tmp_path):
    assert "no row 'B'; the rows are supervised, - views." in fails(
        study, '--against=B'
    )
    missing = tmp_path / 'step_s/seed1/prior.csv'
    missing.unlink()
    message = fails(study)
    assert f"row 'supervised', seed 1: there is no {missing}. Set " in message
    study.write_text('row,seed\n')
    assert 'study.csv:1: column folder is missing' in fails(study)
    study.write_text('row,seed,folder\n')
    assert 'study.csv: it has no rows. Run the study' in fails(study)
    study.unlink()
    message = fails(study)
    assert f'{study}: No such file' in message and 'data_root' not in message


@pytest.mark.parametrize(
    ('name', 'change'),
    [
        ('images', dict(images=IMAGES[::-1])),
        ('truths', dict(truth=1 - TRUTH.clip(0))),
        ('classes', dict(classes=('y', 'x'))),
    ],
)
def test_files_that_do_not_fit(study, tmp_path, name, change):
    path = tmp_path / 'step_-/seed0/prior.csv'
    write(path, [0] * 6, **change)
    first = tmp_path / 'step_s/seed0/prior.csv'
    message = f'{path}: the {name} are not those of {first}. All runs'
    with pytest.raises(ValueError, match=message):
        score_intervals(str(study), 'prior.csv')


def test_faulty_files(study, tmp_path):
    path = tmp_path / 'step_-/seed0/prior.csv'
    whole = path.read_text()
    path.write_text(whole[:-1])
    with pytest.raises(ValueError, match='prior.csv:7: the file ends without'):
        score_intervals(str(study), 'prior.csv')
    write(path, [0] * 6, truth=np.zeros((6, 2)))
    with pytest.raises(ValueError, match='it has targets such as valence'):
        score_intervals(str(study), 'prior.csv')
