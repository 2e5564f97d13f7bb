import csv

import numpy as np
import pytest

from fer_ssl.evaluation import MajoritySmoothing, VideoPredictions
from fer_ssl.evaluation.face_predictions import (
    FACE,
    FacePredictions,
    write_image_csv,
)

CLASSES = ('neutral', 'anger', 'happiness')


def one_hot(labels):
    return np.eye(3, dtype=np.float32)[list(labels)]


def predict(seen, num_frames=20, min_length=1, post_processor=None):
    """``seen``: number -> {frame: class}; a window per face and frame."""
    entries = [
        (frame, number, (number, 0, number + 10, 10), label)
        for number, path in seen.items()
        for frame, label in path.items()
    ]
    entries.sort(
        key=lambda x: (x[0], -x[1])
    )  # in any order, as from a detector
    faces = np.array([x[:3] for x in entries], FACE)
    windows = [
        dict(video=number, start=frame, scores=one_hot([label]))
        for frame, number, _, label in entries
    ]
    frames = np.arange(1, num_frames + 1)
    return FacePredictions.from_windows(
        'clip',
        CLASSES,
        frames,
        (frames - 1) / 10,
        faces,
        windows,
        post_processor,
        min_length,
    )


def test_faces_are_numbered_by_their_appearance():
    result = predict({7: {5: 1, 6: 1}, 3: {6: 2}, 9: {2: 0}})
    assert result.num_faces == 3
    assert result.faces['frame'].tolist() == [2, 5, 6, 6]
    assert result.faces['face'].tolist() == [1, 2, 2, 3]
    assert result.faces['box'][:, 0].tolist() == [9, 7, 7, 3]
    assert result.predicted.tolist() == [0, 1, 1, 2]
    assert result.rows_of(6) == range(2, 4)
    assert not result.rows_of(7)


def test_short_faces_are_left_out():
    result = predict({1: {1: 1}, 2: {3: 2, 4: 2}}, min_length=2)
    assert result.faces['face'].tolist() == [1, 1]
    assert result.faces['frame'].tolist() == [3, 4]
    assert result.predicted.tolist() == [2, 2]
    assert predict({1: {1: 1}}, min_length=2).num_faces == 0


