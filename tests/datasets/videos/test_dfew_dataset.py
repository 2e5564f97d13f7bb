from unittest.mock import patch

import numpy as np
import pytest
from mmengine.registry import DATASETS, init_default_scope

from fer_ssl.datasets.videos.dfew_dataset import (
    find_clip_folders,
    list_frames,
    read_split,
)
from tests.datasets.videos.dfew_files import DFEW_TRAIN, write_dfew
from tests.helpers.annotation_fuzz import check_parser
from tests.helpers.image_files import save_image


@pytest.mark.parametrize('official', [False, True])
def test_clips(tmp_path, official):
    files = write_dfew(tmp_path, official)
    dataset = DATASETS.build(files)
    assert dataset.video_names == ['00001', '00012', '01601']
    # Frame 3 of clip 1 and frame 1 of clip 12 had no face.
    assert dataset.labels.tolist() == [0] * 4 + [3] * 3 + [4]
    assert dataset.has_face.tolist() == [
        *(True, True, False, True),
        *(False, True, True),
        True,
    ]
    item = dataset.get_data_info(1)
    assert item['video'] == '00012' and item['num_frames'] == 3
    assert item['valid'].tolist() == [False, True, True, False]
    assert item['gt_labels'].tolist() == [3, 3, 3, -1]
    name = '00012_00003.jpg' if official else '3.jpg'
    assert item['img_paths'][2].endswith(f'00012/{name}')
    test = DATASETS.build(dict(files, split='test', test_mode=True))
    assert test.metainfo['videos']['00005'].tolist() == [5, 5]


@pytest.mark.parametrize('official', [False, True])
def test_frames(tmp_path, official):
    init_default_scope('mmpretrain')
    files = dict(
        write_dfew(tmp_path, official),
        type='DFEWFrameDataset',
        pipeline=[dict(type='LoadImageFromFile')],
    )
    del files['window']
    dataset = DATASETS.build(files)
    assert dataset.get_gt_labels().tolist() == [0, 0, 0, 3, 3, 4]
    starts = [dataset.get_data_info(i)['start'] for i in range(6)]
    assert starts == [0, 1, 3, 1, 2, 0]
    # `write_dfew` colors each frame by its number.
    blue = [round(item['img'][..., 0].mean()) for item in dataset]
    np.testing.assert_allclose(blue, [1, 2, 4, 2, 3, 1], atol=2)


def test_clips_as_images(tmp_path):
    files = write_dfew(tmp_path)
    files['pipeline'] = [
        dict(
            type='LoadClipFrames',
            transforms=[dict(type='LoadImageFromFile')],
        )
    ]
    imgs = DATASETS.build(files)[0]['imgs']
    assert imgs.shape == (4, 3, 30, 40)
    assert imgs[2].max() == 0 and imgs[3].max() > 0


def test_own_classes(tmp_path):
    files = dict(
        write_dfew(tmp_path), metainfo=dict(classes=('neutral', 'happiness'))
    )
    with patch('fer_ssl.labels.print_log') as log:
        labels = DATASETS.build(files).labels.tolist()
    assert labels == [0] * 4 + [-1] * 3 + [1]
    assert 'sadness, anger, surprise, disgust, fear' in log.call_args.args[0]
    others = ('sadness', 'anger', 'surprise', 'disgust', 'fear')
    files['label_options'] = dict(drop=others)
    with patch('fer_ssl.labels.print_log') as log:
        DATASETS.build(files)
    log.assert_not_called()


def test_missing_clips(tmp_path):
    files = write_dfew(tmp_path)
    clips = tmp_path / 'Clip/jpg_256'
    (clips / '00012').rename(tmp_path / 'moved')
    (clips / '01601/1.jpg').unlink()
    message = '2 of the 3 clips of .*set_1.csv have .* 00012, 01601'
    with pytest.raises(FileNotFoundError, match=message):
        DATASETS.build(files)
    with patch('fer_ssl.datasets.videos.dfew_dataset.print_log') as log:
        dataset = DATASETS.build(dict(files, on_missing='skip'))
    assert dataset.video_names == ['00001']
    assert '2 of the 3 clips' in log.call_args.args[0]
    (clips / '00001').rename(tmp_path / 'moved too')
    with pytest.raises(ValueError, match='set_1.csv: no clip is left'):
        DATASETS.build(dict(files, on_missing='skip'))
    clips.rename(tmp_path / 'clips')
    with pytest.raises(FileNotFoundError, match='jpg_256: no such folder'):
        DATASETS.build(files)


