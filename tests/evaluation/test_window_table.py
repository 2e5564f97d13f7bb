import numpy as np
import pytest

from fer_ssl.evaluation import VideoPredictions
from fer_ssl.evaluation.window_table import WindowTable

VIDEOS = {'a': [0] * 40, 'b': [-1] * 7, 'c': [1] * 25}


@pytest.fixture
def windows():
    """23 overlapping windows of 1 to 6 frames, some of which do not count."""
    rng = np.random.default_rng(0)
    result = []
    for number in range(23):
        name = 'ac'[number % 2]
        size = int(rng.integers(1, 7))
        window = dict(
            video=name,
            start=int(rng.integers(len(VIDEOS[name]) - size + 1)),
            scores=rng.random((size, 2), dtype=np.float32),
        )
        if number % 3:
            window['valid'] = rng.random(size) < 0.7
        result.append(window)
    return result


@pytest.mark.parametrize('ranks', [1, 2, 3, 30])
def test_windows_of_several_ranks_keep_their_order(windows, ranks):
    """23 windows are not divided evenly; with 30 ranks, 7 have none."""
    parts = [
        WindowTable.from_windows(windows[rank::ranks], 2)
        for rank in range(ranks)
    ]
    table = WindowTable.in_turn(parts)
    window, place = table.places()
    for number, expected in enumerate(windows):
        own = window == number
        assert table.videos[table.video[number]] == expected['video']
        assert table.start[number] == expected['start']
        assert place[own].tolist() == list(range(len(expected['scores'])))
        np.testing.assert_array_equal(table.scores[own], expected['scores'])
        valid = expected.get('valid', np.ones(own.sum()))
        np.testing.assert_array_equal(table.valid[own], valid)


@pytest.mark.parametrize('weights', ['uniform', 'triangular'])
def test_sums_equal_those_of_one_window_after_another(windows, weights):
    """Bit by bit, as the order of the additions is the same."""
    videos = VideoPredictions.from_windows(windows, VIDEOS, 'xy', weights)
    for name, labels in VIDEOS.items():
        sums, mass = np.zeros((len(labels), 2)), np.zeros(len(labels))
        for window in windows:
            size = len(window['scores'])
            ramp = np.arange(1.0, size + 1)
            weight = np.minimum(ramp, ramp[::-1])
            if weights == 'uniform':
                weight = np.ones(size)
            for i in np.flatnonzero(window.get('valid', np.ones(size))):
                if window['video'] == name:
                    frame = window['start'] + i
                    sums[frame] += weight[i] * np.float64(window['scores'][i])
                    mass[frame] += weight[i]
        known = mass > 0
        np.testing.assert_array_equal(videos[name].has_face, known)
        np.testing.assert_array_equal(
            videos[name].scores[known],
            (sums[known] / mass[known, None]).astype(np.float32),
        )


def test_another_number_of_columns():
    window = dict(video='a', start=0, scores=np.zeros((4, 3)))
    with pytest.raises(ValueError, match=r'a: .* \(4, 3\), .* 2 columns'):
        WindowTable.from_windows([window], 2)
