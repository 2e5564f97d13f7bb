import time

import numpy as np
import pytest
from mmengine.registry import TASK_UTILS
from scipy.stats import mode

from fer_ssl.evaluation import (
    MajoritySmoothing,
    ProbabilitySmoothing,
    build_post_processor,
)


def random_scores(num_frames, num_classes=4, seed=0):
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.ones(num_classes), num_frames)


def window_of(frame, window, num_frames):
    """Frames of the centered window, cut at the ends of the video."""
    first = frame - window // 2
    return slice(max(first, 0), min(first + window, num_frames))


def naive_sliding(labels, window):
    return [
        mode(labels[window_of(t, window, len(labels))]).mode
        for t in range(len(labels))
    ]


def naive_block(labels, window):
    smoothed = labels.copy()
    for start in range(0, len(labels), window):
        block = slice(start, start + window)
        smoothed[block] = mode(labels[block]).mode
    return smoothed


@pytest.mark.parametrize('num_frames', [1, 2, 29, 30, 31, 200])
@pytest.mark.parametrize('window', [1, 2, 5, 30])
@pytest.mark.parametrize(
    'name, reference', [('sliding', naive_sliding), ('block', naive_block)]
)
def test_majority_equals_naive_reference(num_frames, window, name, reference):
    scores = random_scores(num_frames, seed=num_frames * window)
    shares = MajoritySmoothing(window, name)(scores)
    np.testing.assert_array_equal(
        shares.argmax(axis=1), reference(scores.argmax(axis=1), window)
    )
    np.testing.assert_allclose(shares.sum(axis=1), 1)


def test_even_window_reaches_further_back():
    scores = np.zeros((100, 2))
    scores[:, 0] = 0.5
    scores[50, 1] = 1
    voters = MajoritySmoothing(30)(scores)[:, 1] > 0
    # frame 50 votes for the windows of frames 36 (36 + 14) to 65 (65 - 15)
    np.testing.assert_array_equal(np.flatnonzero(voters), range(36, 66))


def test_majority_ties_go_to_the_smallest_class():
    scores = np.eye(3)[[2, 2, 1, 1]]
    for name in ('sliding', 'block'):
        smoothed = MajoritySmoothing(4, name)(scores)
        assert smoothed.argmax(axis=1)[2] == 1


@pytest.mark.parametrize('num_frames', [1, 50, 51, 101, 300])
@pytest.mark.parametrize('window', [1, 4, 101])
def test_probability_smoothing_equals_naive_reference(num_frames, window):
    scores = random_scores(num_frames, seed=num_frames + window)
    expected = [
        scores[window_of(t, window, num_frames)].mean(axis=0)
        for t in range(num_frames)
    ]
    np.testing.assert_allclose(ProbabilitySmoothing(window)(scores), expected)


def test_window_one_changes_nothing():
    scores = random_scores(20)
    np.testing.assert_allclose(ProbabilitySmoothing(1)(scores), scores)
    for name in ('sliding', 'block'):
        np.testing.assert_array_equal(
            MajoritySmoothing(1, name)(scores).argmax(axis=1),
            scores.argmax(axis=1),
        )


@pytest.mark.parametrize(
    'smoothing',
    [
        MajoritySmoothing(),
        MajoritySmoothing(mode='block'),
        ProbabilitySmoothing(),
    ],
    ids=repr,
)
def test_a_million_frames_take_about_a_second(smoothing):
    scores = np.random.default_rng(0).random((1_000_000, 8), np.float32)
    start = time.process_time()
    smoothing(scores)
    # ten times what one core of a small server needs
    assert time.process_time() - start < 5


def test_registered_and_chained():
    cfgs = [
        dict(type='ProbabilitySmoothing', window=5),
        dict(type='MajoritySmoothing', window=3, mode='block'),
    ]
    scores = random_scores(40)
    chain = build_post_processor(cfgs)
    expected = MajoritySmoothing(3, 'block')(ProbabilitySmoothing(5)(scores))
    np.testing.assert_array_equal(chain(scores), expected)
    assert TASK_UTILS.get('MajoritySmoothing') is MajoritySmoothing
    assert build_post_processor(None) is None
    assert build_post_processor([]) is None
    assert build_post_processor(np.sqrt) is np.sqrt


def test_errors():
    with pytest.raises(ValueError, match="'sliding' or 'block', got center"):
        MajoritySmoothing(mode='center')
    for smoothing in (MajoritySmoothing, ProbabilitySmoothing):
        for window in (0, -3, 2.5):
            with pytest.raises(ValueError, match='number of frames'):
                smoothing(window)
