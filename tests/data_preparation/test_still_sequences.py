import csv
from itertools import groupby, islice

import numpy as np
import pytest

from fer_ssl.data_preparation.still_sequences import (
    MAX_MISSING_RUN,
    endless_decks,
    fill_segment,
    make_still_sequences,
    missing_frames,
)
from fer_ssl.datasets.videos.frames_csv import read_frames_csv

CLASSES = ('neutral', 'anger', 'happiness')
HEADER = 'image,expression,identity,split\n'


@pytest.fixture
def faces(tmp_path):
    """Two splits; ``anger`` is rare, person 0 of each has three stills."""
    root = tmp_path / 'faces'
    (root / 'images').mkdir(parents=True)
    rows = []
    for split in ('train', 'val'):
        for name, people in zip((*CLASSES, 'fear'), (6, 1, 4, 1)):
            for person in range(people):
                for still in range(1 if person else 3):
                    image = f'{split}_{name}_{person}_{still}.jpg'
                    (root / 'images' / image).write_bytes(image.encode())
                    rows.append(f'{image},{name},{split}{person},{split}\n')
    (root / 'labels.csv').write_text(HEADER + ''.join(rows))
    return root


def read_frames(out):
    with open(out / 'frames.csv', newline='') as file:
        rows = list(csv.DictReader(file))
    return {
        video: list(group)
        for video, group in groupby(rows, lambda row: row['video'])
    }


def test_frames_csv(faces, tmp_path):
    out = tmp_path / 'out'
    summary = make_still_sequences(
        faces, out, CLASSES, num_videos=(4, 3), segments=5
    )
    videos = read_frames(out)
    assert list(videos) == [
        *(f'train_{i:03d}' for i in range(4)),
        *(f'val_{i:03d}' for i in range(3)),
    ]
    seen = {}
    for name, rows in videos.items():
        assert [int(row['frame']) for row in rows] == list(
            range(1, len(rows) + 1)
        )
        split = name.split('_')[0]
        for row in rows:
            assert row['split'] == split
            seen.setdefault(split, set()).add(row['expression'])
            if row['image']:
                # The stills are named after their split and class.
                start = f'{split}_{row["expression"]}_'
                assert row['image'].startswith(start)
                assert (out / 'frames' / row['image']).read_bytes()
        runs = [
            len(list(g)) for _, g in groupby(r['expression'] for r in rows)
        ]
        assert len(runs) == 5
        assert min(runs) >= 40 and max(runs) <= 200
        gone = np.mean([not row['image'] for row in rows])
        assert 0.07 < gone < 0.12
    assert seen == {'train': set(CLASSES), 'val': set(CLASSES)}
    assert (out / 'frames').is_symlink()
    val = read_frames_csv(out / 'frames.csv', CLASSES, split='val')
    assert list(val) == ['val_000', 'val_001', 'val_002']
    assert 'val: 3 videos' in summary
    assert 'anger' in summary and 'of 3 stills, 1 people' in summary


def test_deterministic_and_splits_independent(faces, tmp_path):
    def text(name, **kwargs):
        make_still_sequences(faces, tmp_path / name, CLASSES, **kwargs)
        return (tmp_path / name / 'frames.csv').read_text()

    first = text('a', num_videos=(2, 2))
    assert text('a', num_videos=(2, 2)) == first
    assert text('b', num_videos=(2, 2), seed=1) != first
    fewer = text('c', num_videos=(1, 2))
    val = [line for line in first.splitlines() if line.startswith('val')]
    assert [line for line in fewer.splitlines() if line[:3] == 'val'] == val


def test_copy_makes_a_folder_of_its_own(faces, tmp_path):
    out = tmp_path / 'out'
    args = dict(classes=CLASSES, num_videos=(2, 2))
    make_still_sequences(faces, out, **args)
    make_still_sequences(faces, out, **args, copy=True)
    assert not (out / 'frames').is_symlink()
    names = {path.name for path in (out / 'frames').iterdir()}
    rows = [row for video in read_frames(out).values() for row in video]
    assert names == {row['image'] for row in rows if row['image']}
    with pytest.raises(FileExistsError, match='--copy'):
        make_still_sequences(faces, out, **args)


