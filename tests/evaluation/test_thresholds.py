"""Thresholds of action units against exhaustive search."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import f1_score

from fer_ssl.evaluation import VideoPrediction, VideoPredictions
from fer_ssl.evaluation.thresholds import (
    best_thresholds,
    held_out_f1,
    mean_f1,
    stack_frames,
)
from fer_ssl.labels import ABAW_ACTION_UNITS
from tests.helpers.forked_script import run_script

ROOT = Path(__file__).parents[2]
TOOL = ROOT / 'tools' / 'analysis' / 'tune_thresholds.py'
SUBMISSION = ROOT / 'tools' / 'abaw' / 'make_submission.py'


def random_set(size, rng, decimals=None):
    """Truth and scores of 12 units, the rare ones with low scores."""
    base = np.linspace(0.05, 0.6, 12)
    truth = (rng.random((size, 12)) < base).astype(int)
    scores = 0.4 * truth + base / 2 + 0.3 * rng.random((size, 12))
    truth[rng.random((size, 12)) < 0.2] = -1
    if decimals is not None:
        scores = scores.round(decimals)
    return truth, scores.astype(np.float32).clip(0, 1)


def f1_at(truth, scores, threshold):
    known = truth != -1
    return f1_score(truth[known], scores[known] > threshold, zero_division=0)


@pytest.mark.parametrize('decimals', [None, 2, 1, 0])
def test_no_threshold_is_better(decimals):
    rng = np.random.default_rng(0)
    truth, scores = random_set(150, rng, decimals)
    thresholds = best_thresholds(truth, scores)
    for t, s, threshold in zip(truth.T, scores.T, thresholds):
        found = f1_at(t, s, threshold)
        everything = [-1, *np.unique(s), *np.linspace(0, 1, 101)]
        best = max(f1_at(t, s, other) for other in everything)
        assert found == pytest.approx(best)
    expected = 100 * np.mean(
        [f1_at(t, s, x) for t, s, x in zip(truth.T, scores.T, thresholds)]
    )
    assert mean_f1(truth, scores, thresholds) == pytest.approx(expected)
    assert mean_f1(truth, scores, thresholds) >= mean_f1(truth, scores, 0.5)


def test_what_cannot_be_tuned():
    scores = np.array([[0.9, 0.9, 0.0], [0.1, 0.1, 0.0]])
    truth = np.array([[0, -1, 1], [0, -1, 1]])
    thresholds = best_thresholds(truth, scores)
    assert thresholds[:2].tolist() == [0.5, 0.5]
    # Every frame is active although no score is above zero.
    assert f1_at(truth[:, 2], scores[:, 2], thresholds[2]) == 1


def test_equal_scores_are_not_told_apart():
    truth, scores = np.array([[1], [0], [0], [0]]), np.full((4, 1), 0.7)
    (threshold,) = best_thresholds(truth, scores)
    assert f1_at(truth[:, 0], scores[:, 0], threshold) == pytest.approx(0.4)


def test_held_out_scores_are_of_other_thresholds():
    rng = np.random.default_rng(1)
    parts = [random_set(80, rng) for _ in range(3)]
    sets = [predictions(f'v{i}', *part) for i, part in enumerate(parts)]
    found = held_out_f1(sets)
    for i, (truth, scores) in enumerate(parts):
        others = [part for j, part in enumerate(parts) if j != i]
        thresholds = best_thresholds(*map(np.concatenate, zip(*others)))
        assert found[i] == mean_f1(truth, scores, thresholds)


def predictions(name, truth, scores, classes=ABAW_ACTION_UNITS):
    video = VideoPrediction(name, scores, labels=truth)
    return VideoPredictions([video], classes)


def test_predictions_that_cannot_be_used():
    truth, scores = random_set(5, np.random.default_rng(0))
    with pytest.raises(ValueError, match='video a: .* no truth of action uni'):
        stack_frames([predictions('a', None, scores)])
    one = predictions('a', truth, scores)
    other = predictions('a', truth, scores, ABAW_ACTION_UNITS[::-1])
    with pytest.raises(ValueError, match='of different action units'):
        stack_frames([one, other])


def test_tool_writes_what_a_submission_takes(tmp_path):
    rng = np.random.default_rng(2)
    parts = [random_set(90, rng) for _ in range(2)]
    paths = [tmp_path / f'fold{i}.csv' for i in range(2)]
    for i, (path, part) in enumerate(zip(paths, parts)):
        predictions(f'v{i}', *part).to_csv(str(path))
    out = tmp_path / 'thresholds.txt'
    result = run_script(TOOL, *paths, '--out', out)
    assert result.returncode == 0, result.stderr
    texts = out.read_text().split()
    assert f'threshold=[{", ".join(texts)}]' in result.stdout
    truth, scores = map(np.concatenate, zip(*parts))
    written = np.array(texts, float)
    np.testing.assert_allclose(
        written, best_thresholds(truth, scores), rtol=1e-5
    )
    assert f'tuned: {mean_f1(truth, scores, written):.2f}' in result.stdout
    assert result.stdout.count('tuned on the other files') == 2

    test = predictions('video9', *parts[0])
    test.to_csv(str(tmp_path / 'test.csv'))
    (tmp_path / 'list.txt').write_text('video9,90\n')
    submission = tmp_path / 'submission.txt'
    result = run_script(
        SUBMISSION,
        tmp_path / 'test.csv',
        tmp_path / 'list.txt',
        '--track',
        'AU',
        '--out',
        submission,
        '--threshold',
        *texts,
    )
    assert result.returncode == 0, result.stderr
    rows = [x.split(',')[1:] for x in submission.read_text().split()[1:]]
    np.testing.assert_array_equal(np.array(rows, int), parts[0][1] > written)


def test_tool_names_what_is_wrong(tmp_path):
    result = run_script(TOOL, tmp_path / 'none.csv')
    assert result.returncode == 2 and 'none.csv' in result.stderr
