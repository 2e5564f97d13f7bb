"""The command lines of tools/abaw, from predictions to folds."""

import numpy as np
import pytest

from fer_ssl.datasets.videos.video_folds import read_folds, source_video
from fer_ssl.evaluation import VideoPrediction, VideoPredictions
from fer_ssl.labels import ABAW_EXPRESSIONS
from tests.datasets.videos.aff_wild2_files import scene, write_aff_wild2
from tests.datasets.videos.s_aff_wild2_files import write_s_aff_wild2


@pytest.fixture(scope='module')
def files(folder):
    """Aff-Wild2, and predictions of the videos of its test set."""
    write_aff_wild2(folder / 'data')
    rng = np.random.default_rng(0)
    VideoPredictions(
        [
            VideoPrediction(v.name, rng.dirichlet(np.ones(8), v.length - 1))
            for v in scene()
            if v.split == 'test'
        ],
        ABAW_EXPRESSIONS,
    ).to_csv(str(folder / 'predictions.csv'))
    return folder


EXAMPLE = 'data/6th_ABAW_Annotations/example_EXPR.txt'


def test_make_and_check(call, files):
    make = (
        f'python {{tools}}/abaw/make_submission.py predictions.csv {EXAMPLE}'
    )
    printed = call(f'{make} --out out/submission.txt')
    assert 'video92: frame 4 is repeated up to frame 5.\n' in printed
    assert printed.endswith('14 rows, 14 expected\nvalid\n')
    check = 'python {tools}/abaw/check_submission.py'
    assert 'valid' in call(f'{check} out/submission.txt {EXAMPLE}')
    path = files / 'out/submission.txt'
    text = path.read_text()
    path.write_text(text.replace('00003.jpg,', '3.jpg,'))
    printed = call(f'{check} out/submission.txt {EXAMPLE}', status=1)
    assert 'misnamed: 2\n' in printed and printed.endswith('NOT VALID\n')
    printed = call(f'{check} out/nothing.txt {EXAMPLE}', status=2)
    assert 'nothing.txt' in printed
    printed = call(f'{check} data {EXAMPLE}', status=2)
    assert 'error: ' in printed and 'Traceback' not in printed
    printed = call(
        f'{make} --out out/other.txt --tolerance 0 --track EXPR', status=2
    )
    assert 'error: 2 videos have predictions of another length' in printed
    assert not (files / 'out/other.txt').exists()
    printed = call(f'{make} --out x.txt --threshold 0.5 0.4', status=2)
    assert '--threshold needs one number, or 12' in printed


def test_list_of_videos(call, files):
    (files / 'videos.txt').write_text('video92\n2-30-640x360\n')
    command = (
        'python {tools}/abaw/make_submission.py predictions.csv videos.txt '
        '--out listed.txt'
    )
    assert 'Give --track' in call(command, status=2)
    printed = call(f'{command} --track EXPR')
    assert '12 rows, 12 expected\nnote: ' in printed


@pytest.mark.parametrize('track', ['EXPR', 'VA', 'AU'])
def test_folds(call, files, track):
    printed = call(
        'python {tools}/abaw/make_folds.py data/6th_ABAW_Annotations '
        f'--track {track} --folds 3 --out folds_{track}.csv'
    )
    folds = read_folds(str(files / f'folds_{track}.csv'))
    names = {v.name for v in scene() if v.split != 'test'}
    assert set(folds) == names
    groups = {(source_video(name), fold) for name, fold in folds.items()}
    assert len(groups) == len({source_video(name) for name in names})
    assert set(folds.values()) == {'0', '1', '2'}
    rows = [line.strip('| ').split(' | ') for line in printed.splitlines()]
    assert rows[0] == ['fold 0', 'fold 1', 'fold 2', 'all']
    assert rows[2][0] == 'videos' and rows[2][-1] == str(len(names))


def test_folds_of_a_frames_csv(call, folder):
    rows = [
        f'{video},{frame},,{expression},'
        for video, expression in (('a', 'joy'), ('b', 'rage'), ('c', ''))
        for frame in (1, 2)
    ]
    text = '\n'.join(['video,frame,image,expression,split', *rows, ''])
    (folder / 'frames.csv').write_text(text)
    command = 'python {tools}/abaw/make_folds.py frames.csv --out f.csv'
    assert "unknown class 'joy'" in call(command, status=2)
    printed = call(f'{command} --classes joy rage --folds 2')
    rows = [line.strip('| ').split(' | ') for line in printed.splitlines()]
    assert {row[0]: row[-1] for row in rows[2:]} == {
        'videos': '3',
        'frames': '6',
        'joy': '2',
        'rage': '2',
    }
    assert '9 folds cannot be made' in call(
        f'{command} --classes joy rage --folds 9', status=2
    )


def test_folds_of_several_tasks(call, folder):
    labels = write_s_aff_wild2(folder / 's-Aff-Wild2 copy')
    command = (
        'python {tools}/abaw/make_folds.py "s-Aff-Wild2 copy" --track MTL '
        '--folds 2 --out "my folds/mtl.csv"'
    )
    printed = call(command)
    folds = read_folds(str(folder / 'my folds/mtl.csv'))
    assert set(folds) == {'video5_left', '112', 'video59_right', '7-60'}
    assert set(folds.values()) == {'0', '1'}
    rows = [line.strip('| ').split(' | ') for line in printed.splitlines()]
    totals = {row[0]: int(row[-1]) for row in rows[2:]}
    assert len(totals) == 1 + 1 + 17 + 9 + 13 and totals['videos'] == 4
    known = [(labels[name]['VA'] > -5).all(axis=1).sum() for name in folds]
    assert totals['VA'] == sum(known)
    fear = sum(int((labels[name]['EXPR'] == 3).sum()) for name in folds)
    assert totals['fear'] == fear
    call(f'{command} --split train')
    folds = read_folds(str(folder / 'my folds/mtl.csv'))
    assert set(folds) == {'video5_left', '112'}
    file = 's-Aff-Wild2 copy/MTL_Challenge/train_set.txt'
    printed = call(command.replace('s-Aff-Wild2 copy', file), status=2)
    assert f'{file}: --track MTL reads the folder of this file' in printed
    printed = call(command.replace('s-Aff-Wild2 copy', 'none'), status=2)
    assert 'error: none: no ' in printed
    printed = call(command.replace('--track MTL ', ''), status=2)
    assert 'tools take `--track MTL`' in printed
