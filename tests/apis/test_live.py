import cv2
import numpy as np
import pytest

pytest.importorskip('av')

from fer_ssl.apis import ExpressionInferencer  # noqa: E402
from fer_ssl.apis.live import LivePredictor, show_live  # noqa: E402
from fer_ssl.media.video_file import VideoFrame  # noqa: E402
from tests.helpers.drawn_face import draw_face  # noqa: E402
from tests.helpers.tiny_networks import (  # noqa: E402
    classifier,
    recognizer,
    write_checkpoint,
)
from tests.helpers.video_files import write_frames  # noqa: E402


@pytest.fixture(params=['classifier', 'temporal'])
def inferencer(request, tmp_path, write_videos):
    cfg = classifier()
    if request.param == 'temporal':
        cfg = recognizer(write_videos(dict(a='012')))
    path, _ = write_checkpoint(tmp_path / 'a.pth', cfg)
    return ExpressionInferencer(
        weights=path,
        show_progress=False,
        device='cpu',
        post_process=None,
        min_faces=1,
    )


@pytest.fixture
def images():
    """A face that becomes darker, and in the middle a frame without it."""
    images = [draw_face(background=40 + 10 * t) for t in range(9)]
    images[4] = np.full_like(images[0], 90)
    return images


def test_mean_over_the_past(inferencer, images):
    predictor = LivePredictor(inferencer, window=3)
    found = [
        predictor(VideoFrame(t + 1, t / 25, image))
        for t, image in enumerate(images)
    ]
    assert [x.num_faces for x in found] == [1] * 4 + [0] + [1] * 4
    assert [x.frames.tolist() for x in found] == [[t] for t in range(1, 10)]
    scores = np.concatenate([x.scores for x in found])
    smoothed = np.concatenate([x.smoothed_scores for x in found])
    for t in range(8):
        expected = scores[max(t - 2, 0) : t + 1].mean(axis=0)
        np.testing.assert_allclose(smoothed[t], expected, atol=1e-6)
    assert scores.std(axis=0).max() > 1e-3


def test_classifier_gives_the_scores_of_the_frames(tmp_path, images):
    path, _ = write_checkpoint(tmp_path / 'a.pth', classifier())
    inferencer = ExpressionInferencer(
        weights=path, show_progress=False, device='cpu'
    )
    predictor = LivePredictor(inferencer, window=0)
    live = [predictor(VideoFrame(1, 0.0, x)).smoothed_scores for x in images]
    stills = inferencer(images, return_datasamples=True)['predictions']
    for one, other in zip(live, stills):
        np.testing.assert_allclose(one, other.scores, atol=1e-6)


def test_calibration(inferencer, images):
    frame = VideoFrame(1, 0.0, images[0])
    (scores,) = LivePredictor(inferencer)(frame).scores
    inferencer.network.calibration = lambda scores: scores[:, ::-1]
    (calibrated,) = LivePredictor(inferencer)(frame).scores
    np.testing.assert_allclose(calibrated, scores[::-1], atol=1e-6)


def test_the_inferencer_can_be_used_meanwhile(inferencer, images):
    """Neither a still nor another predictor disturbs tracks and windows."""

    def run(others):
        predictor = LivePredictor(inferencer, window=3)
        other = LivePredictor(inferencer, window=3)
        for t, image in enumerate(images):
            if others:
                inferencer(image[:, ::-1])
                other(VideoFrame(1, 5.0 * t, image[::-1]))
            yield predictor(VideoFrame(t + 1, t / 25, image))

    for alone, among_others in zip(run(False), run(True)):
        assert alone.faces.tobytes() == among_others.faces.tobytes()
        np.testing.assert_allclose(
            alone.smoothed_scores, among_others.smoothed_scores, atol=1e-6
        )


def test_memory_of_tracks_that_have_ended(inferencer, images):
    predictor = LivePredictor(inferencer, window=3)
    for t in range(12):  # seconds apart and at different places
        face = draw_face((900, 1300), (200 + 400 * (t % 3), 160))
        predictor(VideoFrame(t + 1, 10.0 * t, face))
    assert len(predictor._latest) <= 2


class Window:
    """Replaces the windows of OpenCV."""

    def __init__(self, monkeypatch, key=-1, is_open=True):
        self.shown = []
        monkeypatch.setenv('DISPLAY', ':7')
        for name, function in dict(
            imshow=lambda _, image: self.shown.append(image.copy()),
            getWindowProperty=lambda *_: float(is_open),
            waitKey=lambda _: key,
            destroyAllWindows=lambda: None,
        ).items():
            monkeypatch.setattr(cv2, name, function)


def test_window(inferencer, images, tmp_path, monkeypatch):
    clip = write_frames(tmp_path / 'a.mp4', [x[..., ::-1] for x in images])
    window = Window(monkeypatch)
    show_live(inferencer, [clip])
    assert len(window.shown) == 9
    for shown, image in zip(window.shown, images):
        assert np.abs(shown - image.astype(int)).max() > 100  # drawn into
    for options in (dict(key=ord('q')), dict(key=27), dict(is_open=False)):
        window = Window(monkeypatch, **options)
        show_live(inferencer, [clip])
        assert len(window.shown) == 1


def test_errors(inferencer, tmp_path, monkeypatch):
    clip = write_frames(tmp_path / 'a.mp4', [draw_face()] * 2)
    cv2.imwrite(str(tmp_path / 'a.png'), draw_face())
    Window(monkeypatch)
    for wrong in ([str(tmp_path / 'a.png')], [clip, clip], [0, 1]):
        with pytest.raises(ValueError, match='only one webcam or one video'):
            show_live(inferencer, wrong)
    with pytest.raises(FileNotFoundError, match='none: no such file'):
        show_live(inferencer, ['none'])

    def refuse(*_):
        raise cv2.error('no GTK')

    monkeypatch.setattr(cv2, 'imshow', refuse)
    with pytest.raises(ValueError, match='no window can be shown'):
        show_live(inferencer, [clip])
    monkeypatch.setattr('sys.platform', 'linux')
    for name in ('DISPLAY', 'WAYLAND_DISPLAY'):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ValueError, match='no display .*web_demo'):
        show_live(inferencer, [clip])
