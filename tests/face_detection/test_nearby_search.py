import cv2
import numpy as np
import pytest

import fer_ssl  # noqa: F401
from fer_ssl.face_detection import (
    Face,
    HaarDetector,
    ImageFaceDetector,
    NearbySearch,
)
from fer_ssl.media.video_file import VideoFrame

SIDE = 20


class WhiteSquares(ImageFaceDetector):
    """Finds white squares, and remembers how large the images were."""

    def __init__(self, detect_size=640):
        super().__init__(detect_size)
        self.seen = []

    def __call__(self, image, min_size=0.0):
        self.seen.append((image.shape[:2], min_size))
        white = (image[..., 0] > 128).astype(np.uint8)
        _, _, stats, _ = cv2.connectedComponentsWithStats(white)
        return [
            Face((x, y, x + w, y + h), 1.0)
            for x, y, w, h, _ in stats[1:].tolist()
            if min(w, h) >= min_size
        ]


def frame(number, *corners, size=(120, 160), side=SIDE):
    image = np.zeros((*size, 3), np.uint8)
    for x, y in corners:
        image[y : y + side, x : x + side] = 255
    return VideoFrame(number, number / 25, image)


def boxes(faces):
    return [face.box for face in faces]


def at(x, y, side=SIDE):
    return x, y, x + side, y + side


def test_a_face_that_moves():
    """Every fifth frame is searched in full, others near the face only."""
    search = NearbySearch(WhiteSquares(), every=5)
    for number in range(1, 12):
        corner = 30 + 5 * number, 40 + 2 * number
        found = search.find(frame(number, corner), 'a')
        assert boxes(found) == [at(*corner)]
    whole, near = ((120, 160), 0.0), ((40, 40), 14.0)
    expected = [near] * 11
    expected[0] = expected[5] = expected[10] = whole
    assert search.detector.seen == expected


def test_at_the_border():
    search = NearbySearch(WhiteSquares(), every=9)
    for number, corner in enumerate([(3, 2), (0, 0), (2, 4)], start=1):
        assert boxes(search.find(frame(number, corner), 'a')) == [at(*corner)]
    for number, corner in enumerate([(130, 95), (140, 100)], start=4):
        search.find(frame(number, corner), 'b')
    assert boxes(search._faces) == [at(140, 100)]


def test_scale_of_the_detector():
    """A region is downscaled by the same factor as a full frame."""
    search = NearbySearch(WhiteSquares(detect_size=80), every=9)
    for number in (1, 2):
        found = search.find(frame(number, (40, 40)), 'a')
        np.testing.assert_allclose(boxes(found), [at(40, 40)])
    assert search.detector.seen == [((60, 80), 0.0), ((20, 20), 7.0)]


def test_nothing_is_lost_where_a_face_jumps_or_leaves():
    search = NearbySearch(WhiteSquares(), every=100)
    corners = [[(10, 10)], [(100, 60)], [], [(20, 20)], [(22, 22)]]
    for number, current in enumerate(corners, start=1):
        found = search.find(frame(number, *current), 'a')
        assert boxes(found) == [at(*corner) for corner in current]
    sizes = [shape for shape, _ in search.detector.seen]
    # The second frame is first searched near the previous face.
    assert sizes.count((120, 160)) == 4
    assert sizes[-1] == (40, 40)


def test_new_face_beside_another():
    search = NearbySearch(WhiteSquares(), every=4)
    counts = []
    for number in range(1, 7):
        corners = [(10, 10), (100, 60)][: 1 if number < 3 else 2]
        counts.append(len(search.find(frame(number, *corners), 'a')))
    assert counts == [1, 1, 1, 1, 2, 2]


def test_two_faces_that_meet():
    """Regions contain both faces, but each track keeps its own."""
    search = NearbySearch(WhiteSquares(), every=100)
    for number, x in enumerate((60, 56, 52), start=1):
        found = search.find(frame(number, (30, 40), (x, 40)), 'a')
        assert sorted(boxes(found)) == [at(30, 40), at(x, 40)]
    assert len(search.detector.seen) == 1 + 2 + 2


def test_two_tracks_that_find_one_face():
    search = NearbySearch(WhiteSquares(), every=100)
    assert len(search.find(frame(1, (30, 40), (54, 40)), 'a')) == 2
    # Both tracks find the same face, so the full frame is searched.
    found = search.find(frame(2, (42, 40), side=22), 'a')
    assert boxes(found) == [at(42, 40, 22)]
    assert search.detector.seen[-1][0] == (120, 160)


@pytest.mark.parametrize('number, video', [(2, 'b'), (3, 'a'), (1, 'a')])
def test_other_video_or_no_neighbor(number, video):
    search = NearbySearch(WhiteSquares(), every=9)
    search.find(frame(1, (40, 40)), 'a')
    search.find(frame(number, (40, 40)), video)
    assert [shape for shape, _ in search.detector.seen] == [(120, 160)] * 2


def test_other_size_in_the_middle():
    search = NearbySearch(WhiteSquares(), every=9)
    search.find(frame(1, (130, 90)), 'a')
    found = search.find(frame(2, (10, 10), size=(48, 64)), 'a')
    assert boxes(found) == [at(10, 10)]
    assert search.detector.seen[-1][0] == (48, 64)


def test_every_frame():
    search = NearbySearch(dict(type='HaarDetector'), every=1)
    assert isinstance(search.detector, HaarDetector)
    search = NearbySearch(WhiteSquares(), every=1)
    for number in (1, 2, 3):
        search.find(frame(number, (40, 40)), 'a')
    assert [shape for shape, _ in search.detector.seen] == [(120, 160)] * 3
    with pytest.raises(ValueError, match='every=0'):
        NearbySearch(WhiteSquares(), every=0)


def test_cascade_leaves_small_faces_out():
    """The cascade is asked only for faces of at least this side."""
    asked = []
    detector = HaarDetector()

    class Cascade:
        def detectMultiScale3(self, image, **kwargs):  # noqa: N802
            asked.append(kwargs['minSize'])
            return (), (), ()

    detector._cascade = Cascade()
    image = np.zeros((300, 400, 3), np.uint8)
    assert detector(image) == detector(image, 70.9) == detector(image, 9) == []
    assert asked == [(30, 30), (70, 70), (30, 30)]