def test_clip_in_two_places(tmp_path):
    for folder in ('00007', 'part_1/00007'):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / 'other').mkdir()
    with pytest.raises(ValueError, match='clip 7 is in both 00007 and part'):
        find_clip_folders(str(tmp_path))


@pytest.mark.parametrize(
    'names, expected',
    [
        (['2.jpg', '1.JPG', '10.png'], '1 2 . . . . . . . 10'),
        (['0.jpg', '2.jpg'], '0 . 2'),
        (['00007_00002.jpeg', 'notes.txt', '._00007_00001.jpg'], '. 2'),
        (['00003.jpg'], '. . 3'),
        (['notes.txt'], ''),
    ],
)
def test_frames_of_a_clip(tmp_path, names, expected):
    for name in names:
        (tmp_path / '00007').mkdir(exist_ok=True)
        (tmp_path / '00007' / name).touch()
    frames = list_frames(str(tmp_path), '00007', 7)
    numbers = [
        str(int(frame.rpartition('.')[0].rpartition('/')[2][-5:].strip('_')))
        if frame
        else '.'
        for frame in frames
    ]
    assert ' '.join(numbers) == expected


@pytest.mark.parametrize(
    'names', [['1.jpg', '00001.jpg'], ['00008_00001.jpg'], ['1.jpg', '1.png']]
)
def test_ambiguous_frames(tmp_path, names):
    for name in names:
        save_image(tmp_path / '00007' / name, 0)
    with pytest.raises(ValueError, match='one image per frame of clip 7'):
        list_frames(str(tmp_path), '00007', 7)


@pytest.mark.parametrize(
    'text, message',
    [
        ('', ':1: the header is'),
        ('1,2\n', ":1: the header is '1,2', expected video_name,label"),
        ('video_name,label\n1,0\n', ':2: unknown expression 0; 1 to 7 are'),
        ('video_name,label\n1,8\n', ':2: unknown expression 8'),
        ('video_name,label\n1\n', ':2: 1 fields, expected 2'),
        ('video_name,label\n1,2\n1,2\n', ':3: clip 1 is listed twice'),
        ('video_name,label\na,2\n', ":2: 'a' is not a whole number"),
    ],
)
def test_faulty_split(tmp_path, text, message):
    path = tmp_path / 'x.csv'
    path.write_text(text)
    with pytest.raises(ValueError, match=f'x.csv{message}'):
        read_split(str(path))


def test_split_with_an_index(tmp_path):
    path = tmp_path / 'x.csv'
    path.write_text(',video_name,label\n0,00012,1\n1,3,7\n')
    assert read_split(str(path)) == {12: 0, 3: 6}


def test_empty_split(tmp_path):
    files = write_dfew(tmp_path)
    (tmp_path / 'x.csv').write_text('video_name,label\n')
    with pytest.raises(ValueError, match='x.csv: no clip is left'):
        DATASETS.build(dict(files, ann_file='x.csv'))


def test_fuzz(tmp_path):
    write_dfew(tmp_path)
    good = next(tmp_path.glob('EmoLabel_DataSplit/train*/set_1.csv'))
    check_parser(read_split, tmp_path / 'x.csv', good.read_bytes())


@pytest.mark.parametrize(
    'wrong', [dict(fold=0), dict(split='val'), dict(on_missing='no')]
)
def test_wrong_options(tmp_path, wrong):
    files = dict(write_dfew(tmp_path), **wrong)
    with pytest.raises(ValueError, match='DFEWDataset: .* is none of'):
        DATASETS.build(files)


def test_fold_that_is_missing(tmp_path):
    files = dict(write_dfew(tmp_path), fold=2)
    with pytest.raises(FileNotFoundError, match='set_2.csv'):
        DATASETS.build(files)
    one = 'EmoLabel_DataSplit/train(single-labeled)/set_1.csv'
    dataset = DATASETS.build(dict(files, ann_file=one))
    assert len(dataset.video_names) == len(DFEW_TRAIN)
