import os.path as osp

import numpy as np
import pytest
from mmengine.config import Config

from fer_ssl.datasets.videos.feature_store import FeatureStore
from fer_ssl.features.import_features import import_features, resample_rows
from tests.helpers.forked_script import run_script

ROOT = osp.dirname(osp.dirname(osp.dirname(osp.abspath(__file__))))


@pytest.fixture
def cfg(write_videos):
    files = write_videos({'a': '0.' * 5, 'b': '1' * 4}, size=4)
    dataset = dict(type='VideoFrameDataset', **files)
    return Config(dict(extract_dataloader=dict(dataset=dataset)))


@pytest.fixture
def save(tmp_path):
    def save(**arrays):
        folder = tmp_path / 'features'
        folder.mkdir(exist_ok=True)
        for name, array in arrays.items():
            np.save(folder / f'{name}.npy', array)
        return str(folder)

    return save


def rows(count, dim=3):
    values = np.random.default_rng(count).normal(size=(count, dim))
    return values.astype(np.float32)


@pytest.mark.parametrize('interpolation', ['nearest', 'linear'])
def test_rows_of_the_frames_themselves(interpolation):
    x = rows(7)
    features, valid = resample_rows(x, 7, 1.0, interpolation)
    np.testing.assert_allclose(features, x, rtol=1e-6)
    assert valid.all()
    features, valid = resample_rows(x, 9, 1.0, interpolation)
    assert valid.tolist() == [True] * 7 + [False] * 2
    assert not features[7:].any()


@pytest.mark.parametrize('rows_per_frame', [50 / 30, 1 / 0.96 / 30, 2.0, 0.5])
def test_resampling_equals_its_definition(rows_per_frame):
    x = rows(9)
    num_frames = int(9 / rows_per_frame)
    near, near_valid = resample_rows(x, num_frames, rows_per_frame, 'nearest')
    line, line_valid = resample_rows(x, num_frames, rows_per_frame, 'linear')
    assert near_valid.all() and line_valid.all()
    for i in range(num_frames):
        middle = (i + 0.5) * rows_per_frame  # in rows
        np.testing.assert_array_equal(near[i], x[int(middle)])
        expected = [
            np.interp(middle, np.arange(9) + 0.5, column) for column in x.T
        ]
        np.testing.assert_allclose(line[i], expected, rtol=1e-5, atol=1e-6)


def test_rows_that_end_early():
    # wav2vec 2.0: one row in 20 ms, the last unfinished window left out
    seconds, fps = 10.0, 30.0
    num_rows = int((seconds * 16000 - 400) // 320 + 1)
    _, valid = resample_rows(rows(num_rows), 300, 50 / fps, 'linear')
    assert valid.all()
    # VGGish: 10 rows of 0.96 s; half a row more is taken from the last
    _, valid = resample_rows(rows(10), 330, 1 / 0.96 / fps, 'nearest')
    middle = (np.arange(330) + 0.5) / fps
    np.testing.assert_array_equal(valid, middle < 10.5 * 0.96)


@pytest.mark.parametrize('interpolation', ['nearest', 'linear'])
def test_missing_rows(interpolation):
    x = rows(6)
    x[2, 1] = np.nan
    features, valid = resample_rows(x, 6, 1.0, interpolation)
    assert valid.tolist() == [1, 1, 0, 1, 1, 1]
    np.testing.assert_allclose(features[valid], x[valid], rtol=1e-6)
    features, valid = resample_rows(x, 12, 0.5, interpolation)
    invalid = {'nearest': [4, 5], 'linear': [3, 4, 5, 6]}[interpolation]
    assert np.flatnonzero(~valid).tolist() == invalid
    assert np.isfinite(features).all() and not features[~valid].any()


def test_one_row_per_frame(cfg, save, tmp_path, capsys):
    out = str(tmp_path / 'store')
    folder = save(a=rows(10), b=rows(4).astype(np.float64))
    store = import_features(cfg, folder, out)
    expected = np.concatenate([rows(10), rows(4)])
    np.testing.assert_array_equal(store.features, expected.astype('f2'))
    assert store.valid.all() and store.student_sha256 is None
    import_features(cfg, folder, out)
    assert 'up to date' in capsys.readouterr().out
    folder = save(a=rows(9))
    with pytest.raises(ValueError, match='a.npy: 9 rows, .* 10 frames.*--rat'):
        import_features(cfg, folder, out)


def test_rows_at_a_rate_of_their_own(cfg, save, tmp_path):
    out = str(tmp_path / 'store')
    folder = save(a=rows(20), b=rows(3))
    with pytest.raises(ValueError, match='either --fps, or .* --media'):
        import_features(cfg, folder, out, rate=50)
    store = import_features(
        cfg, folder, out, rate=50, fps=25, interpolation='nearest'
    )
    np.testing.assert_array_equal(
        store.features[:10], rows(20)[1::2].astype('f2')
    )
    assert store.valid.tolist() == [True] * 11 + [True, False, False]


def test_frame_rates_of_the_videos(cfg, save, tmp_path):
    pytest.importorskip('av')
    from tests.helpers.sound_files import write_video

    write_video(tmp_path / 'media/a.mkv', 10, 25)
    write_video(tmp_path / 'media/b.mkv', 4, 50)
    store = import_features(
        cfg,
        save(a=rows(20), b=rows(4)),
        str(tmp_path / 'store'),
        rate=50,
        media=str(tmp_path / 'media'),
        interpolation='nearest',
    )
    expected = np.concatenate([rows(20)[1::2], rows(4)])
    np.testing.assert_array_equal(store.features, expected.astype('f2'))


@pytest.mark.parametrize(
    ('array', 'message'),
    [
        (rows(4, 2), 'b.npy: rows of 2 features, but .*a.npy has rows of 3'),
        (
            rows(4)[0],
            r'b.npy: expected a .* \(rows, features\), got shape \(3,\)',
        ),
        (np.array([['x']]), 'b.npy: expected a numeric array'),
        (np.zeros((0, 3)), r'got shape \(0, 3\)'),
        (rows(4) * 1e6, 'b.npy: values beyond 65504'),
        (np.full((4, 3), np.inf), 'b.npy: values beyond 65504'),
        (np.array([[None]]), 'b.npy: not an array written by numpy.save'),
    ],
)
def test_files_that_do_not_fit(cfg, save, tmp_path, array, message):
    out = str(tmp_path / 'store')
    with pytest.raises(ValueError, match=message):
        import_features(cfg, save(a=rows(10), b=array), out)
    with pytest.raises(FileNotFoundError, match='feature store'):
        FeatureStore(out)


def test_videos_without_a_file(cfg, save, tmp_path):
    out = str(tmp_path / 'store')
    with pytest.raises(FileNotFoundError, match=r'no file for 1 video \(a\)'):
        import_features(cfg, save(b=rows(4)), out)
    store = import_features(cfg, save(), out, allow_missing=True)
    assert store.valid.tolist() == [False] * 10 + [True] * 4


def test_the_command(cfg, save, tmp_path):
    config = str(tmp_path / 'config.py')
    cfg.custom_imports = dict(imports=['fer_ssl'])
    cfg.dump(config)
    out = str(tmp_path / 'store')
    result = run_script(
        *(osp.join(ROOT, 'tools', 'import_features.py'), config),
        *(save(a=rows(20), b=rows(8)), '--out', out),
        *('--rate', '50', '--fps', '25', '--interpolation', 'nearest'),
    )
    assert result.returncode == 0, result.stderr
    assert FeatureStore(out).valid.all()
