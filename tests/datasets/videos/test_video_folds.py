import time

import numpy as np
import pytest
from sklearn.model_selection import StratifiedGroupKFold

from fer_ssl.data_preparation.make_folds import (
    check_tasks,
    count_names,
    folds_table,
    frame_counts,
    make_folds,
    write_folds,
)
from fer_ssl.datasets.videos.abaw_annotation import ignored_labels
from fer_ssl.datasets.videos.video_folds import (
    read_folds,
    select_folds,
    source_video,
)


@pytest.mark.parametrize(
    ('name', 'source'),
    [
        ('video5_left', 'video5'),
        ('video59', 'video59'),
        ('video10_1_right', 'video10'),
        ('video86_1', 'video86'),
        ('10-60-1280x720_right', '10-60-1280x720'),
        ('10-60-1280x720', '10-60-1280x720'),
        ('5-60-1920x1080-4', '5-60-1920x1080'),
        ('28-30-1280x720-1', '28-30-1280x720'),
        ('112', '112'),
        ('my_clip_1', 'my_clip_1'),
        ('left_right_view', 'left_right_view'),
    ],
)
def test_source_video(name, source):
    assert source_video(name) == source


def test_frame_counts():
    counts = frame_counts(np.array([-1, 0, 2, 2, -1]), 4)
    np.testing.assert_array_equal(counts, [5, 1, 0, 2, 0])
    units = np.full((3, 12), -1)
    units[0, 3] = units[1, 3] = units[1, 0] = 1
    units[2] = 0
    counts = frame_counts(units, 12)
    np.testing.assert_array_equal(counts[:5], [3, 1, 0, 0, 2])
    va = np.float32([[-5, -5], [0.3, -5], [-1, -1], [1, 1], [0, -0.01]])
    counts = frame_counts(va, 2)
    assert counts[0] == 5 and counts[1:].sum() == 3
    names = count_names(va, ('valence', 'arousal'))
    assert len(names) == len(counts) == 17
    assert {n for n, c in zip(names, counts) if c and n != 'frames'} == {
        'v-1 a-1',
        'v0.5 a0.5',
        'v0 a-0.5',
    }
    assert count_names(units, ('AU1', 'AU2')) == ['frames', 'AU1', 'AU2']


def test_counts_of_several_tasks():
    labels = ignored_labels(('VA', 'EXPR', 'AU'), 6)
    labels['VA'][1] = 0.3, 0.9
    labels['EXPR'][[1, 2]] = 7, 4
    labels['AU'][4, [0, 11]] = 0, 1
    counts = frame_counts(labels, 8)
    names = count_names(labels, ())
    assert len(names) == len(counts) == 1 + 17 + 9 + 13
    assert {n: c for n, c in zip(names, counts.tolist()) if c} == {
        'frames': 3,
        'VA': 1,
        'v0 a0.5': 1,
        'EXPR': 2,
        'happiness': 1,
        'other': 1,
        'AU': 1,
        'AU26': 1,
    }
    tasks = labels.dtype.names
    check_tasks({'a': 0, 'b': 1}, {'a': counts, 'b': counts}, names, tasks)
    labels['AU'] = -1
    both = {'a': counts, 'b': frame_counts(labels, 8)}
    with pytest.raises(ValueError, match='no frame of fold 1 .* for AU, so'):
        check_tasks({'a': 0, 'b': 1}, both, names, tasks)


def random_videos(num_videos=300, seed=0):
    """Labels of videos in which classes come in long runs, some rare."""
    rng = np.random.default_rng(seed)
    prior = np.array([30, 3, 2, 1.5, 16, 13, 5, 28])
    videos = {}
    for i in range(num_videos):
        length = int(rng.integers(50, 400))
        mix = rng.dirichlet(3 * prior / prior.sum())
        labels = rng.choice(8, length, p=mix)
        labels[rng.random(length) < 0.2] = -1
        sides = ('_left', '_right') if i % 7 == 0 else ('',)
        for side in sides:
            videos[f'video{i}{side}'] = labels
    return videos


def imbalance(folds, counts):
    """Largest deviation of a fold's fraction of a class from 1 / folds."""
    folds, counts = np.array(folds), np.array(counts, dtype=float)
    num_folds = folds.max() + 1
    shares = np.stack([counts[folds == f].sum(0) for f in range(num_folds)])
    return np.abs(shares / counts.sum(0) - 1 / num_folds).max()


