import time

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.evaluator import Evaluator
from mmengine.registry import DATASETS

from fer_ssl.datasets.videos.submission_frames import (
    HEADERS,
    FrameList,
    read_frame_list,
    track_of,
)
from fer_ssl.evaluation import VideoPrediction, VideoPredictions
from fer_ssl.evaluation.submission import check_submission, write_submission
from fer_ssl.labels import ABAW_TRACKS
from tests.datasets.videos.aff_wild2_files import (
    EXAMPLE_VALUES,
    TRACK_FOLDERS,
    example_header,
    write_aff_wild2,
    write_example,
)
from tests.helpers.annotation_fuzz import REPEATABLE

TRACKS = ('EXPR', 'VA', 'AU')
LENGTHS = [('2-30-640x360', 4), ('video92_left', 3), ('112', 2)]
FUZZ = settings(REPEATABLE, max_examples=300)


@pytest.fixture
def example(tmp_path):
    """Function that writes the example of a track and reads it."""

    def example(track='EXPR', lengths=LENGTHS):
        path = tmp_path / f'{track}_example.txt'
        write_example(path, track, lengths)
        return read_frame_list(str(path))

    return example


def predict(track, lengths=LENGTHS, seed=0, classes=None):
    """Random predictions; some of VA are outside of [-1, 1]."""
    classes = classes or ABAW_TRACKS[track]
    rng = np.random.default_rng(seed)
    videos = []
    for name, length in lengths:
        shape = length, len(classes)
        if track == 'EXPR':
            video = VideoPrediction(name, rng.dirichlet(np.ones(8), length))
        elif track == 'VA':
            labels = np.full(shape, -5)
            scores = rng.normal(0, 1, shape)
            video = VideoPrediction(name, scores, labels=labels)
        else:
            labels = np.full(shape, -1)
            video = VideoPrediction(name, rng.random(shape), labels=labels)
        videos.append(video)
    return VideoPredictions(videos, classes)


# ------------------------------------------------------------------- writing


def test_headers_are_the_official_ones():
    assert HEADERS == {track: example_header(track) for track in TRACKS}


def parse(path, track):
    """(header, {location: values}) the plain way."""
    header, *rows = path.read_bytes().decode().split('\n')
    assert rows.pop() == ''
    cells = [row.split(',') for row in rows]
    kind = float if track == 'VA' else int
    return header, {row[0]: [kind(x) for x in row[1:]] for row in cells}


@pytest.mark.parametrize('track', TRACKS)
def test_every_frame_in_the_order_of_the_example(tmp_path, example, track):
    # the predictions are in another order and hold one video more
    lengths = [*reversed(LENGTHS), ('other', 5)]
    predictions = predict(track, lengths)
    path = tmp_path / 'new' / 'submission.txt'
    notes = write_submission(predictions, example(track), str(path))
    assert notes == ['1 videos are not in the list: left out.']
    header, rows = parse(path, track)
    assert header == example_header(track)
    assert list(rows) == [
        f'{name}/{frame:05d}.jpg'
        for name, length in LENGTHS
        for frame in range(1, length + 1)
    ]
    for location, values in rows.items():
        name, file = location.split('/')
        scores = predictions[name].scores[int(file[:5]) - 1]
        if track == 'EXPR':
            assert values == [scores.argmax()]
        elif track == 'VA':
            np.testing.assert_allclose(values, scores.clip(-1, 1), atol=1e-6)
        else:
            assert values == (scores > 0.5).astype(int).tolist()
    assert check_submission(str(path), example(track)).is_valid


def test_rows_of_an_example_of_its_own_order(tmp_path):
    rows = ['b/00003.jpg', 'a/00001.jpg', 'b/00001.jpg']
    text = '\n'.join([example_header('EXPR'), *(f'{row},0' for row in rows)])
    (tmp_path / 'example.txt').write_text(text)
    expected = read_frame_list(str(tmp_path / 'example.txt'))
    predictions = predict('EXPR', [('a', 1), ('b', 3)])
    path = tmp_path / 'submission.txt'
    assert write_submission(predictions, expected, str(path)) == []
    _, found = parse(path, 'EXPR')
    assert list(found) == rows
    assert found['b/00003.jpg'] == [predictions['b'].predicted[2]]