def test_smoothing_is_that_of_the_package_for_each_face_alone():
    """Gaps are interpolated as in a video."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, (2, 20))
    gap = {8, 9, 10}
    seen = {
        1: {t + 1: x for t, x in enumerate(labels[0]) if t not in gap},
        2: {t + 1: x for t, x in enumerate(labels[1])},
    }
    post_processor = MajoritySmoothing(window=5)
    result = predict(seen, post_processor=post_processor)
    for face, path in seen.items():
        frames = np.array(sorted(path)) - 1
        expected = VideoPredictions.from_windows(
            [
                dict(video='a', start=t, scores=one_hot([labels[face - 1, t]]))
                for t in frames
            ],
            dict(a=np.full(20, -1)),
            CLASSES,
        ).apply(post_processor)['a']
        rows = result.faces['box'][:, 0] == face
        assert np.array_equal(
            result.smoothed[rows], expected.predicted[frames]
        )
        assert np.array_equal(result.predicted[rows], labels[face - 1][frames])
    assert (result.smoothed != result.predicted).any()


def test_windows_are_averaged():
    frames = np.arange(1, 4)
    faces = np.array([(t, 4, (0, 0, 1, 1)) for t in frames], FACE)
    windows = [
        dict(video=4, start=1, scores=one_hot([0, 0])),
        dict(video=4, start=2, scores=one_hot([1, 1])),
    ]
    result = FacePredictions.from_windows(
        'a', CLASSES, frames, frames / 10, faces, windows
    )
    expected = [[1, 0, 0], [0.5, 0.5, 0], [0, 1, 0]]
    np.testing.assert_allclose(result.scores, expected)


def test_scores_that_are_not_finite_name_the_face():
    with pytest.raises(ValueError, match=r'clip, track 1, frame 1: .*nan'):
        FacePredictions.from_windows(
            'clip',
            CLASSES,
            np.array([1]),
            np.array([0.0]),
            np.array([(1, 1, (0, 0, 1, 1))], FACE),
            [dict(video=1, start=1, scores=np.full((1, 3), np.nan))],
        )


def test_csv(tmp_path):
    result = predict({2: {2: 1, 3: 2}, 5: {3: 0}}, num_frames=4)
    path = tmp_path / 'sub/predictions.csv'
    result.to_csv(str(path))
    with open(path, newline='') as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [
        *('frame', 'time', 'face', 'left', 'top', 'right', 'bottom'),
        *CLASSES,
        *('label', 'smoothed', 'smoothed_score'),
    ]
    assert [x['frame'] for x in rows] == ['1', '2', '3', '3', '4']
    assert [x['face'] for x in rows] == ['', '1', '1', '2', '']
    assert set(list(rows[0].values())[2:]) == {''}
    assert rows[2] == dict(
        frame='3',
        time='0.200',
        face='1',
        left='2.0',
        top='0.0',
        right='12.0',
        bottom='10.0',
        neutral='0.0000',
        anger='0.0000',
        happiness='1.0000',
        label='happiness',
        smoothed='happiness',
        smoothed_score='1.0000',
    )


def test_summary():
    result = predict({2: {2: 1, 3: 2, 6: 2}})
    assert result.summary() == [
        dict(
            face=1,
            begin=0.1,
            end=0.5,
            frames=3,
            labels=dict(anger=1, happiness=2),
        )
    ]


def test_video_without_a_face(tmp_path):
    result = predict({}, num_frames=2)
    assert result.num_faces == 0 and result.summary() == []
    result.to_csv(str(tmp_path / 'a.csv'))
    lines = (tmp_path / 'a.csv').read_text().splitlines()
    rows = ['1,0.000' + ',' * 11, '2,0.100' + ',' * 11]
    assert lines[1:] == [*rows, '']


def test_stopped_video_has_no_end_mark(tmp_path):
    result = predict({}, num_frames=2)
    result.to_csv(str(tmp_path / 'a.csv'), is_complete=False)
    assert len((tmp_path / 'a.csv').read_text().splitlines()) == 3


def test_images(tmp_path):
    boxes = [(1, 2, 30, 40), (5, 6, 7, 8)]
    scores = [(0.25, 0.5, 0.25), (0.125, 0, 0.875)]
    faces = FacePredictions.of_image('a,b.jpg', CLASSES, boxes, scores)
    nobody = FacePredictions.of_image('c.jpg', CLASSES, [], [])
    assert faces.describe_faces()[1] == dict(
        face=2,
        box=[5, 6, 7, 8],
        label='happiness',
        score=0.875,
        scores=dict(neutral=0.125, anger=0, happiness=0.875),
    )
    assert nobody.describe_faces() == [] and nobody.num_faces == 0
    path = tmp_path / 'images.csv'
    write_image_csv(str(path), [faces, nobody])
    assert path.read_text().splitlines() == [
        'image,face,left,top,right,bottom,neutral,anger,happiness,label',
        '"a,b.jpg",1,1.0,2.0,30.0,40.0,0.2500,0.5000,0.2500,anger',
        '"a,b.jpg",2,5.0,6.0,7.0,8.0,0.1250,0.0000,0.8750,happiness',
        'c.jpg,,,,,,,,,',
        '',
    ]
    write_image_csv(str(path), [nobody], is_complete=False)
    assert len(path.read_text().splitlines()) == 2


VALUES = ('valence', 'AU1')


def test_values_of_a_video(tmp_path):
    faces = np.array([(1, 7, (0, 0, 9, 9)), (3, 7, (0, 0, 9, 9))], FACE)
    windows = [
        dict(video=7, start=1, scores=[(0.25, 0.5, 0.25, -0.5, 0.75)]),
        dict(video=7, start=3, scores=[(1, 0, 0, 0.25, 0.25)]),
    ]
    frames = np.arange(1, 4)
    found = FacePredictions.from_windows(
        'clip',
        CLASSES,
        frames,
        (frames - 1) / 10,
        faces,
        windows,
        MajoritySmoothing(window=3),
        value_names=VALUES,
    )
    assert found.scores.tolist() == [[0.25, 0.5, 0.25], [1, 0, 0]]
    assert found.values.tolist() == [[-0.5, 0.75], [0.25, 0.25]]
    assert found.smoothed_scores.shape == (2, 3)
    (face,) = found.summary()
    assert face['values'] == dict(valence=-0.125, AU1=0.5)
    path = tmp_path / 'clip.csv'
    found.to_csv(str(path))
    with open(path, newline='') as file:
        header, *rows = csv.reader(file)
    assert header[-5:] == ['label', 'smoothed', 'smoothed_score', *VALUES]
    assert [row[-2:] for row in rows[:3]] == [
        ['-0.5000', '0.7500'],
        ['', ''],
        ['0.2500', '0.2500'],
    ]
    assert {len(row) for row in rows[:3]} == {len(header)}


def test_values_of_an_image(tmp_path):
    scores = [(0.25, 0.5, 0.25, -0.5, 0.75)]
    faces = FacePredictions.of_image(
        'a.jpg', CLASSES, [(1, 2, 3, 4)], scores, VALUES
    )
    nobody = FacePredictions.of_image('b.jpg', CLASSES, [], [], VALUES)
    (face,) = faces.describe_faces()
    assert face['scores'] == dict(neutral=0.25, anger=0.5, happiness=0.25)
    assert face['values'] == dict(valence=-0.5, AU1=0.75)
    assert nobody.summary() == [] and nobody.values.shape == (0, 2)
    path = tmp_path / 'images.csv'
    write_image_csv(str(path), [faces, nobody])
    assert path.read_text().splitlines()[:3] == [
        'image,face,left,top,right,bottom,neutral,anger,happiness,label,'
        'valence,AU1',
        'a.jpg,1,1.0,2.0,3.0,4.0,0.2500,0.5000,0.2500,anger,-0.5000,0.7500',
        'b.jpg,,,,,,,,,,,',
    ]
