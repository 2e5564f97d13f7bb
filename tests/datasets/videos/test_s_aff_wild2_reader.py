"""Sparse frames with the labels of three tasks."""

import shutil

import numpy as np
import pytest
import torch
from mmengine.registry import DATASETS

from fer_ssl.data_preparation.check.data_check import DataCheck
from fer_ssl.data_preparation.check.data_report import describe
from fer_ssl.datasets import AffWild2Reader, SAffWild2Reader
from fer_ssl.datasets.videos.abaw_annotation import (
    ignored_labels,
    is_annotated,
)
from fer_ssl.datasets.videos.sparse_annotation import read_sparse_annotation
from fer_ssl.labels import ABAW_TRACKS
from tests.datasets.videos.s_aff_wild2_files import (
    FILES,
    HEADER,
    LISTED,
    WITHOUT_IMAGE,
    write_s_aff_wild2,
)
from tests.helpers.annotation_fuzz import check_parser

TASKS = ('VA', 'EXPR', 'AU')
GOOD = 'a/00003.jpg,0.25,-1,4,' + ','.join('010000000001')
UNKNOWN = 'a/00002.jpg,-5,-5,-1,' + ','.join(['-1'] * 12)


@pytest.fixture(scope='module')
def written(tmp_path_factory):
    root = tmp_path_factory.mktemp('s-Aff-Wild2')
    return root, write_s_aff_wild2(root)


@pytest.fixture
def own_root(written, tmp_path):
    return shutil.copytree(written[0], tmp_path / 'data')


def annotation(tmp_path, lines, header=HEADER):
    path = tmp_path / 'train_set.txt'
    path.write_text('\n'.join([header, *lines, '']))
    return str(path)


# --------------------------------------------------------------- annotations


def test_real_frame_numbers(tmp_path):
    path = annotation(tmp_path, [GOOD, 'b' + UNKNOWN[1:], UNKNOWN])
    labels, listed = read_sparse_annotation(path, TASKS)
    assert {name: x.tolist() for name, x in listed.items()} == {
        'a': [2, 3],
        'b': [2],
    }
    assert len(labels['a']) == 3 and len(labels['b']) == 2
    assert is_annotated(labels['a']).tolist() == [False, False, True]
    assert not is_annotated(labels['b']).any()
    last = labels['a'][2]
    np.testing.assert_array_equal(last['VA'], np.float32([0.25, -1]))
    assert last['EXPR'] == 4
    assert last['AU'].tolist() == [0, 1, *[0] * 9, 1]
    assert labels['a'].dtype == ignored_labels(TASKS, 1).dtype
    for task in TASKS:
        alone, _ = read_sparse_annotation(path, task)
        assert alone['a'].dtype == ignored_labels(task, 1).dtype
        np.testing.assert_array_equal(alone['a'], labels['a'][task])


@pytest.mark.parametrize(
    ('lines', 'line', 'problem'),
    [
        ([GOOD[:-2]], 2, '15 fields, but a frame has 16'),
        ([GOOD + ','], 2, '17 fields'),
        ([GOOD, 'a/00004.jpg'], 3, '1 fields'),
        ([GOOD.replace('0.25', '-5.5')], 2, r"'-5.5,-1' is not valence"),
        ([GOOD.replace('0.25', 'nan')], 2, 'two numbers from -1 to 1, or -5'),
        ([GOOD.replace(',4,', ',8,')], 2, "'8' is not an expression: -1"),
        ([GOOD.replace(',4,', ',-5,')], 2, "'-5' is not an expression"),
        ([GOOD[:-1] + '2'], 2, 'not a row of action units: 12 times'),
        ([GOOD[:-1] + '-5'], 2, 'not a row of action units'),
        ([GOOD, GOOD], 3, 'a/00003.jpg is listed twice'),
        (['a/3' + GOOD[7:]], 2, "'a/3.jpg' is not a frame like <video>/0"),
        (['00003' + GOOD[7:]], 2, 'is not a frame like'),
        ([GOOD, '', GOOD], 3, "'' is not a frame"),
        ([], 2, 'no frame is listed'),
    ],
)
def test_bad_lines(tmp_path, lines, line, problem):
    path = annotation(tmp_path, lines)
    with pytest.raises(
        ValueError, match=rf'train_set\.txt:{line}: .*{problem}'
    ):
        read_sparse_annotation(path, TASKS)


