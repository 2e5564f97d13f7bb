import numpy as np
import pytest
from mmengine.registry import TASK_UTILS

import fer_ssl  # noqa: F401
from fer_ssl.face_detection.iou_tracker import IoUTracker, iou


def box(x, y=50, side=20):
    return (x - side / 2, y - side / 2, x + side / 2, y + side / 2)


def follow(paths, step=0.04, seed=0, **settings):
    """Track paths, and return the track IDs (T,) of each.

    A path has the position at each time, None where the face is not seen. The
    order of the boxes changes from frame to frame, as with a detector.
    """
    tracker = IoUTracker(**settings)
    rng = np.random.default_rng(seed)
    found = [[] for _ in paths]
    for t, places in enumerate(zip(*paths)):
        seen = [i for i, place in enumerate(places) if place is not None]
        seen = rng.permutation(seen).astype(int).tolist()
        boxes = [box(*np.atleast_1d(places[i])) for i in seen]
        track_ids = dict(zip(seen, tracker.update(boxes, t * step)))
        for i, path in enumerate(found):
            path.append(track_ids.get(i))
    return found


def test_two_faces_keep_their_track_ids():
    a, b = follow([range(20, 60), range(100, 140)])
    assert len(set(a)) == len(set(b)) == 1 and a[0] != b[0]


@pytest.mark.parametrize('height', [0, 4])
def test_faces_that_cross(height):
    """They overlap in the middle; only the speed tells them apart."""
    right = [(20 + 2 * t, 50) for t in range(50)]
    left = [(119 - 2 * t, 50 + height) for t in range(50)]
    a, b = follow([right, left])
    assert len(set(a)) == len(set(b)) == 1 and a[0] != b[0]


def test_one_face_hidden_while_they_cross():
    right = [20 + 2 * t for t in range(50)]
    left = [119 - 2 * t if not 22 <= t < 28 else None for t in range(50)]
    a, b = follow([right, left])
    assert set(b) - {None} == {b[0]} and len(set(a)) == 1 and a[0] != b[0]


def test_gap():
    path = [50] * 5 + [None] * 10 + [50] * 5
    (track_ids,) = follow([path], max_gap=0.5)
    assert track_ids == [1] * 5 + [None] * 10 + [1] * 5
    (track_ids,) = follow([path], max_gap=0.3)
    assert track_ids == [1] * 5 + [None] * 10 + [2] * 5


def test_frames_further_apart_than_the_gap():
    (track_ids,) = follow([[50] * 4], step=2.0)
    assert track_ids == [1] * 4
    (track_ids,) = follow([[50, None, 50]], step=2.0)
    assert track_ids == [1, None, 2]


def test_a_moving_face_continues_behind_an_obstacle():
    path = [20 + 4 * t if not 10 <= t < 16 else None for t in range(30)]
    (track_ids,) = follow([path])
    assert set(track_ids) == {1, None}


def test_far_jump_is_another_face():
    (track_ids,) = follow([[20] * 3 + [90] * 3])
    assert track_ids == [1, 1, 1, 2, 2, 2]


def test_best_of_all_and_not_the_first_that_fits():
    tracker = IoUTracker()
    first = tracker.update([box(50), box(60)], 0)
    assert tracker.update([box(57), box(47)], 0.04) == first[::-1]


def test_live_and_reset():
    tracker = IoUTracker(max_gap=0.1)
    tracker.update([box(50), box(100)], 0)
    tracker.update([box(50)], 0.1)
    assert tracker.live == {1, 2}
    tracker.update([box(50)], 0.2)
    assert tracker.live == {1}
    tracker.reset()
    assert tracker.live == set()
    assert tracker.update([box(50)], 0) == [1]


def test_no_faces():
    tracker = IoUTracker()
    assert tracker.update([], 0) == []
    assert tracker.update([box(50)], 1) == [1]
    assert tracker.update([], 1.1) == []


def test_iou():
    a = np.array([[0, 0, 2, 2], [5, 5, 6, 6.0]])
    b = np.array([[1, 0, 3, 2], [0, 0, 2, 2], [7, 7, 8, 8.0]])
    np.testing.assert_allclose(iou(a, b), [[1 / 3, 1, 0], [0, 0, 0]])
    assert iou(a, np.zeros((0, 4))).shape == (2, 0)


def test_settings():
    assert isinstance(TASK_UTILS.build(dict(type='IoUTracker')), IoUTracker)
    with pytest.raises(ValueError, match='min_iou=0'):
        IoUTracker(min_iou=0)
    with pytest.raises(ValueError, match='max_gap=-1'):
        IoUTracker(max_gap=-1)
