from unittest.mock import patch

import numpy as np
import pytest

from fer_ssl.evaluation.face_predictions import FACE, FacePredictions
from fer_ssl.media.video_file import VideoFrame
from fer_ssl.visualization import (
    FaceOverlay,
    class_colors,
    face_overlay,
    plot_face_timeline,
)

CLASSES = ('neutral', 'anger', 'happiness')
BGR = [
    tuple(round(255 * x) for x in reversed(color))
    for color in class_colors(CLASSES)
]


def predictions(entries, num_frames=40, times=None):
    """``entries``: (frame, face, box, scores, smoothed)."""
    frames = np.arange(1, num_frames + 1)
    scores = np.array([x[3] for x in entries], np.float32).reshape(-1, 3)
    smoothed = scores.copy()
    for row, entry in zip(smoothed, entries):
        if row.argmax() != entry[4]:
            row[:] = np.eye(3)[entry[4]]
    return FacePredictions(
        'clip',
        CLASSES,
        frames,
        (frames - 1) / 10 if times is None else np.array(times),
        np.array([x[:3] for x in entries], FACE),
        scores,
        smoothed,
    )


def frame(number, size=(360, 480)):
    return VideoFrame(number, 0.0, np.full((*size, 3), 90, np.uint8))


def count(image, color):
    return int((image == color).all(axis=2).sum())


def test_overlay_of_a_face():
    box = (100, 100, 200, 200)
    overlay = FaceOverlay(predictions([(2, 1, box, (0.1, 0.3, 0.6), 2)]))
    shot = frame(2)
    overlay.draw(shot)
    assert tuple(shot.image[150, 100]) == BGR[2]  # side of the box
    assert tuple(shot.image[150, 150]) == (90, 90, 90)  # the face is free
    assert count(shot.image[80:99, 100:300], BGR[2]) > 500  # the label
    bar = shot.image[205, 100:200]
    widths = [int((bar == color).all(axis=1).sum()) for color in BGR]
    assert widths == [10, 30, 60]


def test_overlay_shows_the_smoothed_probabilities():
    found = predictions([(1, 1, (100, 100, 200, 200), (0.9, 0.1, 0), 0)])
    found.smoothed_scores = np.array([[0.2, 0.5, 0.3]], np.float32)
    shot = frame(1)
    FaceOverlay(found).draw(shot)
    bar = shot.image[205, 100:200]
    widths = [int((bar == color).all(axis=1).sum()) for color in BGR]
    assert widths == [20, 50, 30]
    with patch.object(face_overlay.cv2, 'putText') as put_text:
        FaceOverlay(found).draw(frame(1))
    assert '1 anger 50%' in [call.args[1] for call in put_text.mock_calls]


def test_overlay_without_a_face():
    overlay = FaceOverlay(predictions([(2, 1, (9, 9, 99, 99), (1, 0, 0), 0)]))
    empty, other = frame(1), frame(2)
    overlay.draw(empty)
    overlay.draw(other)
    corner = empty.image[8:20, 8:60]
    assert count(corner, (30, 30, 30)) > 200
    legend = empty.image[-1, :]
    for color in BGR:
        assert (legend == color).all(axis=1).sum() > 30


@pytest.mark.parametrize(
    'box',
    [
        (-50, -50, 40, 40),
        (450, 330, 600, 500),
        (0, 0, 480, 360),
        (10.4, 10.6, 10.9, 11.2),
    ],
)
@pytest.mark.parametrize('size', [(360, 480), (36, 48), (1080, 1920)])
def test_overlay_at_the_border(box, size):
    overlay = FaceOverlay(predictions([(1, 12, box, (0.2, 0.2, 0.6), 2)]))
    shot = frame(1, size)
    overlay.draw(shot)
    assert shot.image.shape == (*size, 3)
    assert count(shot.image, (90, 90, 90)) < size[0] * size[1]


def render(figure):
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]


def bands(figure):
    return [image.get_array()[0] for image in figure.axes[0].get_images()]