def test_header(tmp_path):
    path = annotation(
        tmp_path, [GOOD], 'Image, valence,arousal,expression,aus'
    )
    assert read_sparse_annotation(path, 'VA')[0]['a'].shape == (3, 2)
    for header in (GOOD, 'valence,arousal', HEADER[:-4], ''):
        path = annotation(tmp_path, [GOOD], header)
        with pytest.raises(ValueError, match='1: .* not the header of a mu'):
            read_sparse_annotation(path, 'VA')


def test_any_file_gives_labels_or_an_error(tmp_path):
    text = '\n'.join([HEADER, GOOD, UNKNOWN]).encode()
    check_parser(
        lambda path: read_sparse_annotation(path, TASKS),
        tmp_path / 'train_set.txt',
        text,
    )


# --------------------------------------------------------------------- reader


@pytest.mark.parametrize('split', LISTED)
def test_every_listed_frame(written, split):
    root, rows = written
    reader = SAffWild2Reader()
    videos = reader.read(str(root), str(root), reader.classes, split)
    assert list(videos) == list(LISTED[split])
    for name, frames in LISTED[split].items():
        video = videos[name]
        assert len(video.images) == len(video.labels) == max(frames)
        expected = ignored_labels(TASKS, max(frames))
        for i, frame in enumerate(frames):
            if split != 'test':
                for task in TASKS:
                    expected[task][frame - 1] = rows[name][task][i]
        np.testing.assert_array_equal(video.labels, expected)
        assert {i + 1: x for i, x in enumerate(video.images) if x} == {
            frame: f'cropped_aligned/{name}/{frame:05d}.jpg'
            for frame in frames
            if (name, frame) not in WITHOUT_IMAGE
        }
    num_missing = sum(name in LISTED[split] for name, _ in WITHOUT_IMAGE)
    assert len(reader.findings) == num_missing
    if num_missing:
        assert '1 listed frames have no image' in reader.findings[0]


def test_names_of_the_7th_challenge(own_root):
    """The same files under other names, and in the root of the data."""
    names = {'train': 'training', 'val': 'validation'}
    for split, name in names.items():
        (own_root / 'MTL_Challenge' / FILES[split]).rename(
            own_root / f'{name}_set_annotations.txt'
        )
    (own_root / 'MTL_Challenge' / FILES['test']).rename(own_root / 'MTL.txt')
    (own_root / 'MTL_Challenge').rmdir()
    reader = SAffWild2Reader(test_set='MTL.txt')
    both = reader.read(str(own_root), str(own_root))
    assert list(both) == [*LISTED['train'], *LISTED['val']]
    test = reader.read(str(own_root), str(own_root), split='test')
    assert list(test) == list(LISTED['test'])


def test_what_is_missing(own_root):
    read = SAffWild2Reader().read
    shutil.rmtree(own_root / 'cropped_aligned/7-60')
    with pytest.raises(ValueError, match=r'no images of 1 video \(7-60\)'):
        read(str(own_root), str(own_root), split='val')
    videos = SAffWild2Reader(on_mismatch='warn').read(
        str(own_root), str(own_root), split='val'
    )
    assert not any(videos['7-60'].images)
    with pytest.raises(ValueError, match="'half' is none of 'train'"):
        read(str(own_root), str(own_root), split='half')
    with pytest.raises(ValueError, match='metainfo has the classes x'):
        read(str(own_root), str(own_root), classes=['x'])
    with pytest.raises(FileNotFoundError, match='no folder named cropped_al'):
        read(str(own_root), str(own_root / 'MTL_Challenge'))
    path = own_root / 'MTL_Challenge' / FILES['val']
    path.write_text(path.read_text().replace('7-60/', '112/'))
    with pytest.raises(ValueError, match=r'1 video \(112\) in more than one'):
        read(str(own_root), str(own_root))
    path.unlink()
    with pytest.raises(FileNotFoundError, match='no file validation_set.txt'):
        read(str(own_root), str(own_root), split='val')
    with pytest.raises(ValueError, match="on_mismatch='skip' is none of"):
        SAffWild2Reader(on_mismatch='skip')