def test_classes_in_another_order(tmp_path, example):
    classes = tuple(reversed(ABAW_TRACKS['EXPR']))
    predictions = predict('EXPR', classes=classes)
    path = tmp_path / 'submission.txt'
    write_submission(predictions, example(), str(path))
    _, rows = parse(path, 'EXPR')
    labels = np.concatenate([v.predicted for v in predictions])
    np.testing.assert_array_equal(np.ravel([*rows.values()]), 7 - labels)
    predictions = predict('VA', classes=('arousal', 'valence'))
    write_submission(predictions, example('VA'), str(path))
    _, rows = parse(path, 'VA')
    scores = np.concatenate([v.scores for v in predictions]).clip(-1, 1)
    np.testing.assert_allclose([*rows.values()], scores[:, ::-1], atol=1e-6)


def test_thresholds(tmp_path, example):
    predictions = predict('AU')
    path = tmp_path / 'submission.txt'
    threshold = np.linspace(0.1, 0.9, 12)
    write_submission(
        predictions, example('AU'), str(path), threshold=threshold
    )
    _, rows = parse(path, 'AU')
    scores = np.concatenate([v.scores for v in predictions])
    np.testing.assert_array_equal([*rows.values()], scores > threshold)


def test_one_frame_more_or_less(tmp_path, example):
    """The organizers' count differs by one: the last frame is repeated."""
    predictions = predict('VA', [(n, t - 1) for n, t in LENGTHS])
    path = tmp_path / 'submission.txt'
    notes = write_submission(predictions, example('VA'), str(path))
    assert notes[0] == '2-30-640x360: frame 3 is repeated up to frame 4.'
    _, rows = parse(path, 'VA')
    assert rows['112/00001.jpg'] == rows['112/00002.jpg']
    longer = predict('VA', [(n, t + 1) for n, t in LENGTHS])
    notes = write_submission(longer, example('VA'), str(path))
    assert notes[2] == '112: frames after 2 are left out.'
    assert check_submission(str(path), example('VA')).is_valid
    path.unlink()
    for change in (2, -2):
        other = predict('VA', [(n, max(t + change, 1)) for n, t in LENGTHS])
        with pytest.raises(ValueError, match='another length.*2-30-640x360'):
            write_submission(other, example('VA'), str(path))
        assert not path.exists()
        write_submission(other, example('VA'), str(path), tolerance=2)
        assert check_submission(str(path), example('VA')).is_valid
        path.unlink()


def test_missing_videos_and_other_tracks_are_refused(tmp_path, example):
    path = str(tmp_path / 'submission.txt')
    with pytest.raises(ValueError, match='no prediction of 2 of 3 .*112'):
        write_submission(predict('EXPR', LENGTHS[:1]), example(), path)
    with pytest.raises(ValueError, match='track VA needs .* these are of AU1'):
        write_submission(predict('AU'), example('VA'), path)
    with pytest.raises(ValueError, match='is not the header of track VA'):
        write_submission(predict('VA'), example('EXPR'), path, track='VA')


def test_lists_of_videos(tmp_path):
    listed = tmp_path / 'videos.txt'
    path = str(tmp_path / 'submission.txt')
    listed.write_text('\n'.join(f'{n} {t}' for n, t in LENGTHS))
    frames = read_frame_list(str(listed))
    with pytest.raises(ValueError, match='videos.txt: .*Give --track'):
        write_submission(predict('VA'), frames, path)
    write_submission(predict('VA'), frames, path, 'VA')
    assert check_submission(path, frames, 'VA').is_valid
    # names alone: lengths are those of the predictions
    listed.write_text('\n'.join(name for name, _ in LENGTHS))
    names = read_frame_list(str(listed))
    write_submission(predict('VA'), names, path, 'VA')
    assert check_submission(path, frames, 'VA').is_valid
    assert track_of(names, 'AU') == 'AU'