def test_timeline_has_a_row_per_face():
    box = (0, 0, 9, 9)
    entries = [(t, 1, box, np.eye(3)[t % 2], 1) for t in range(1, 21)]
    entries += [(t, 2, box, np.eye(3)[2], 2) for t in range(11, 41)]
    entries.sort(key=lambda x: x[:2])
    figure = plot_face_timeline(predictions(entries))
    labels = [x.get_text() for x in figure.axes[0].get_yticklabels()]
    assert labels == ['face 1', 'face 2']
    raw, smooth, _, second = bands(figure)
    colors = np.array(class_colors(CLASSES))
    half = len(smooth) // 2
    assert np.allclose(smooth[:half], colors[1])
    assert np.allclose(smooth[half:], 1)  # not seen any more
    assert np.allclose(second[: half // 2], 1)
    assert np.allclose(second[half // 2 :], colors[2])
    step = len(raw) // 40
    middles = raw[step // 2 : half : step]
    assert np.allclose(middles, colors[[1, 0] * 10])
    assert render(figure).std() > 0


def test_timeline_goes_by_seconds_and_not_by_frames():
    """The second frame lasts nine tenths of the time."""
    box = (0, 0, 9, 9)
    entries = [(t + 1, 1, box, np.eye(3)[t], t) for t in range(3)]
    figure = plot_face_timeline(predictions(entries, 3, times=[0, 0.5, 9.5]))
    (_, smooth) = bands(figure)
    colors = np.array(class_colors(CLASSES))
    fractions = [np.isclose(smooth, c).all(axis=1).mean() for c in colors]
    end = 9.5 + 9.5 / 2  # the last one lasts as long as the mean
    np.testing.assert_allclose(
        fractions, np.array([0.5, 9, end - 9.5]) / end, atol=1e-3
    )


def test_timeline_without_faces_and_with_very_many():
    figure = plot_face_timeline(predictions([]))
    assert 'no face' in figure.axes[0].get_title(loc='left')
    render(figure)
    entries = [(t, t, (0, 0, 9, 9), (1, 0, 0), 0) for t in range(1, 61)] + [
        (61, 60, (0, 0, 9, 9), (1, 0, 0), 0)
    ]
    figure = plot_face_timeline(predictions(entries, 61))
    assert '40 of 60 faces' in figure.axes[0].get_title(loc='left')
    labels = [x.get_text() for x in figure.axes[0].get_yticklabels()]
    assert labels[-1] == 'face 60' and len(labels) == 40
    render(figure)


def test_timeline_of_faces_too_short_to_see():
    """Three of 2,000 columns, here 6 of 4,000 frames."""
    box, scores = (0, 0, 9, 9), (1, 0, 0)
    lengths = {1: 3000, 2: 5, 3: 6}
    entries = [
        (t, face, box, scores, 0)
        for face, length in lengths.items()
        for t in range(1, length + 1)
    ]
    entries.sort(key=lambda x: x[:2])
    figure = plot_face_timeline(predictions(entries, 4000))
    labels = [x.get_text() for x in figure.axes[0].get_yticklabels()]
    assert labels == ['face 1', 'face 3']
    entry = (1, 1, box, scores, 0)  # but the longest of all
    figure = plot_face_timeline(predictions([entry], 4000))
    assert len(figure.axes[0].get_yticklabels()) == 1


def test_timeline_of_a_name_like_a_formula():
    entry = (1, 1, (0, 0, 9, 9), (1, 0, 0), 0)
    found = predictions([entry], 1)
    found.video = 'cash_$5_to_$10'
    figure = plot_face_timeline(found)
    render(figure)
    titles = [axes.get_title(loc='left') for axes in figure.axes]
    assert any('5_to_' in title.replace('\\', '') for title in titles)


def test_timeline_of_one_frame():
    entry = (1, 1, (0, 0, 9, 9), (1, 0, 0), 0)
    figure = plot_face_timeline(predictions([entry], 1))
    render(figure)
    (_, smooth) = bands(figure)
    color = class_colors(CLASSES)[0]
    assert np.isclose(smooth, color).all(axis=1).all()