def test_groups_stay_together_and_classes_are_even():
    videos = random_videos()
    counts = {name: frame_counts(x, 8) for name, x in videos.items()}
    start = time.process_time()
    folds = make_folds(counts, 5)
    assert time.process_time() - start < 30
    assert list(folds) == list(videos)
    assert set(folds.values()) == set(range(5))
    for name, fold in folds.items():
        if name.endswith('_left'):
            assert folds[name.replace('_left', '_right')] == fold
    own = imbalance(list(folds.values()), list(counts.values()))
    assert own < 0.01
    # more even than StratifiedGroupKFold of scikit-learn
    labels = np.concatenate(list(videos.values()))
    lengths = [len(x) for x in videos.values()]
    groups = np.repeat([source_video(name) for name in videos], lengths)
    names = np.repeat(list(videos), lengths)
    known = labels >= 0
    splitter = StratifiedGroupKFold(5, shuffle=True, random_state=0)
    split = splitter.split(names[known], labels[known], groups[known])
    fold_of = {
        name: fold
        for fold, (_, test) in enumerate(split)
        for name in set(names[known][test])
    }
    theirs = [fold_of[name] for name in videos]
    assert own < imbalance(theirs, list(counts.values()))


def test_same_seed_same_folds():
    counts = {n: frame_counts(x, 8) for n, x in random_videos(40).items()}
    assert make_folds(counts, 4, seed=1) == make_folds(counts, 4, seed=1)
    assert make_folds(counts, 4, seed=1) != make_folds(counts, 4, seed=2)
    # the order of the files does not matter
    shuffled = dict(sorted(counts.items(), key=lambda item: item[1].sum()))
    assert make_folds(shuffled, 4, seed=1) == make_folds(counts, 4, seed=1)


def test_as_many_folds_as_groups():
    one = np.array([9, 9])
    counts = {'a_left': one, 'a_right': one, 'b': one, 'c': 0 * one + 1}
    folds = make_folds(counts, 3)
    assert folds['a_left'] == folds['a_right']
    assert sorted({folds['a_left'], folds['b'], folds['c']}) == [0, 1, 2]
    for num_folds in (4, 1):
        with pytest.raises(ValueError, match=f'{num_folds} folds .*of 3 so'):
            make_folds(counts, num_folds)


def test_csv_and_selection(tmp_path, capfd):
    path = str(tmp_path / 'new' / 'folds.csv')
    write_folds({'a, b': 0, 'c': 1, 'd': 0}, path)
    folds = read_folds(path)
    assert folds == {'a, b': '0', 'c': '1', 'd': '0'}
    videos = {'c': 1, 'a, b': 2, 'd': 3, 'e': 4}
    assert select_folds(videos, folds, '0') == {'a, b': 2, 'd': 3}
    assert select_folds(videos, folds, (0, 1)) == {'c': 1, 'a, b': 2, 'd': 3}
    assert select_folds(videos, folds, None) == {'c': 1, 'a, b': 2, 'd': 3}
    with pytest.raises(ValueError, match='no fold 2; the folds are 0, 1'):
        select_folds(videos, folds, '2')
    with pytest.raises(ValueError, match="1 videos .* first is 'd'"):
        select_folds({'a, b': 0, 'c': 1}, folds, '0')


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('', r'csv:1: the header must be video,fold'),
        ('video,split\n', r"csv:1: .*got 'video,split'"),
        ('video,fold\na\n', r"csv:2: 'a' is not video,fold"),
        ('video,fold\na,\n', r'csv:2: '),
        ('video,fold\na,1\na,2\n', r'csv:3: .*twice'),
        ('video,fold\na,1\n\xff,2\n', r'csv:3: not UTF-8 text'),
        (f'video,fold\n{"a" * 200_000},1\n', r'csv:2: field larger'),
    ],
)
def test_malformed_folds_are_refused(tmp_path, text, message):
    path = tmp_path / 'folds.csv'
    path.write_bytes(text.encode('latin-1'))
    with pytest.raises(ValueError, match=message):
        read_folds(str(path))


def test_table():
    counts = {'a': np.array([4, 1]), 'b': np.array([4, 3])}
    table = folds_table({'a': 0, 'b': 1}, counts, ['frames', 'fear'])
    assert table.splitlines() == [
        '|  | fold 0 | fold 1 | all |',
        '| --- | ---: | ---: | ---: |',
        '| videos | 1 | 1 | 2 |',
        '| frames | 50.0 % | 50.0 % | 8 |',
        '| fear | 25.0 % | 75.0 % | 4 |',
    ]


def test_missing_folds(tmp_path):
    with pytest.raises(FileNotFoundError, match='a.csv: no such file of fol'):
        read_folds(str(tmp_path / 'a.csv'))