# ------------------------------------------------------------------ checking


def good_lines(track='EXPR', lengths=LENGTHS):
    return [
        example_header(track),
        *(
            f'{name}/{frame:05d}.jpg,{EXAMPLE_VALUES[track]}'
            for name, length in lengths
            for frame in range(1, length + 1)
        ),
    ]


@pytest.fixture
def check(tmp_path, example):
    """Function (lines, track) -> report."""

    def check(lines, track='EXPR', expected=None, newline='\n'):
        path = tmp_path / 'submission.txt'
        data = lines
        if not isinstance(lines, bytes):
            data = newline.join([*lines, '']).encode()
        path.write_bytes(data)
        frames = example(track) if expected is None else expected
        return check_submission(str(path), frames, track)

    return check


@pytest.mark.parametrize('track', TRACKS)
def test_valid(check, track):
    for newline in ('\n', '\r\n'):
        report = check(good_lines(track), track, newline=newline)
        assert report.is_valid and not report.problems
        assert report.text().endswith('9 rows, 9 expected\nvalid')
    assert check('\n'.join(good_lines(track)).encode(), track).is_valid


def kinds(report):
    return {problem.kind: problem.count for problem in report.problems}


def change(lines, row, text):
    """Put text (None = nothing) in place of row number ``row``, from 1 on."""
    lines = list(lines)
    lines[row : row + 1] = [] if text is None else [text]
    return lines


@pytest.mark.parametrize(
    ('track', 'row', 'text', 'expected'),
    [
        ('EXPR', 2, None, {'missing': 1}),
        ('EXPR', 2, '2-30-640x360/00001.jpg,0', {'repeated': 1, 'missing': 1}),
        ('EXPR', 9, '112/00003.jpg,0', {'extra': 1, 'missing': 1}),
        ('EXPR', 9, 'nobody/00001.jpg,0', {'extra': 1, 'missing': 1}),
        ('EXPR', 9, '112/2.jpg,0', {'misnamed': 1, 'missing': 1}),
        ('EXPR', 9, '112/00002.png,0', {'misnamed': 1, 'missing': 1}),
        ('EXPR', 9, '112\\00002.jpg,0', {'misnamed': 1, 'missing': 1}),
        ('EXPR', 9, './112/00002.jpg,0', {'misnamed': 1, 'missing': 1}),
        ('EXPR', 9, '112/00002,0', {'misnamed': 1, 'missing': 1}),
        ('EXPR', 9, 'what', {'misnamed': 1, 'missing': 1, 'malformed': 1}),
        ('EXPR', 8, '', {'misnamed': 1, 'missing': 1, 'malformed': 1}),
        ('EXPR', 9, '112/00002.jpg,8', {'out of range': 1}),
        ('EXPR', 9, '112/00002.jpg,-1', {'out of range': 1}),
        ('EXPR', 9, '112/00002.jpg,0.0', {'malformed': 1}),
        ('EXPR', 9, '112/00002.jpg,Anger', {'malformed': 1}),
        ('EXPR', 9, '112/00002.jpg', {'malformed': 1}),
        ('EXPR', 9, '112/00002.jpg,0,0,0,0,0,0,0,1', {'malformed': 1}),
        ('VA', 9, '112/00002.jpg,0.5', {'malformed': 1}),
        ('VA', 9, '112/00002.jpg,0.5,nan', {'malformed': 1}),
        ('VA', 9, '112/00002.jpg,0.5,1.01', {'out of range': 1}),
        ('VA', 9, '112/00002.jpg,-5,-5', {'out of range': 1}),
        ('AU', 9, '112/00002.jpg,' + '0,' * 11 + '2', {'out of range': 1}),
        ('AU', 9, '112/00002.jpg,' + '0,' * 11 + '0.5', {'out of range': 1}),
        ('AU', 9, '112/00002.jpg,' + '0,' * 11, {'malformed': 1}),
        ('AU', 9, '112/00002.jpg,0,1', {'malformed': 1}),
        ('VA', 0, 'image_location,arousal,valence', {'wrong header': 1}),
        ('VA', 0, '\ufeffimage_location,valence,arousal', {'wrong header': 1}),
        ('VA', 0, None, {'wrong header': 1, 'missing': 1}),
    ],
)
def test_faults(check, track, row, text, expected):
    lines = change(good_lines(track), row, text)
    report = check(lines, track)
    assert kinds(report) == expected
    assert not report.is_valid
    assert report.text().endswith('\nNOT VALID')


