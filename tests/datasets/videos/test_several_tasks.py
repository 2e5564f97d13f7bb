"""Labels of valence-arousal, expressions and action units side by side."""

import shutil

import numpy as np
import pytest
import torch
from mmengine.registry import DATASETS

import fer_ssl  # noqa: F401
from fer_ssl.datasets import AffWild2Reader, FramesCSVReader, PackClipInputs
from fer_ssl.datasets.videos.abaw_annotation import (
    ignored_labels,
    is_annotated,
)
from fer_ssl.datasets.videos.frames_csv import read_frames_csv
from fer_ssl.labels import ABAW_TRACKS
from tests.datasets.videos.aff_wild2_files import (
    TRACK_FOLDERS,
    Video,
    frames,
    random_labels,
    write_aff_wild2,
)

TRACKS = tuple(ABAW_TRACKS)
UNITS = ABAW_TRACKS['AU']
COLUMNS = ('expression', 'valence', 'arousal', *UNITS)
HEADER = ','.join(['video', 'frame', 'image', 'split', *COLUMNS])


# ----------------------------------------------------------------- frames CSV


def write_csv(tmp_path, rows, header=HEADER):
    path = tmp_path / 'frames.csv'
    path.write_text('\n'.join([header, *rows, '']))
    return str(path)


def row(video, frame, expression='', va=',', units=',' * 11, split='train'):
    image = f'{video}/{frame:05d}.jpg'
    return f'{video},{frame},{image},{split},{expression},{va},{units}'


ROWS = [
    row('a', 1, 'anger', '0.25,-1', '0,1,5,2.5,0.99,1.0,-1,,0,0,0,3'),
    row('a', 2, '', '-5,0.5'),
    row('a', 3, 'other', ',0.5', ',,,,,,,,,,,0.2'),
    row('b', 1, 'neutral', '-0.5,0', ','.join('0' * 12), 'val'),
]
ACTIVE = [0, 1, 1, 1, 0, 1, -1, -1, 0, 0, 0, 1]
EXPECTED = {
    'EXPR': [1, -1, 7],
    'VA': [[0.25, -1], [-5, 0.5], [-5, 0.5]],
    'AU': [ACTIVE, [-1] * 12, [-1] * 11 + [0]],
}
TYPES = {'EXPR': np.int64, 'VA': np.float32, 'AU': np.int64}


@pytest.mark.parametrize('task', TRACKS)
def test_one_task_of_a_csv(tmp_path, task):
    path = write_csv(tmp_path, ROWS)
    reader = FramesCSVReader(task)
    assert reader.classes == ABAW_TRACKS[task]
    videos = reader.read(path, '', split='train')
    assert list(videos) == ['a']
    assert videos['a'].labels.dtype == TYPES[task]
    np.testing.assert_array_equal(videos['a'].labels, EXPECTED[task])


def test_several_tasks_of_a_csv(tmp_path):
    path = write_csv(tmp_path, ROWS)
    reader = FramesCSVReader(TRACKS)
    assert len(reader.classes) == len(set(reader.classes)) == 8 + 2 + 12
    videos = reader.read(path, '', reader.classes)
    assert list(videos) == ['a', 'b']
    for task in TRACKS:
        found = videos['a'].labels[task]
        assert found.dtype == TYPES[task]
        np.testing.assert_array_equal(found, EXPECTED[task])
    assert is_annotated(videos['a'].labels).tolist() == [True, False, True]


def test_intensity_from_which_a_unit_is_active(tmp_path):
    path = write_csv(tmp_path, ROWS)
    strong = FramesCSVReader('AU', active_from=2.5).read(path, '')
    assert strong['a'].labels[0].tolist() == [
        0, 0, 1, 1, 0, 0, -1, -1, 0, 0, 0, 1,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ('bad', 'problem'),
    [
        (row('a', 1, va='1.5,0'), "csv:2: '1.5' is not a number from -1 to 1"),
        (row('a', 1, va='nan,0'), "csv:2: 'nan' is not a number"),
        (row('a', 1, units='-2' + ',' * 11), "csv:2: '-2' is not an intens"),
        (row('a', 1, units='x' + ',' * 11), "csv:2: 'x' is not an intensity"),
        (row('a', 1, 'angry'), "csv:2: unknown class 'angry'; classes are ne"),
        (row('a', 2), 'csv:2: .*expected .* frame 1'),
        ('a,x' + row('', 1)[2:], "csv:2: frame 'x' is not a whole number"),
        ('a,1', 'csv:2: 2 fields, but the header has 19'),
    ],
)
def test_bad_cells(tmp_path, bad, problem):
    path = write_csv(tmp_path, [bad])
    with pytest.raises(ValueError, match=problem):
        FramesCSVReader(TRACKS).read(path, '')


