import pickle
import time

import numpy as np
import pytest
import torch

from fer_ssl.datasets.transforms.load_clip_frames import LoadClipFrames
from fer_ssl.datasets.transforms.pack_clip_inputs import PackClipInputs
from fer_ssl.datasets.videos.feature_store import (
    FeatureStoreWriter,
    images_digest,
)
from fer_ssl.datasets.videos.video_clip_dataset import (
    VideoClipDataset,
    window_starts,
)

STAMP = 'ab' * 32


def write_store(path, dataset, dim=2):
    """Store in which every feature is the number of its row."""
    writer = FeatureStoreWriter(str(path))
    rows = np.arange(len(dataset.labels))
    writer.create(len(rows), dim)
    writer.write(rows, np.repeat(rows[:, None], dim, axis=1).astype('f4'))
    videos = {
        name: dict(
            offset=int(first),
            num_frames=int(stop - first),
            images=images_digest(dataset.images[first:stop]),
        )
        for name, first, stop in zip(
            dataset.video_names, dataset.offsets, dataset.offsets[1:]
        )
    }
    writer.finish(dict(recipe=dict(student_sha256=STAMP), videos=videos))
    return str(path)


@pytest.mark.parametrize(
    ('num_frames', 'window', 'stride', 'expected'),
    [
        (10, 4, 4, [0, 4, 6]),
        (12, 4, 4, [0, 4, 8]),
        (10, 4, 2, [0, 2, 4, 6]),
        (3, 4, 2, [0]),
        (4, 4, 4, [0]),
        (5, 4, 9, [0, 1]),
    ],
)
def test_windows_keep_the_tail(num_frames, window, stride, expected):
    starts = window_starts(num_frames, window, stride)
    assert starts.tolist() == expected
    covered = {i for s in starts for i in range(s, s + window)}
    if stride <= window:
        assert covered >= set(range(num_frames))


def test_items_and_padding(write_videos):
    files = write_videos({'long': '01.2?', 'short': '.1'})
    dataset = VideoClipDataset(**files, window=3)
    items = [dataset.get_data_info(i) for i in range(len(dataset))]
    assert [(x['video'], x['start'], x['num_frames']) for x in items] == [
        ('long', 0, 5),
        ('long', 2, 5),
        ('short', 0, 2),
    ]
    np.testing.assert_array_equal(items[1]['gt_labels'], [-1, 2, -1])
    np.testing.assert_array_equal(items[1]['valid'], [False, True, True])
    np.testing.assert_array_equal(items[2]['gt_labels'], [-1, 1, -1])
    np.testing.assert_array_equal(items[2]['valid'], [False, True, False])
    assert items[2]['img_paths'][0] == items[2]['img_paths'][2] == ''
    assert items[2]['img_paths'][1].endswith('frames/short/00002.png')


def test_useless_clips_are_left_out(write_videos):
    files = write_videos({'a': '00??....', 'none': '....'})
    train = VideoClipDataset(**files, window=2)
    assert train.data_list.tolist() == [[0, 0]]
    test = VideoClipDataset(**files, window=2, test_mode=True)
    assert test.data_list.tolist() == [[0, 0], [0, 2]]
    assert list(test.metainfo['videos']) == ['a', 'none']
    nothing = write_videos({'none': '....'})
    with pytest.raises(ValueError, match='no frame with a face and a label'):
        VideoClipDataset(**nothing)


def test_random_shift_reaches_every_start_and_the_ends(write_videos):
    np.random.seed(0)
    files = write_videos({'a': '0' * 12, 'short': '1'})
    dataset = VideoClipDataset(**files, window=4, stride=4, random_shift=True)
    seen = set()
    for _ in range(200):
        for i in range(len(dataset)):
            item = dataset.get_data_info(i)
            seen.add((item['video'], item['start']))
            assert item['start'] + 4 <= 12
    assert seen == {('a', i) for i in range(9)} | {('short', 0)}
    still = VideoClipDataset(
        **files, window=4, random_shift=True, test_mode=True
    )
    assert {still.get_data_info(0)['start'] for _ in range(20)} == {0}


def test_shift_never_leaves_the_labels(write_videos):
    np.random.seed(0)
    files = write_videos({'a': '????0???'})
    dataset = VideoClipDataset(**files, window=2, stride=2, random_shift=True)
    for _ in range(100):
        assert (dataset.get_data_info(0)['gt_labels'] != -1).any()


