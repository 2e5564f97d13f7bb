import numpy as np
import pytest

from fer_ssl.evaluation import VideoPrediction, VideoPredictions
from fer_ssl.evaluation.ensemble import average_predictions


def predictions(lengths, offset=0.0, classes=('a', 'b')):
    return VideoPredictions(
        (
            VideoPrediction(
                name,
                np.arange(2.0 * length).reshape(length, 2) + offset,
                labels=np.zeros(length, dtype=np.int64),
            )
            for name, length in lengths.items()
        ),
        classes,
    )


def test_mean_of_every_frame():
    mean = average_predictions(
        [predictions(dict(x=2, y=3)), predictions(dict(y=3, x=2), offset=1)]
    )
    assert [video.name for video in mean] == ['x', 'y']
    np.testing.assert_allclose(mean['x'].scores, [[0.5, 1.5], [2.5, 3.5]])
    np.testing.assert_array_equal(mean['y'].labels, [0, 0, 0])


@pytest.mark.parametrize(
    'other, message',
    [
        (predictions(dict(x=3)), 'video x: it is missing .* length differs'),
        (predictions(dict(x=2, z=2)), 'video z: it is missing'),
        (predictions(dict(x=2), classes=('b', 'a')), 'cannot be averaged'),
    ],
)
def test_predictions_of_other_videos(other, message):
    with pytest.raises(ValueError, match=message):
        average_predictions([predictions(dict(x=2)), other])
