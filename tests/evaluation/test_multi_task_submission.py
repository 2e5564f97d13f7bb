"""Submissions of the multi-task challenge, with sparse frames."""

import numpy as np
import pytest

from fer_ssl.datasets.videos.sparse_annotation import read_sparse_annotation
from fer_ssl.datasets.videos.submission_frames import read_frame_list, track_of
from fer_ssl.evaluation import VideoPrediction, VideoPredictions
from fer_ssl.evaluation.submission import check_submission, write_submission
from fer_ssl.labels import ABAW_TRACKS
from tests.datasets.videos.s_aff_wild2_files import HEADER

ROWS = ['b/00009.jpg', 'b/00002.jpg', 'a/00001.jpg', 'a/00005.jpg']
TASKS = ('VA', 'EXPR', 'AU')
VALUES = '0.5,-0.25,3,' + ','.join('010000000001')


@pytest.fixture(params=['', ',', ',-5,-5,-1'])
def expected(tmp_path, request):
    """The list of test frames, alone or with other columns."""
    path = tmp_path / 'test_set.txt'
    path.write_text('\n'.join([HEADER, *(x + request.param for x in ROWS)]))
    return read_frame_list(str(path))


def predict(lengths=(('a', 5), ('b', 9), ('c', 3)), seed=0):
    rng = np.random.default_rng(seed)
    found = []
    for task in ('EXPR', 'AU', 'VA'):  # in any order
        width = len(ABAW_TRACKS[task])
        videos = [
            VideoPrediction(name, rng.uniform(-1.1, 1.1, (length, width)))
            for name, length in lengths
        ]
        found.append(VideoPredictions(videos, ABAW_TRACKS[task]))
    return found


def test_rows_of_the_list(tmp_path, expected):
    assert track_of(expected) == 'MTL'
    path = tmp_path / 'new/submission.txt'
    expr, au, va = predict()
    notes = write_submission([expr, au, va], expected, str(path))
    assert notes == ['1 videos are not in the list: left out.']
    header, *lines = path.read_text().splitlines()
    assert header == HEADER
    assert [line.partition(',')[0] for line in lines] == ROWS
    # It has the form of an annotation.
    labels, listed = read_sparse_annotation(str(path), TASKS)
    assert {n: x.tolist() for n, x in listed.items()} == dict(
        b=[2, 9], a=[1, 5]
    )
    for name, frames in listed.items():
        rows = frames - 1
        own = labels[name][rows]
        np.testing.assert_allclose(
            own['VA'], va[name].scores[rows].clip(-1, 1), atol=1e-6
        )
        np.testing.assert_array_equal(own['EXPR'], expr[name].predicted[rows])
        np.testing.assert_array_equal(own['AU'], au[name].scores[rows] > 0.5)
    report = check_submission(str(path), expected)
    assert report.is_valid and report.num_rows == 4
    thresholds = np.linspace(-1, 1, 12)
    write_submission(predict(), expected, str(path), threshold=thresholds)
    labels, _ = read_sparse_annotation(str(path), 'AU')
    active = au['a'].scores[[0, 4]] > thresholds
    np.testing.assert_array_equal(labels['a'][[0, 4]], active)


def test_missing_parts(tmp_path, expected):
    path = tmp_path / 'submission.txt'
    va, expr, au = predict()
    for parts in ([va, expr], [va, expr, expr], [va, expr, au, au], va):
        with pytest.raises(ValueError, match='MTL needs .* and of neutral'):
            write_submission(parts, expected, str(path))
    short = predict((('a', 5), ('b', 6)))
    with pytest.raises(ValueError, match=r'another length .*b \(6 for 9\)'):
        write_submission(short, expected, str(path))
    with pytest.raises(ValueError, match='no prediction of 1 of 2 .* b'):
        write_submission(predict((('a', 5),)), expected, str(path))
    assert not path.exists()


@pytest.mark.parametrize(
    ('change', 'kinds'),
    [
        ((VALUES, VALUES[:-2]), {'malformed': 4}),
        ((VALUES, VALUES + ',0'), {'malformed': 4}),
        (('b/00009.jpg,0.5', 'b/00009.jpg,1.5'), {'out of range': 1}),
        (('b/00009.jpg,0.5', 'b/00009.jpg,x'), {'malformed': 1}),
        ((',3,', ',-1,'), {'out of range': 4}),
        ((',3,', ',3.0,'), {'malformed': 4}),
        (('1\n', '2\n'), {'out of range': 4}),
        (('-0.25,3', '-5,9'), {'out of range': 4}),
        (('b/00009', 'b/00010'), {'extra': 1, 'missing': 1}),
        (('a/00005', 'a/5'), {'misnamed': 1, 'missing': 1}),
        (('a/00005', 'a/00001'), {'repeated': 1, 'missing': 1}),
        (('image,', 'image_location,'), {'wrong header': 1}),
    ],
)
def test_faults(tmp_path, expected, change, kinds):
    path = tmp_path / 'submission.txt'
    text = '\n'.join([HEADER, *(f'{x},{VALUES}' for x in ROWS), ''])
    path.write_text(text)
    assert check_submission(str(path), expected).is_valid
    path.write_text(text.replace(*change))
    report = check_submission(str(path), expected)
    assert {x.kind: x.count for x in report.problems} == kinds


def test_another_order(tmp_path, expected):
    path = tmp_path / 'submission.txt'
    rows = [f'{x},{VALUES}' for x in reversed(ROWS)]
    path.write_text('\n'.join([HEADER, *rows, '']))
    (problem,) = check_submission(str(path), expected).problems
    assert (problem.kind, problem.count) == ('wrong order', 4)
