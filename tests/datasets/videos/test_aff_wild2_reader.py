import os
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.registry import DATASETS, TASK_UTILS

import fer_ssl  # noqa: F401
from fer_ssl.datasets import (
    AffWild2Reader,
    VideoClipDataset,
    VideoFrameDataset,
)
from fer_ssl.datasets.videos.crop_folders import find_folders, list_crops
from fer_ssl.labels import ABAW_EXPRESSIONS, ABAW_TRACKS
from tests.datasets.videos.aff_wild2_files import (
    CROPS,
    TRACK_FOLDERS,
    Video,
    frames,
    random_labels,
    scene,
    write_aff_wild2,
    write_annotation,
    write_crop,
)

TRACKS = tuple(TRACK_FOLDERS)
SETS = {'train': 'Train_Set', 'val': 'Validation_Set', 'test': 'test'}


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    """The scene of all tracks; only read."""
    root = tmp_path_factory.mktemp('Aff-Wild2')
    write_aff_wild2(root)
    return root


@pytest.fixture
def own_root(tmp_path):
    """The scene of one track, to be damaged."""
    write_aff_wild2(tmp_path, {'EXPR': TRACK_FOLDERS['EXPR']})
    return tmp_path


def read(root, split='train', track='EXPR', **kwargs):
    reader = AffWild2Reader(track, **kwargs)
    return reader.read(str(root), str(root), split=split)


def videos_of(split):
    return sorted(
        (v for v in scene() if v.split == SETS[split]), key=lambda v: v.name
    )


# ------------------------------------------------------------------- reading


@pytest.mark.parametrize('track', TRACKS)
@pytest.mark.parametrize('split', ['train', 'val', 'test'])
def test_every_frame_with_its_label_and_image(root, track, split):
    test_set = f'6th_ABAW_Annotations/example_{track}.txt'
    videos = read(root, split, track, test_set=test_set)
    expected = videos_of(split)
    if split == 'test':  # in the order of the example
        assert list(videos) == ['2-30-640x360', 'video92']
    else:
        assert list(videos) == [video.name for video in expected]
    for video in expected:
        found = videos[video.name]
        np.testing.assert_array_equal(found.labels, video.labels[track])
        assert found.labels.dtype == video.labels[track].dtype
        prefixed = [x and f'crops/{x}' for x in video.images]
        assert found.images == prefixed
    # frame 4 is in both folders, 5 in one, 7 in none
    if split == 'val':
        images = videos['video59'].images
        assert Path(images[3]).parts[1] == CROPS[0]
        assert Path(images[4]).parts[1] == CROPS[1]
        assert images[6] == ''


def test_splits_together(root):
    names = [[v.name for v in videos_of(x)] for x in ('train', 'val')]
    assert list(read(root, None)) == names[0] + names[1]
    assert list(read(root, ('val', 'train'))) == names[1] + names[0]
    with pytest.raises(ValueError, match="split 'dev' is none of"):
        read(root, 'dev')


def test_annotation_folder_of_older_challenges(own_root):
    annotations = own_root / '6th_ABAW_Annotations'
    new, old = 'EXPR_Recognition_Challenge', 'EXPR_Classification_Challenge'
    (annotations / new).rename(annotations / old)
    assert len(read(own_root)) == 7
    # two versions side by side are ambiguous
    shutil.copytree(annotations / old, annotations / new)
    with pytest.raises(FileNotFoundError, match='2 folders named .*ann_file'):
        read(own_root)
    for folder in (old, new):
        reader = AffWild2Reader()
        path = str(annotations / folder)
        assert len(reader.read(path, str(own_root), split='val')) == 3


@pytest.mark.parametrize(
    ('first', 'second'),
    [
        ('cropped_aligned', 'cropped_aligned_new_50_vids'),
        ('batch1/cropped_aligned', 'batch2/cropped_aligned_new_50_vids'),
        # unpacked into a folder of the archive's name
        (
            'cropped_aligned/cropped_aligned',
            'cropped_aligned/cropped_aligned_new_50_vids',
        ),
        # the later delivery inside the first
        (
            'cropped_aligned',
            'cropped_aligned/cropped_aligned_new_50_vids',
        ),
    ],
)
def test_places_of_the_crops(own_root, first, second):
    images = own_root / 'elsewhere'
    for source, target in zip(CROPS, (first, second)):
        (images / target).parent.mkdir(parents=True, exist_ok=True)
        (own_root / 'crops' / source).rename(images / target)
    for video in videos_of('val'):
        found = AffWild2Reader().read(str(own_root), str(images), split='val')
        own = {CROPS[0]: first, CROPS[1]: second}
        expected = [
            x and x.replace(x.split('/')[0], own[x.split('/')[0]], 1)
            for x in video.images
        ]
        assert found[video.name].images == expected


