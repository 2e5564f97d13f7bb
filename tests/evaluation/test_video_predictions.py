import time

import numpy as np
import pytest

from fer_ssl.evaluation import (
    MajoritySmoothing,
    VideoPrediction,
    VideoPredictions,
)

CLASSES = ('neutral', 'anger', 'disgust')


def dirichlet(num_frames, seed=0):
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.ones(len(CLASSES)), num_frames)


def from_windows(windows, labels, weights='uniform'):
    return VideoPredictions.from_windows(
        windows, {'a': np.asarray(labels)}, CLASSES, weights
    )['a']


# ------------------------------------------------------------ from windows


def test_overlaps_are_averaged():
    first, second = dirichlet(4, seed=1), dirichlet(4, seed=2)
    windows = [
        dict(video='a', start=0, scores=first),
        dict(video='a', start=2, scores=second),
    ]
    video = from_windows(windows, [0] * 6)
    expected = np.concatenate(
        [first[:2], (first[2:] + second[:2]) / 2, second[2:]]
    )
    np.testing.assert_allclose(video.scores, expected, rtol=1e-6)
    assert video.has_face.all()


def test_triangular_weights_favor_the_center():
    first, second = dirichlet(4, seed=1), dirichlet(4, seed=2)
    windows = [
        dict(video='a', start=0, scores=first),
        dict(video='a', start=1, scores=second),
    ]
    video = from_windows(windows, [0] * 5, 'triangular')
    # weights of a window of four: 1 2 2 1
    np.testing.assert_allclose(
        video.scores[1], (2 * first[1] + second[0]) / 3, rtol=1e-6
    )
    np.testing.assert_allclose(video.scores[4], second[3], rtol=1e-6)


def test_frames_without_a_face_are_interpolated():
    windows = [
        dict(video='a', start=1, scores=np.array([0.8, 0.2, 0.0])[None]),
        dict(video='a', start=4, scores=np.array([0.2, 0.8, 0.0])[None]),
    ]
    video = from_windows(windows, [0, 0, 0, 0, 0, -1, -1])
    np.testing.assert_allclose(
        video.scores[:, 0], [0.8, 0.8, 0.6, 0.4, 0.2, 0.2, 0.2], rtol=1e-6
    )
    np.testing.assert_array_equal(video.has_face, [0, 1, 0, 0, 1, 0, 0])


def test_invalid_frames_do_not_count():
    scores = dirichlet(5)
    scores[1] = np.nan  # the scores of an invalid frame are ignored
    valid = [True, False, True, False, False]
    windows = [dict(video='a', start=0, scores=scores, valid=valid)]
    video = from_windows(windows, [0, 0, 0])  # 3 frames, the rest is padding
    np.testing.assert_array_equal(video.has_face, [1, 0, 1])
    np.testing.assert_allclose(
        video.scores[1], (scores[0] + scores[2]) / 2, rtol=1e-6
    )


def test_video_without_any_face_is_uniform():
    predictions = VideoPredictions.from_windows(
        [dict(video='a', start=0, scores=dirichlet(2))],
        {'empty': [1, 1, 1], 'a': [0, 0]},
        CLASSES,
    )
    assert [video.name for video in predictions] == ['empty', 'a']
    np.testing.assert_allclose(predictions['empty'].scores, 1 / 3, rtol=1e-6)
    assert not predictions['empty'].has_face.any()
    # still scored: three frames of class 1 that are called class 0
    assert predictions.confusion_matrix()[1, 0] == 3
    assert predictions.confusion_matrix(with_face=True)[1, 0] == 0


def test_window_errors():
    scores = dirichlet(4)
    with pytest.raises(ValueError, match='video b is predicted but unknown'):
        from_windows([dict(video='b', start=0, scores=scores)], [0] * 4)
    with pytest.raises(ValueError, match='has 6 frames.* 4 to 7'):
        from_windows([dict(video='a', start=3, scores=scores)], [0] * 6)
    scores[2] = np.nan
    with pytest.raises(ValueError, match='video a, frame 4: .*nan'):
        from_windows([dict(video='a', start=1, scores=scores)], [0] * 6)
    with pytest.raises(ValueError, match="'triangular', got gauss"):
        from_windows([], [0], weights='gauss')


# ----------------------------------------------------------------- objects


def test_post_processors_never_cross_videos():
    one, zero = np.eye(3)[[1] * 10], np.eye(3)[[0] * 10]
    predictions = VideoPredictions(
        [VideoPrediction('a', one), VideoPrediction('b', zero)], CLASSES
    )
    smoothed = predictions.apply(MajoritySmoothing(30))
    assert (smoothed['a'].predicted == 1).all()
    assert (smoothed['b'].predicted == 0).all()
    assert predictions.apply(None) is predictions