@pytest.mark.parametrize('image', ['../other.png', '/tmp/other.png'])
def test_paths_that_leave_the_folder(faces, tmp_path, image):
    table = faces / 'labels.csv'
    name = table.read_text().splitlines()[1].partition(',')[0]
    table.write_text(table.read_text().replace(f'{name},', f'{image},'))
    (faces / 'other.png').write_bytes(b'')
    args = dict(classes=CLASSES, num_videos=(2, 2))
    with pytest.raises(ValueError, match=f'{image}: this path.* leads out'):
        make_still_sequences(faces, tmp_path / 'out', **args, copy=True)


def test_endless_deck_repeats_only_after_all_items():
    decks = endless_decks('abc', np.random.default_rng(0))
    items = list(islice(decks, 300))
    for start in range(0, 300, 3):
        assert set(items[start : start + 3]) == set('abc')
    assert all(a != b for a, b in zip(items, items[1:]))
    assert (
        list(islice(endless_decks('a', np.random.default_rng(0)), 3))
        == ['a'] * 3
    )


def test_fill_segment():
    rng = np.random.default_rng(0)
    people = dict(a=['a1', 'a2', 'a3'], b=['b1'], c=['c1'])
    alone = fill_segment(people, iter('abc'), 100, (3, 10), rng)
    assert len(alone) == 100 and set(alone) == {'a1', 'a2', 'a3'}
    chain = fill_segment(people, iter('bcab'), 16, (3, 3), rng)
    assert chain[:6] == ['b1'] * 3 + ['c1'] * 3
    assert {image[0] for image in chain[6:15]} == {'a'}
    assert chain[15:] == ['b1']


def test_missing_frames_come_in_runs():
    mask = missing_frames(20000, 0.1, np.random.default_rng(0))
    runs = [len(list(g)) for gone, g in groupby(mask.tolist()) if gone]
    assert mask.mean() == pytest.approx(0.1, abs=0.002)
    assert np.mean(runs) > MAX_MISSING_RUN / 3
    assert not missing_frames(100, 0.0, np.random.default_rng(0)).any()


@pytest.mark.parametrize(
    'text, message',
    [
        ('image,expression\n', r'labels\.csv:1: column identity, split'),
        (HEADER + 'a.jpg,anger,,val\n', r'labels\.csv:2: the identity'),
        (HEADER + 'a.jpg,anger,a,test\n', r"labels\.csv:2: split 'test'"),
        (
            HEADER + 'a.jpg,anger,a,val\nb.jpg,fear,a,train\n',
            r"labels\.csv:3: 'a' is in train here, but in val on line 2",
        ),
        (
            HEADER + 'a.jpg,anger,a,val\nb.jpg,fear,b,train\n',
            'no stills of class anger in split train',
        ),
    ],
)
def test_faulty_file(tmp_path, text, message):
    (tmp_path / 'labels.csv').write_text(text)
    with pytest.raises(ValueError, match=message):
        make_still_sequences(tmp_path, tmp_path / 'out', ['anger'])


def test_other_errors(faces, tmp_path):
    out = tmp_path / 'out'
    with pytest.raises(FileNotFoundError, match='prepare_muxspace_faces'):
        make_still_sequences(tmp_path, out, CLASSES)
    with pytest.raises(ValueError, match='no stills of class smug'):
        make_still_sequences(faces, out, ['anger', 'smug'])
    with pytest.raises(ValueError, match='hold'):
        make_still_sequences(faces, out, CLASSES, hold=(4, 2))
    with pytest.raises(ValueError, match='missing'):
        make_still_sequences(faces, out, CLASSES, missing=1.0)
    (faces / 'images/train_anger_0_0.jpg').unlink()
    with pytest.raises(FileNotFoundError, match='train_anger_0_0'):
        make_still_sequences(faces, out, CLASSES)
