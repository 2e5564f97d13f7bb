"""The command lines of tools/abaw, from predictions to folds."""

import numpy as np
import pytest

from fer_ssl.datasets.videos.video_folds import read_folds, source_video
from fer_ssl.evaluation import VideoPrediction, VideoPredictions
from fer_ssl.labels import ABAW_EXPRESSIONS
from tests.datasets.videos.aff_wild2_files import scene, write_aff_wild2


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
    assert printed.startswith('| fold | videos | frames %')
    assert f'| all | {len(names)} |' in printed


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
    assert '| all | 3 | 6 | 2 | 2 |' in printed
    assert '9 folds cannot be made' in call(
        f'{command} --classes joy rage --folds 9', status=2
    )