def test_crops_merged_into_one_folder(own_root):
    crops = own_root / 'crops'
    for video in (crops / CROPS[1]).glob('*-*'):
        video.rename(crops / CROPS[0] / video.name)
    shutil.rmtree(crops / CROPS[1])
    for images in (own_root, crops, crops / CROPS[0]):
        reader = AffWild2Reader()
        videos = reader.read(str(own_root), str(images), split='train')
        path = videos['5-60-1920x1080-1'].images[0]
        assert (images / path).is_file()
    renamed = crops / 'faces'
    (crops / CROPS[0]).rename(renamed)
    videos = read(own_root, crops=('faces',))
    assert videos['video2'].images[0] == 'crops/faces/video2/00001.jpg'


def test_missing_folders_name_the_remedy(own_root):
    with pytest.raises(FileNotFoundError, match='none: no such .*data_root'):
        read(own_root / 'none')
    with pytest.raises(FileNotFoundError, match='no folder named VA_Esti'):
        read(own_root, track='VA')
    (own_root / 'frames.csv').touch()
    with pytest.raises(FileNotFoundError, match='frames.csv: no such folder'):
        read(own_root / 'frames.csv')
    shutil.rmtree(own_root / 'crops')
    with pytest.raises(FileNotFoundError, match='no folder named cropped_al'):
        read(own_root)


def test_a_malformed_annotation_is_named(own_root):
    folder = own_root / '6th_ABAW_Annotations/EXPR_Recognition_Challenge'
    path = folder / 'Train_Set/video2.txt'
    path.write_text(path.read_text().replace('\n', '\n\n', 1))
    with pytest.raises(ValueError, match='video2.txt:2: .*not an expression'):
        read(own_root)
    for path in (folder / 'Validation_Set').glob('*.txt'):
        path.unlink()
    with pytest.raises(FileNotFoundError, match='Validation_Set: no annot'):
        read(own_root, 'val')


def test_a_video_in_two_splits_is_refused(own_root):
    folder = own_root / '6th_ABAW_Annotations/EXPR_Recognition_Challenge'
    shutil.copy(folder / 'Train_Set/video2.txt', folder / 'Validation_Set')
    with pytest.raises(ValueError, match=r'1 video \(video2\) in more than'):
        read(own_root, None)


# ------------------------------------------------- annotations against images


def test_images_beyond_the_annotation(own_root, capfd):
    folder = own_root / 'crops/cropped_aligned/video10_1'
    write_crop(folder, 9)  # of 7 lines
    message = r'1 beyond the annotation of 1 video \(video10_1: 7 lines, ima'
    with pytest.raises(ValueError, match=message + '.*on_mismatch'):
        read(own_root)
    assert len(read(own_root, tolerance=2)['video10_1'].images) == 7
    videos = read(own_root, on_mismatch='warn')
    assert len(videos['video10_1'].images) == 7
    with pytest.raises(ValueError, match="'ignore' is none of"):
        AffWild2Reader(on_mismatch='ignore')


def test_videos_without_crops(own_root):
    shutil.rmtree(own_root / 'crops/cropped_aligned/video2')
    with pytest.raises(ValueError, match=r'no folder of crops for 1 video'):
        read(own_root)
    videos = read(own_root, on_mismatch='warn')
    assert videos['video2'].images == [''] * 10
    for folder in CROPS:
        for path in (own_root / 'crops' / folder).glob('*/'):
            if path.is_dir():
                shutil.rmtree(path)
    with pytest.raises(ValueError, match='no folder of crops for 7 videos'):
        read(own_root, on_mismatch='warn')


def test_numbers_of_images(tmp_path):
    for name in ('00002.jpg', '00010.JPG', '100000.png', 'Thumbs.db'):
        (tmp_path / name).touch()
    for name in ('._00001.jpg', '00001 (1).jpg', '\u0661.jpg', '00003.txt'):
        (tmp_path / name).touch()
    assert list_crops(str(tmp_path)) == {
        2: '00002.jpg',
        10: '00010.JPG',
        100000: '100000.png',
    }
    (tmp_path / '2.jpg').touch()
    with pytest.raises(ValueError, match='2.jpg and 0*2.jpg: .*one image'):
        list_crops(str(tmp_path))
    (tmp_path / '2.jpg').unlink()
    (tmp_path / '00000.jpg').touch()
    with pytest.raises(ValueError, match='00000.jpg: frames count from 1'):
        list_crops(str(tmp_path))