def test_construction_errors():
    with pytest.raises(ValueError, match='video a: scores must be'):
        VideoPrediction('a', np.zeros(3))
    with pytest.raises(ValueError, match='video a, frame 2'):
        VideoPrediction('a', [[0.5, 0.5], [np.inf, 0]])
    with pytest.raises(ValueError, match='labels must be \\(4,\\), got'):
        VideoPrediction('a', dirichlet(4), labels=[0, 1])
    video = VideoPrediction('a', dirichlet(4))
    with pytest.raises(ValueError, match='video a is listed twice'):
        VideoPredictions([video, video], CLASSES)
    with pytest.raises(ValueError, match='3 scores per frame for 2 classes'):
        VideoPredictions([video], CLASSES[:2])


# --------------------------------------------------------------------- CSV


def example():
    rng = np.random.default_rng(0)
    return VideoPredictions(
        [
            VideoPrediction(
                'a, with "comma"',
                dirichlet(40),
                labels=rng.integers(-1, 3, 40),
                has_face=rng.random(40) < 0.7,
            ),
            VideoPrediction('not annotated', dirichlet(3, seed=1)),
        ],
        CLASSES,
    )


def test_csv_round_trip(tmp_path):
    path = tmp_path / 'new folder' / 'predictions.csv'
    written = example()
    written.to_csv(path)
    read = VideoPredictions.from_csv(path)
    assert read.classes == written.classes
    assert [v.name for v in read] == [v.name for v in written]
    for before, after in zip(written, read):
        np.testing.assert_array_equal(after.scores, before.scores)
        np.testing.assert_array_equal(after.has_face, before.has_face)
        np.testing.assert_array_equal(after.labels, before.labels)


def test_csv_of_100_000_frames_takes_seconds(tmp_path):
    scores = np.random.default_rng(0).random((100_000, 8), np.float32)
    predictions = VideoPredictions([VideoPrediction('a', scores)], 'abcdefgh')
    start = time.process_time()
    predictions.to_csv(tmp_path / 'predictions.csv')
    VideoPredictions.from_csv(tmp_path / 'predictions.csv')
    assert time.process_time() - start < 15


GOOD = [
    'video,frame,face,label,truth,x,y',
    'a,1,1,x,x,0.75,0.25',
    'a,2,0,y,,0.25,0.75',
    'b,1,1,x,y,0.5,0.5',
]


def read_lines(path, lines):
    path.write_text('\n'.join([*lines, '', '']))
    return VideoPredictions.from_csv(path)


def test_csv_form(tmp_path):
    path = tmp_path / 'p.csv'
    read_lines(path, GOOD).to_csv(tmp_path / 'again.csv')
    assert (tmp_path / 'again.csv').read_text() == path.read_text()


@pytest.mark.parametrize(
    'line, text, problem',
    [
        (1, 'video,frame,label,truth,x,y', 'the header must be'),
        (1, 'video,frame,face,label,truth,x', 'the header must be'),
        (1, 'video,frame,face,label,truth,x,x', 'two columns'),
        (2, 'a,1,1,x,x,0.75', '6 cells, but the header has 7'),
        (2, '', '0 cells, but the header has 7'),
        (2, 'a,0,1,x,x,0.75,0.25', "frame is '0' where 1 is expected"),
        (3, 'a,3,1,x,x,0.75,0.25', "frame is '3' where 2 is expected"),
        (3, 'a,2,yes,x,x,0.75,0.25', "face must be 0 or 1, got 'yes'"),
        (3, 'a,2,1,joy,x,0.75,0.25', "label 'joy' is not a column"),
        (3, 'a,2,1,x,joy,0.75,0.25', "truth 'joy' is not a column"),
        (3, 'a,2,1,x,x,0.75,high', 'not all scores are numbers'),
        (3, 'a,2,1,x,x,0.75,nan', 'a score is not finite'),
        (3, 'a,2,1,y,x,0.75,0.25', "label 'y' is not the class with the"),
        (5, 'a,3,1,x,x,0.75,0.25', 'video a continues here'),
    ],
)
def test_malformed_csv_is_refused(tmp_path, line, text, problem):
    lines = list(GOOD)
    lines[line - 1 : line] = [text]
    with pytest.raises(ValueError, match=f'p.csv:{line}: .*{problem}'):
        read_lines(tmp_path / 'p.csv', lines)


TARGETS = [
    'video,frame,face,truth_v,truth_a,v,a',
    'a,1,1,0.3,-1,0.25,0.5',
    'a,2,0,-5,-5,-0.25,1',
    '"b, c",1,1,0,0,0,0',
]