def test_report_names_lines_and_counts(check):
    lines = good_lines()
    lines[1] = '2-30-640x360/1.jpg,9'
    lines[5], lines[6] = lines[6], lines[5]
    del lines[8]
    assert check(lines).text().splitlines()[1:] == [
        'out of range: 1',
        "    line 2: '9'",
        'misnamed: 1',
        "    line 2: '2-30-640x360/1.jpg' for '2-30-640x360/00001.jpg'",
        'missing: 2',
        '    2-30-640x360/00001.jpg',
        '    112/00001.jpg',
        '    in 2 videos: 2-30-640x360 (1 of 4 frames), 112 (1 of 2 frames)',
        'wrong order: 2',
        '    line 6: video92_left/00002.jpg where video92_left/00001.jpg is '
        'expected',
        '    line 7: video92_left/00001.jpg where video92_left/00002.jpg is '
        'expected',
        'NOT VALID',
    ]


def test_only_the_first_of_many_are_shown(check):
    lines = [line.replace('.jpg', '.png') for line in good_lines()]
    report = check(lines)
    assert kinds(report) == {'misnamed': 9, 'missing': 9}
    assert all(5 <= len(p.examples) <= 6 for p in report.problems)
    assert '    ...' in report.text()


def test_videos_in_another_order(check):
    header, *rows = good_lines()
    assert kinds(check([header, *rows[4:], *rows[:4]])) == {'wrong order': 9}


def test_unreadable_files(check, tmp_path, example):
    report = check(b'image_location\n\xff\xfe')
    assert kinds(report) == {'unreadable': 1}
    assert 'submission.txt:2: not UTF-8' in report.text()
    report = check(b'')
    assert kinds(report) == {'wrong header': 1, 'missing': 9}
    with pytest.raises(FileNotFoundError):
        check_submission(str(tmp_path / 'none.txt'), example())


def test_against_names_alone(check, tmp_path):
    (tmp_path / 'names.txt').write_text('\n'.join(n for n, _ in LENGTHS))
    names = read_frame_list(str(tmp_path / 'names.txt'))
    report = check(good_lines(), expected=names)
    assert report.is_valid
    assert 'note: ' in report.text() and 'not checked' in report.text()
    # a frame in between is missing: the last one is then too many
    report = check(change(good_lines(), 2, None), expected=names)
    assert kinds(report) == {'missing': 1, 'extra': 1}
    # a video is missing
    report = check(good_lines()[:-2], expected=names)
    assert kinds(report) == {'missing': 1}


@FUZZ
@given(data=st.binary(max_size=120))
def test_any_bytes_give_a_report(check, data):
    assert not check(data).is_valid