def test_many_folders_are_not_searched(tmp_path):
    for i in range(101):
        (tmp_path / f'video{i}' / 'cropped_aligned').mkdir(parents=True)
    (tmp_path / 'cropped_aligned').mkdir()
    found = find_folders(str(tmp_path), ['cropped_aligned'])
    assert found == [str(tmp_path / 'cropped_aligned')]


def test_a_folder_of_another_user_is_skipped(own_root, monkeypatch):
    """lost+found, where the data root is the top of a disk."""
    (own_root / 'lost+found').mkdir()
    scandir = os.scandir

    def refuse(folder):
        if str(folder).endswith('lost+found'):
            raise PermissionError(folder)
        return scandir(folder)

    monkeypatch.setattr(
        'fer_ssl.datasets.videos.crop_folders.os.scandir', refuse
    )
    assert len(read(own_root)) == 7


# ------------------------------------------------------------------ test set


def test_test_set_needs_lengths(own_root):
    with pytest.raises(ValueError, match="split 'test' has no annotation"):
        read(own_root, 'test')
    example = '6th_ABAW_Annotations/example_EXPR.txt'
    with pytest.raises(ValueError, match='is not the header of track VA'):
        read(own_root, 'test', 'VA', test_set=example)
    (own_root / 'names.txt').write_text('video92\n2-30-640x360\n')
    with pytest.raises(ValueError, match='names.txt:1: .*no numbers'):
        read(own_root, 'test', test_set='names.txt')
    (own_root / 'names.txt').write_text('video92 5\n2-30-640x360 9\n')
    videos = read(own_root, 'test', test_set='names.txt')
    assert [len(v.images) for v in videos.values()] == [5, 9]


# ------------------------------------------------------------------- classes


def test_classes_in_another_order(root):
    classes = tuple(reversed(ABAW_EXPRESSIONS))
    reader = AffWild2Reader()
    plain = reader.read(str(root), str(root))
    other = reader.read(str(root), str(root), classes)
    for name, video in plain.items():
        known = video.labels != -1
        np.testing.assert_array_equal(
            other[name].labels, np.where(known, 7 - video.labels, -1)
        )
    with pytest.raises(ValueError, match='annotated with neutral, anger'):
        reader.read(str(root), str(root), classes[1:])
    with pytest.raises(ValueError, match='track VA is annotated'):
        AffWild2Reader('VA').read(str(root), str(root), ['arousal', 'valence'])


# ----------------------------------------------------------------- data sets


def build(root, kind='VideoFrameDataset', track='EXPR', **kwargs):
    cfg = dict(
        type=kind,
        data_root=str(root),
        reader=dict(type='AffWild2Reader', track=track),
    )
    return DATASETS.build({**cfg, **kwargs})


def test_reader_is_found_by_name():
    reader = TASK_UTILS.build(dict(type='AffWild2Reader', track='AU'))
    assert reader.classes == ABAW_TRACKS['AU']
    with pytest.raises(ValueError, match="track='XX' is none of"):
        AffWild2Reader('XX')


@pytest.mark.parametrize('track', TRACKS)
def test_frames(root, track):
    dataset = build(
        root,
        track=track,
        split='val',
        test_mode=True,
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(
                type='mmpretrain.PackInputs',
                meta_keys=('video', 'start', 'num_frames', 'img_path'),
            ),
        ],
    )
    assert isinstance(dataset, VideoFrameDataset)
    assert dataset.metainfo['classes'] == ABAW_TRACKS[track]
    videos = {video.name: video for video in videos_of('val')}
    assert len(dataset) == sum(
        sum(x != '' for x in video.images) for video in videos.values()
    )
    for item in dataset:
        sample = item['data_samples']
        video = videos[sample.video]
        assert sample.num_frames == video.length
        # each image carries the number of its frame
        assert round(float(item['inputs'].float().mean()) / 10) == (
            sample.start + 1
        )
        expected = torch.tensor(video.labels[track][sample.start])
        torch.testing.assert_close(
            sample.gt_label, expected.reshape(sample.gt_label.shape)
        )
    for name, truth in dataset.metainfo['videos'].items():
        np.testing.assert_array_equal(truth, videos[name].labels[track])