# ------------------------------------------------------------------ data sets


def build(root, kind, **kwargs):
    return DATASETS.build(
        dict(
            type=kind,
            data_root=str(root),
            reader=dict(type='SAffWild2Reader'),
            **kwargs,
        )
    )


@pytest.mark.parametrize('folder', ['', 'MTL_Challenge'])
def test_a_single_track_is_not_in_it(written, folder):
    with pytest.raises(ValueError, match='Wild2, .* the AU .*SAffWild2Reader'):
        AffWild2Reader('AU').read_labels(str(written[0] / folder), 'train')


def test_frames(written):
    root, rows = written
    frames = build(root, 'VideoFrameDataset', split='train')
    assert len(frames) == 7  # the image that is not listed is left out
    item = frames.get_data_info(3)
    assert item['start'] == 14 and item['img_path'].endswith('left/00015.jpg')
    for task in TASKS:
        label = item[f'{task}_gt_label']
        assert isinstance(label, torch.Tensor)
        np.testing.assert_array_equal(label, rows['video5_left'][task][3])
    # The first frame of each video is not annotated for any task.
    labeled = build(
        root, 'VideoFrameDataset', split='train', only_labeled=True
    )
    starts = {
        (x['video'], x['start'])
        for x in map(labeled.get_data_info, range(len(labeled)))
    }
    known = {
        (name, frame - 1)
        for name, numbers in LISTED['train'].items()
        for i, frame in enumerate(numbers)
        if any(is_annotated(rows[name][task][[i]]).any() for task in TASKS)
    }
    assert (
        starts
        == known
        < {('video5_left', i - 1) for i in (2, 3, 7, 15)}
        | {('112', i - 1) for i in (1, 4, 9)}
    )


def test_clips_keep_the_gaps(written):
    root, rows = written
    clips = build(
        root, 'VideoClipDataset', split='val', window=16, test_mode=True
    )
    items = {
        (x['video'], x['start']): x
        for x in map(clips.get_data_info, range(len(clips)))
    }
    # Windows of 16 frames; those without a listed frame are left out.
    assert set(items) == {
        ('video59_right', 0), ('video59_right', 5), ('7-60', 0), ('7-60', 14)
    }  # fmt: skip
    item = items['video59_right', 5]
    assert np.flatnonzero(item['valid']).tolist() == [0, 6, 14, 15]
    expression = item['gt_labels']['EXPR']
    listed = LISTED['val']['video59_right']
    for i, frame in enumerate(listed):
        if frame > 5:
            assert expression[frame - 6] == rows['video59_right']['EXPR'][i]
    assert clips.metainfo['tasks'] == ABAW_TRACKS
    assert len(clips.metainfo['videos']['7-60']) == 30


def test_check_of_the_data(written):
    root, _ = written
    check = DataCheck(root, 'exist')
    (report,) = check.run()
    assert report.name == 's-Aff-Wild2' and report.folder == str(root)
    parts = {part.name: part for part in report.parts}
    assert list(parts) == ['train', 'val', 'test']
    assert [part.num_faces for part in parts.values()] == [7, 8, 4]
    assert parts['test'].counts == dict(labeled=0)
    assert not any(part.error for part in parts.values())
    assert 'video59_right/00008.jpg' in parts['val'].findings[0]
    assert 's-Aff-Wild2' in describe(root, [report])