@FUZZ
@given(data=st.data(), track=st.sampled_from(TRACKS))
def test_one_fault_is_always_found(check, data, track):
    """Whatever is done to one line, the file is valid only if unchanged."""
    lines = good_lines(track)
    place = data.draw(st.integers(0, len(lines) - 1))
    other = data.draw(st.integers(0, len(lines) - 1))
    fault = data.draw(
        st.one_of(
            st.just([]),
            st.just([lines[place]] * 2),
            st.just([lines[other]]),
            st.text(max_size=6).map(lambda x: [x]),
            st.text(max_size=2).map(lambda x: [lines[place] + x]),
            st.text(max_size=2).map(lambda x: [x + lines[place]]),
        )
    )
    changed = [*lines[:place], *fault, *lines[place + 1 :]]
    text = '\n'.join([*changed, ''])
    try:
        data = text.encode()
    except UnicodeEncodeError:
        return
    report = check(data, track)
    if report.is_valid:
        bare = text.replace('\r\n', '\n').rstrip()
        names = [line.split(',')[0] for line in bare.split('\n')]
        assert names == [line.split(',')[0] for line in lines]
        for line in bare.split('\n')[1:]:
            values = [float(x) for x in line.split(',')[1:]]
            assert len(values) == {'EXPR': 1, 'VA': 2, 'AU': 12}[track]
            assert all(-1 <= x <= 7 for x in values)
    else:
        assert changed != lines


# ------------------------------------------------- from the data set to a file


@pytest.mark.parametrize('track', TRACKS)
@pytest.mark.parametrize('kind', ['VideoClipDataset', 'VideoFrameDataset'])
def test_from_the_test_set_to_a_submission(tmp_path, track, kind):
    """No frame is lost on the way, with or without a face."""
    write_aff_wild2(tmp_path / 'data', {track: TRACK_FOLDERS[track]})
    example = f'6th_ABAW_Annotations/example_{track}.txt'
    window = dict(window=4, stride=2) if kind == 'VideoClipDataset' else {}
    dataset = DATASETS.build(
        dict(
            type=kind,
            data_root=str(tmp_path / 'data'),
            reader=dict(type='AffWild2Reader', track=track, test_set=example),
            split='test',
            test_mode=True,
            **window,
        )
    )
    name = {
        'EXPR': 'MacroF1Metric',
        'VA': 'ValenceArousalMetric',
        'AU': 'ActionUnitMetric',
    }[track]
    path = str(tmp_path / 'predictions.csv')
    evaluator = Evaluator(dict(type=name, out_file=path))
    evaluator.dataset_meta = dataset.metainfo
    for i in range(len(dataset)):
        item = dataset.get_data_info(i)
        # a score that encodes its frame
        frames = item['start'] + np.arange(len(item.get('valid', [1])))
        scores = np.zeros((len(frames), len(dataset.metainfo['classes'])))
        scores[:, 1] = frames / 10
        item.update(pred_score=torch.tensor(scores))
        evaluator.process([item])
    assert evaluator.evaluate(len(dataset)) == {}
    expected = read_frame_list(str(tmp_path / 'data' / example))
    predictions = VideoPredictions.from_csv(path)
    out = str(tmp_path / 'submission.txt')
    assert write_submission(predictions, expected, out) == []
    assert check_submission(out, expected).is_valid
    # of 9 frames the 5th and the last have no crop
    found = predictions['2-30-640x360']
    np.testing.assert_array_equal(found.has_face, [1, 1, 1, 1, 0, 1, 1, 1, 0])
    np.testing.assert_allclose(
        found.scores[:, 1], [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.7]
    )


# --------------------------------------------------------------------- speed


@pytest.mark.parametrize('track', TRACKS)
def test_two_hundred_thousand_rows_take_seconds(tmp_path, example, track):
    lengths = [(f'video{i}', 4000) for i in range(50)]
    expected = example(track, lengths)
    predictions = predict(track, lengths)
    path = str(tmp_path / 'submission.txt')
    start = time.process_time()
    write_submission(predictions, expected, path)
    assert check_submission(path, expected).is_valid
    # A million rows take about 5 s on one core; see docs/abaw.md.
    assert time.process_time() - start < 10


def test_frame_list_is_what_the_reader_counts(example):
    expected = example()
    again = FrameList.from_lengths(expected.num_frames().items(), 'x')
    assert again.locations() == expected.locations()