def test_only_the_columns_of_the_tasks_are_needed(tmp_path):
    path = write_csv(
        tmp_path, ['a,1,,0.5,0.25'], 'video,frame,image,valence,arousal'
    )
    assert FramesCSVReader('VA').read(path, '')['a'].labels.tolist() == [
        [0.5, 0.25]
    ]
    with pytest.raises(ValueError, match='column expression, AU1, .* missing'):
        FramesCSVReader(('EXPR', 'AU')).read(path, '')
    with pytest.raises(ValueError, match='VA have the columns valence, ar'):
        FramesCSVReader('VA').read(path, '', classes=('neutral', 'anger'))
    for tasks in ('va', ('VA', 'VA'), ()):
        with pytest.raises(ValueError, match='FramesCSVReader: tasks=.*none'):
            FramesCSVReader(tasks)


# --------------------------------------------------------------- the data set


def clips(tmp_path, **kwargs):
    return DATASETS.build(
        dict(
            dict(
                type='VideoClipDataset',
                data_root=str(tmp_path),
                ann_file='frames.csv',
                reader=dict(type='FramesCSVReader', tasks=TRACKS),
                window=4,
            ),
            **kwargs,
        )
    )


def test_clips_of_several_tasks(tmp_path):
    write_csv(tmp_path, ROWS)
    dataset = clips(tmp_path, split='train', test_mode=True)
    assert dataset.data_prefix['img_path'] == str(tmp_path / 'frames')
    assert dataset.metainfo['tasks'] == ABAW_TRACKS
    assert len(dataset.metainfo['classes']) == 22
    dataset.pipeline.transforms.clear()
    item = dataset[0]
    item.pop('img_paths')
    item['features'] = np.zeros((4, 3), np.float16)
    sample = PackClipInputs()(item)['data_samples']
    assert 'gt_label' not in sample
    for task, padding in (('EXPR', -1), ('VA', -5), ('AU', -1)):
        label = sample.get(f'{task}_gt_label')
        np.testing.assert_array_equal(label[:3], EXPECTED[task])
        assert (label[3] == padding).all()
        truth = dataset.metainfo['videos']['a'][task]
        np.testing.assert_array_equal(truth, EXPECTED[task])
    assert sample.valid.tolist() == [True, True, True, False]


def test_a_clip_with_a_label_of_any_task_is_used(tmp_path):
    rows = [row('a', i, units='1' + ',' * 11) for i in (1, 2)]
    rows += [row('a', i) for i in (3, 4)]
    write_csv(tmp_path, rows)
    assert len(clips(tmp_path, window=2)) == 1
    with pytest.raises(ValueError, match='no frame with a face and a label'):
        clips(tmp_path, reader=dict(type='FramesCSVReader', tasks='VA'))


def test_frames_of_several_tasks_have_no_label(tmp_path):
    write_csv(tmp_path, ROWS)
    dataset = clips(tmp_path)
    frames = DATASETS.build(
        dict(
            type='VideoFrameDataset',
            data_root=str(tmp_path),
            ann_file='frames.csv',
            reader=dict(type='FramesCSVReader', tasks=TRACKS),
        )
    )
    assert 'gt_label' not in frames.get_data_info(0)
    assert frames.get_gt_labels().dtype == dataset.labels.dtype


def test_synthetic_videos_have_all_tasks(synthetic_root):
    path = str(synthetic_root / 'frames.csv')
    tasks, active = FramesCSVReader(TRACKS).read(path, ''), set()
    for name, video in read_frames_csv(path, ABAW_TRACKS['EXPR']).items():
        labels = tasks[name].labels
        np.testing.assert_array_equal(labels['EXPR'], video.labels)
        assert (np.abs(labels['VA']) <= 1).all()
        active.update(labels['AU'].ravel().tolist())
    assert active == {0, 1}


