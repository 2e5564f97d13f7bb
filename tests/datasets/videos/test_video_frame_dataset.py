import numpy as np

from fer_ssl.datasets.videos.video_frame_dataset import VideoFrameDataset


def test_one_item_per_face(write_videos):
    dataset = VideoFrameDataset(**write_videos({'a': '0.1', 'b': '..?2'}))
    items = [dataset.get_data_info(i) for i in range(len(dataset))]
    assert [(x['video'], x['start'], x['num_frames']) for x in items] == [
        ('a', 0, 3),
        ('a', 2, 3),
        ('b', 2, 4),
        ('b', 3, 4),
    ]
    assert [x['gt_label'] for x in items] == [0, 1, -1, 2]
    np.testing.assert_array_equal(dataset.get_gt_labels(), [0, 1, -1, 2])
    assert items[2]['img_path'].endswith('frames/b/00003.png')


def test_truth_of_all_frames_only_in_test_mode(write_videos):
    files = write_videos({'a': '0.1', 'b': '..'})
    assert 'videos' not in VideoFrameDataset(**files).metainfo
    metainfo = VideoFrameDataset(**files, test_mode=True).metainfo
    assert metainfo['classes'] == ('neutral', 'anger', 'happiness')
    assert list(metainfo['videos']) == ['a', 'b']
    np.testing.assert_array_equal(metainfo['videos']['a'], [0, -1, 1])
    np.testing.assert_array_equal(metainfo['videos']['b'], [-1, -1])


def test_pipeline_and_subset(write_videos):
    files = write_videos({'a': '012'}, size=8)
    dataset = VideoFrameDataset(
        **files, indices=2, pipeline=[dict(type='LoadImageFromFile')]
    )
    assert len(dataset) == 2
    assert dataset[1]['img'].shape == (8, 8, 3)


def test_only_labeled_frames(write_videos):
    dataset = VideoFrameDataset(
        **write_videos({'a': '0.1', 'b': '..?2'}), only_labeled=True
    )
    np.testing.assert_array_equal(dataset.get_gt_labels(), [0, 1, 2])
    assert [dataset.get_data_info(i)['start'] for i in range(3)] == [0, 2, 3]