@pytest.mark.parametrize('track', TRACKS)
def test_clips(root, track):
    dataset = build(
        root,
        'VideoClipDataset',
        track,
        split='train',
        window=5,
        pipeline=[
            dict(
                type='LoadClipFrames',
                transforms=[dict(type='LoadImageFromFile')],
            ),
            dict(type='PackClipInputs'),
        ],
    )
    assert isinstance(dataset, VideoClipDataset)
    videos = {video.name: video for video in videos_of('train')}
    covered = set()
    for item in dataset:
        sample = item['data_samples']
        video = videos[sample.video]
        labels = video.labels[track]
        rows = range(sample.start, min(sample.start + 5, video.length))
        covered.update((sample.video, row) for row in rows)
        assert sample.gt_label.shape == (5, *labels.shape[1:])
        torch.testing.assert_close(
            sample.gt_label[: len(rows)],
            torch.tensor(labels[rows.start : rows.stop]),
        )
        faces = [bool(video.images[row]) for row in rows]
        assert sample.valid.tolist()[: len(rows)] == faces
        for i, (row, face) in enumerate(zip(rows, faces)):
            value = round(float(item['inputs'][i].float().mean()) / 10)
            assert value == (row + 1 if face else 0)
    assert len(covered) > 40


def test_padding_and_useless_clips(tmp_path):
    """Ignored in each track: -1, -5 in one of two, -1 in all columns."""
    video = Video('video1', 'Train_Set', 3, (frames(1, 3),))
    rng = np.random.default_rng(0)
    video.labels = random_labels(3, rng, ignored=True)
    other = Video('video3', 'Train_Set', 3, (frames(1, 3),))
    other.labels = random_labels(3, rng, ignored=True)
    other.labels['EXPR'][1] = 2
    other.labels['VA'][1] = 0.25
    other.labels['AU'][1, 7] = 0
    video.labels['VA'][1, 0] = 0.25  # arousal is missing
    write_aff_wild2(tmp_path, videos=[video, other])
    for track in TRACKS:
        files = dict(track=track, window=4, split='train')
        dataset = build(tmp_path, 'VideoClipDataset', **files)
        assert len(dataset) == 1
        item = dataset.get_data_info(0)
        assert item['video'] == 'video3'
        padding = {'EXPR': -1, 'VA': -5, 'AU': -1}[track]
        assert (item['gt_labels'][3] == padding).all()
        assert item['gt_labels'].dtype == dataset.labels.dtype
        tested = build(tmp_path, 'VideoClipDataset', **files, test_mode=True)
        assert len(tested) == 2


def test_folds_take_the_place_of_splits(root, tmp_path):
    path = tmp_path / 'folds.csv'
    path.write_text('video,fold\nvideo2,0\nvideo59,1\n8-30-1280x720,2\n')
    for split, names in (
        ('1', ['video59']),
        (1, ['video59']),
        (('0', 2), ['video2', '8-30-1280x720']),
        (None, ['video2', '8-30-1280x720', 'video59']),
    ):
        dataset = build(root, folds=str(path), split=split)
        assert dataset.video_names == names
    with pytest.raises(ValueError, match='there is no fold train; the folds'):
        build(root, folds=str(path), split='train')
    path.write_text('video,fold\nvideo3,0\n')
    with pytest.raises(ValueError, match="the first is 'video3'"):
        build(root, folds=str(path))


def test_folds_of_a_frames_csv(write_videos, tmp_path):
    files = write_videos({'a': '01', 'b': '12', 'c': '0'})
    (tmp_path / 'folds.csv').write_text('video,fold\nb,0\na,1\n')
    dataset = VideoFrameDataset(**files, folds='folds.csv', split='0')
    assert dataset.video_names == ['b']


def test_without_any_face_the_folder_is_named(own_root):
    for path in own_root.glob('crops/*/*/*.jpg'):
        path.unlink()
    with pytest.raises(ValueError, match=f'{own_root}: no frame with a face'):
        build(own_root, split='train')


def test_thousands_of_frames_per_second(tmp_path):
    """Lists folders but reads no files: 3 million frames take a minute."""
    rng = np.random.default_rng(0)
    folder = tmp_path / 'EXPR_Recognition_Challenge'
    for i in range(10):
        labels = rng.integers(-1, 8, 2000)
        write_annotation(
            folder / 'Train_Set' / f'video{i}.txt', 'EXPR', labels
        )
        crops = tmp_path / 'cropped_aligned' / f'video{i}'
        crops.mkdir(parents=True)
        for frame in range(1, 2001):
            os.close(os.open(crops / f'{frame:05d}.jpg', os.O_CREAT))
    start = time.process_time()
    dataset = build(tmp_path, split='train')
    # One core of a 2020s CPU reads about 500,000; other jobs may run.
    assert 20_000 / (time.process_time() - start) > 50_000
    assert dataset.has_face.all()