# ------------------------------------------------------------------ Aff-Wild2


def write_tracks(root, splits):
    """One video per entry: its split in each track, 7 frames each."""
    rng = np.random.default_rng(0)
    labels = {}
    for track in TRACKS:
        videos = []
        for name, split in splits.items():
            if track in split:
                video = Video(name, split[track], 7, (frames(1, 7, [3]),))
                video.labels = random_labels(7, rng)
                videos.append(video)
                labels[name, track] = video.labels[track]
        folder = {track: TRACK_FOLDERS[track]}
        write_aff_wild2(root / track, folder, videos)
    return labels


@pytest.fixture
def mixed(tmp_path):
    """Aff-Wild2 whose tracks split the videos in different ways."""
    train, val = 'Train_Set', 'Validation_Set'
    labels = write_tracks(
        tmp_path / 'parts',
        {
            'all': dict(EXPR=train, VA=train, AU=train),
            'one': dict(AU=train),
            'both': dict(EXPR=train, VA=val),
            'held': dict(EXPR=val, VA=val, AU=val),
            'half': dict(AU=val),
        },
    )
    root = tmp_path / 'Aff-Wild2'
    for track in TRACKS:
        shutil.copytree(tmp_path / 'parts' / track, root, dirs_exist_ok=True)
    return root, labels


@pytest.mark.parametrize(
    ('split', 'names', 'tracks_of_both'),
    [
        ('train', {'all', 'one'}, None),
        ('val', {'both', 'held', 'half'}, {'VA'}),
        (('train', 'val'), {'all', 'one', 'both', 'held', 'half'}, {'VA'}),
    ],
)
def test_tracks_of_aff_wild2(mixed, split, names, tracks_of_both):
    """No video is in the training set of one track and validates another."""
    root, labels = mixed
    reader = AffWild2Reader(TRACKS)
    assert len(reader.classes) == 22
    videos = reader.read(str(root), str(root), reader.classes, split)
    assert set(videos) == names
    for name, video in videos.items():
        assert video.images[2] == '' and all(video.images[3:])
        for track in TRACKS:
            known = (name, track) in labels
            if name == 'both':
                known = track in tracks_of_both
            expected = ignored_labels(track, 7)
            if known:
                expected = labels[name, track]
            np.testing.assert_array_equal(video.labels[track], expected)


def test_tracks_whose_lengths_differ(mixed):
    root, labels = mixed
    folder = root / '6th_ABAW_Annotations/EXPR_Recognition_Challenge/Train_Set'
    text = (folder / 'all.txt').read_text()
    (folder / 'all.txt').write_text(text + '3\n')
    reader = AffWild2Reader(('EXPR', 'VA'))
    record = reader.read_labels(str(root), 'train')['all']
    assert record['EXPR'].tolist() == [*labels['all', 'EXPR'], 3]
    assert (record['VA'][-1] == -5).all()
    (folder / 'all.txt').write_text(text + '3\n3\n')
    with pytest.raises(ValueError, match="all: .*'EXPR': 9, 'VA': 7"):
        reader.read_labels(str(root), 'train')


def test_test_set_of_several_tracks(mixed):
    root, _ = mixed
    (root / 'list.txt').write_text('x,3\ny,2\n')
    reader = AffWild2Reader(TRACKS, test_set='list.txt')
    labels = reader.read_labels(str(root), 'test')
    assert {name: len(x) for name, x in labels.items()} == dict(x=3, y=2)
    assert not any(is_annotated(x).any() for x in labels.values())


def test_clips_of_one_task_each(mixed):
    """A clip that only one track annotates."""
    root, _ = mixed
    dataset = DATASETS.build(
        dict(
            type='VideoClipDataset',
            data_root=str(root),
            reader=dict(type='AffWild2Reader', track=TRACKS),
            split='train',
            window=7,
        )
    )
    items = {item['video']: item['gt_labels'] for item in dataset}
    assert is_annotated(items['one']['AU']).any()
    assert not is_annotated(items['one']['VA']).any()
    assert torch.from_numpy(items['all']['VA'].copy()).shape == (7, 2)