def test_features_of_the_right_rows(write_videos, tmp_path):
    files = write_videos({'a': '01012', 'b': '2?'})
    plain = VideoClipDataset(**files, window=4, test_mode=True)
    store = write_store(tmp_path / 'store', plain)
    dataset = VideoClipDataset(
        **files,
        window=4,
        feature_store=store,
        pipeline=[PackClipInputs()],
        test_mode=True,
    )
    expected = [[0, 1, 2, 3], [1, 2, 3, 4], [5, 6, 0, 0]]
    assert [x['inputs'][:, 0].tolist() for x in dataset] == expected
    packed = dataset[2]
    assert packed['inputs'].dtype == torch.float16
    sample = packed['data_samples']
    assert sample.gt_label.tolist() == [2, -1, -1, -1]
    assert sample.valid.tolist() == [True, True, False, False]
    assert (sample.video, sample.start, sample.num_frames) == ('b', 0, 2)
    assert sample.student_sha256 == STAMP
    # Workers that are spawned get the path, not the features.
    assert len(pickle.dumps(dataset.stores)) < 2000
    copied = pickle.loads(pickle.dumps(dataset))
    assert copied[1]['inputs'][:, 0].tolist() == expected[1]


def write_stream(path, lengths, valid, dim=3):
    """Store without a student; every feature is 100 + the number of its row.

    ``valid`` has a character per frame, '1' where it has the stream.
    """
    writer = FeatureStoreWriter(str(path))
    known = np.flatnonzero([x == '1' for x in valid])
    writer.create(len(valid), dim)
    writer.write(known, np.repeat(100 + known[:, None], dim, 1).astype('f4'))
    videos, offset = {}, 0
    for name, length in lengths.items():
        videos[name] = dict(offset=offset, num_frames=length)
        offset += length
    writer.finish(dict(recipe=dict(tool='tools/x.py'), videos=videos))
    return str(path)


def test_streams_side_by_side(write_videos, tmp_path):
    files = write_videos({'a': '0.1.', 'b': '..2'})
    plain = VideoClipDataset(**files, test_mode=True)
    visual = write_store(tmp_path / 'visual', plain)
    # another order of videos than in the annotation
    audio = write_stream(tmp_path / 'audio', dict(b=3, a=4), '0101100')
    dataset = VideoClipDataset(
        **files,
        window=4,
        feature_store=dict(visual=visual, audio=audio),
        pipeline=[PackClipInputs()],
        test_mode=True,
    )
    assert len(dataset) == 2
    a, b = dataset[0], dataset[1]
    assert a['inputs'].dtype == torch.float16
    expected = [[0, 0, 103, 103, 103], [1, 1, 104, 104, 104]]
    assert a['inputs'][:2].tolist() == expected
    sample = a['data_samples']
    assert sample.stream_valid.int().tolist() == [[1, 1], [1, 1], [1, 0]] + [
        [1, 0]
    ]
    assert b['inputs'][:, 2].tolist() == [0, 101, 0, 0]
    assert b['data_samples'].stream_valid.any(1).tolist() == [True] * 3 + [
        False
    ]
    assert sample.student_sha256 == STAMP
    copied = pickle.loads(pickle.dumps(dataset))
    torch.testing.assert_close(copied[0]['inputs'], a['inputs'])