@pytest.mark.parametrize(
    'good', [TARGETS, TARGETS[:3]], ids=['quotes', 'plain']
)
@pytest.mark.parametrize(
    ('line', 'text', 'problem'),
    [
        (1, 'video,frame,face,truth_v,v,a', 'the header must be'),
        (1, 'video,frame,face,truth_a,truth_v,v,a', 'the header must be'),
        (1, 'video,frame,face,v,a', 'the header must be'),
        (2, 'a,1,1,0.3,-1,0.25', '6 cells, but the header has 7'),
        (3, 'a,3,0,-5,-5,-0.25,1', "frame is '3' where 2 is expected"),
        (3, 'a,2,0,-5,,-0.25,1', 'not all scores are numbers'),
        (3, 'a,2,0,-5,-5,-0.25,1e39', 'a score is not finite'),
        (3, 'a,2,0,-5,-5,-0.25,1_0', 'not all scores are numbers'),
        (3, 'a,2,0,-5,-5,-0.25,"1,0"', 'not all scores are numbers'),
        (3, 'a,2,0,-5,-5,-0.25,#1', 'not all scores are numbers'),
        (3, 'a,2,x,-5,-5,-0.25,1', "face must be 0 or 1, got 'x'"),
    ],
)
def test_malformed_targets_are_refused(tmp_path, good, line, text, problem):
    path = tmp_path / 'p.csv'
    assert 'a' in read_lines(path, good)
    lines = list(good)
    lines[line - 1] = text
    with pytest.raises(ValueError, match=f'p.csv:{line}: .*{problem}'):
        read_lines(path, lines)


@pytest.mark.parametrize(
    'name, problem',
    [(b'\xff', 'not UTF-8'), (b'"' + b'a' * 200_000 + b'"', 'field larger')],
)
def test_files_that_are_not_csv_are_refused(tmp_path, name, problem):
    path = tmp_path / 'p.csv'
    path.write_bytes(GOOD[0].encode() + b'\n' + name + b',1,1,x,,1,0\n')
    with pytest.raises(ValueError, match=f'p.csv:2: {problem}'):
        VideoPredictions.from_csv(path)


def test_one_form_in_one_file(tmp_path):
    scores = np.zeros((2, 2))
    mixed = VideoPredictions(
        [
            VideoPrediction('a', scores, labels=scores),
            VideoPrediction('b', scores),
        ],
        ('valence', 'arousal'),
    )
    with pytest.raises(ValueError, match='cannot be in one'):
        mixed.to_csv(str(tmp_path / 'p.csv'))
    with pytest.raises(ValueError, match=r'labels must be \(2, 2\), got'):
        VideoPrediction('a', scores, labels=np.zeros((2, 3)))


@pytest.mark.parametrize('name', ['b', '"b, c"'])
def test_csv_saved_by_a_spreadsheet(tmp_path, name):
    path = tmp_path / 'p.csv'
    lines = [*GOOD[:3], f'{name},1,1,x,y,0.5,0.5', '', '']
    path.write_bytes('\r\n'.join(lines).encode('utf-8-sig'))
    assert [v.num_frames for v in VideoPredictions.from_csv(path)] == [2, 1]


@pytest.mark.parametrize(
    'lines',
    [
        GOOD,
        [*GOOD[:3], '"b, ""c""",1,1,x,y,0.5,0.5'],
        TARGETS[:3],
    ],
    ids=['plain', 'quotes', 'targets'],
)
@pytest.mark.parametrize('newline', ['\n', '\r\n'])
def test_csv_cut_anywhere_is_refused(tmp_path, lines, newline):
    path = tmp_path / 'p.csv'
    whole = newline.join([*lines, '', '']).encode()
    path.write_bytes(whole)
    assert len(VideoPredictions.from_csv(path)) > 0
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match=r'p\.csv:\d+: '):
            VideoPredictions.from_csv(path)


def test_the_end_that_is_missing_is_named(tmp_path):
    path = tmp_path / 'p.csv'
    path.write_text('\n'.join(GOOD) + '\n')
    with pytest.raises(ValueError, match='p.csv:4: .* add an empty line at'):
        VideoPredictions.from_csv(path)


def test_pandas_reads_the_csv(tmp_path):
    pandas = pytest.importorskip('pandas')
    example().to_csv(tmp_path / 'p.csv')
    frames = sum(video.num_frames for video in example())
    assert len(pandas.read_csv(tmp_path / 'p.csv')) == frames


def test_missing_or_empty_csv(tmp_path):
    with pytest.raises(FileNotFoundError, match='nothing.csv'):
        VideoPredictions.from_csv(tmp_path / 'nothing.csv')
    with pytest.raises(ValueError, match='p.csv:1: the header must be'):
        read_lines(tmp_path / 'p.csv', [''])


def test_frames_predicted_without_a_face():
    """Scores from sound are kept, but the frames have no face."""
    scores = np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7], [0.0, 0.0]])
    window = dict(
        video='a', start=0, scores=scores, valid=np.array([1, 1, 1, 0], bool)
    )
    video = VideoPredictions.from_windows(
        [window],
        dict(a=[0, 0, 1, 1]),
        ('x', 'y'),
        has_face=dict(a=np.array([True, False, True, True])),
    )['a']
    assert video.has_face.tolist() == [True, False, True, False]
    np.testing.assert_allclose(video.scores[:3], scores[:3], rtol=1e-6)
    np.testing.assert_allclose(video.scores[3], scores[2], rtol=1e-6)