def test_frames_with_any_stream_are_valid(write_videos, tmp_path):
    """Validity comes from the stores, not from the annotated faces."""
    files = write_videos({'a': '0.1.?.', 'b': '..'})
    plain = VideoClipDataset(**files, test_mode=True)
    rows = np.flatnonzero(plain.has_face)
    writer = FeatureStoreWriter(str(tmp_path / 'visual'))
    writer.create(8, 2)
    writer.write(rows, np.ones((len(rows), 2), 'f4'))
    videos = dict(
        a=dict(offset=0, num_frames=6), b=dict(offset=6, num_frames=2)
    )
    writer.finish(dict(recipe=dict(student_sha256=STAMP), videos=videos))
    audio = write_stream(tmp_path / 'audio', dict(a=6, b=2), '01100010')
    stores = dict(visual=str(tmp_path / 'visual'), audio=audio)
    test = VideoClipDataset(
        **files, window=6, feature_store=stores, test_mode=True
    )
    a, b = test.get_data_info(0), test.get_data_info(1)
    assert a['valid'].tolist() == [1, 1, 1, 0, 1, 0]
    assert b['valid'].tolist() == [1, 0, 0, 0, 0, 0]
    faces = test.metainfo['has_face']
    assert faces['a'].tolist() == [1, 0, 1, 0, 1, 0]
    assert faces['b'].tolist() == [0, 0]
    # One stream alone: only its own frames, and no stamp of a student.
    sound = VideoClipDataset(**files, window=6, feature_store=audio)
    item = sound.get_data_info(0)
    assert item['valid'].tolist() == [0, 1, 1, 0, 0, 0]
    assert 'student_sha256' not in item and 'stream_valid' not in item
    assert 'has_face' not in sound.metainfo


def test_changed_videos_are_refused(write_videos, tmp_path):
    store = write_store(
        tmp_path / 'store', VideoClipDataset(**write_videos({'a': '012'}))
    )
    VideoClipDataset(**write_videos({'a': '222'}), feature_store=store)
    for videos, message in (
        ({'a': '012', 'b': '0'}, "no features of video 'b'.*Run tools"),
        ({'a': '0121'}, "video 'a' had 3 frames.*now it has 4"),
        ({'a': '01.'}, 'or other images'),
    ):
        with pytest.raises(ValueError, match=message):
            VideoClipDataset(**write_videos(videos), feature_store=store)


def test_missing_and_unfinished_stores_are_refused(write_videos, tmp_path):
    files = write_videos({'a': '012'})
    with pytest.raises(FileNotFoundError, match='missing. Run tools/extract'):
        VideoClipDataset(**files, feature_store=str(tmp_path / 'none'))
    path = str(tmp_path / 'half')
    FeatureStoreWriter(path).create(3, 2)
    with pytest.raises(FileNotFoundError, match='not finished'):
        VideoClipDataset(**files, feature_store=path)


def test_frames_through_the_image_pipeline(write_videos):
    files = write_videos({'a': '0.1'}, size=12)
    load = LoadClipFrames(
        [
            dict(type='LoadImageFromFile'),
            dict(type='ResizeEdge', scale=10, edge='short'),
            dict(type='CenterCrop', crop_size=8),
        ]
    )
    dataset = VideoClipDataset(
        **files, window=4, pipeline=[load, PackClipInputs()]
    )
    inputs = dataset[0]['inputs']
    assert inputs.shape == (4, 3, 8, 8) and inputs.dtype == torch.uint8
    assert not inputs[[1, 3]].any()
    path = dataset.image_path(2)
    face = load.transforms(dict(img_path=path))['img']
    np.testing.assert_array_equal(inputs[2].permute(1, 2, 0), face)


def test_unreadable_and_unequal_frames(write_videos, tmp_path):
    files = write_videos({'a': '00'}, size=8)
    load = LoadClipFrames([dict(type='LoadImageFromFile')])
    dataset = VideoClipDataset(**files, window=2, pipeline=[load])
    write_videos({'a': '0'}, size=9)  # the first frame again, larger
    with pytest.raises(ValueError, match="video 'a': frames of .*one size"):
        dataset[0]
    (tmp_path / 'frames/a/00001.png').write_bytes(b'no image')
    with pytest.raises(ValueError, match='00001.png: not a readable image'):
        dataset[0]
    (tmp_path / 'frames/a/00001.png').unlink()
    with pytest.raises(ValueError, match='00001.png: no such image file'):
        dataset[0]


def test_thousands_of_clips_per_second(write_videos, tmp_path):
    files = write_videos({'a': '01' * 300}, size=4)
    plain = VideoClipDataset(**files, stride=1)
    dataset = VideoClipDataset(
        **files,
        stride=1,
        random_shift=True,
        feature_store=write_store(tmp_path / 'store', plain, dim=512),
        pipeline=[PackClipInputs()],
    )
    dataset[0]
    start = time.process_time()
    for i in range(len(dataset)):
        dataset[i]
    # One core of a 2020s CPU reads about 10,000; other jobs may run.
    assert len(dataset) / (time.process_time() - start) > 1000
