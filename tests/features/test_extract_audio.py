import os
import os.path as osp

import numpy as np
import pytest
from mmengine.config import Config

from fer_ssl.datasets.videos.feature_store import (
    FeatureStore,
    FeatureStoreWriter,
)
from fer_ssl.datasets.videos.video_clip_dataset import VideoClipDataset
from fer_ssl.features.extract_audio import extract_audio, frame_spectra
from fer_ssl.media.log_mel import LogMel
from tests.helpers.forked_script import run_script
from tests.helpers.sound_files import tone, write_video, write_wav

pytest.importorskip('av')
ROOT = osp.dirname(osp.dirname(osp.dirname(osp.abspath(__file__))))
LENGTHS = dict(a=20, b_left=15, b_right=15, c=20)


@pytest.fixture
def files(write_videos):
    """Videos at 25 fps; the two of ``b`` share a file."""
    return write_videos(
        dict(a='0.' * 10, b_left='1' * 15, b_right='2' * 15, c='?.' * 10),
        size=4,
    )


@pytest.fixture
def cfg(files):
    dataset = dict(type='VideoFrameDataset', **files)
    return Config(dict(extract_dataloader=dict(dataset=dataset)))


@pytest.fixture
def media(tmp_path):
    """``a`` ends early, ``b`` is complete, ``c`` has no sound."""
    folder = tmp_path / 'media'
    write_video(folder / 'batch1/a.mkv', 20, 25, tone(0.5))
    write_video(folder / 'batch2/b.avi', 15, 25, tone(0.6, frequency=2000.0))
    write_video(folder / 'batch2/c.mkv', 20, 25)
    (folder / 'batch2/readme.txt').write_text('no video')
    return str(folder)


def valid_of(store):
    parts = np.split(store.valid, np.cumsum(list(LENGTHS.values()))[:-1])
    return dict(zip(LENGTHS, parts))


def test_a_spectrum_per_frame(cfg, media, tmp_path, capsys):
    store = extract_audio(cfg, media, str(tmp_path / 'store'), threads=2)
    assert store.features.shape == (70, 64) and store.student_sha256 is None
    valid = valid_of(store)
    # 0.5 s end in the middle of frame 12, which is its last moment.
    assert valid['a'].tolist() == [True] * 12 + [False] * 8
    assert valid['b_left'].all() and valid['b_right'].all()
    assert not valid['c'].any()
    sound = np.round(tone(0.5) * 32767) / np.float32(32768)  # as in the file
    expected, known = frame_spectra(LogMel(), sound, 20, 25)
    np.testing.assert_array_equal(known, valid['a'])
    np.testing.assert_allclose(store.features[:20], expected, atol=0.02)
    np.testing.assert_array_equal(store.features[20:35], store.features[35:50])
    assert not store.features[~store.valid].any()
    output = capsys.readouterr().out
    assert '42 of 70 frames are valid' in output
    assert 'No frame is valid in 1 video (c).' in output


def test_frames_are_where_the_sound_is():
    """A click of a millisecond in the middle of a frame."""
    fps, frame = 29.97, 33
    sound = 1e-3 * np.random.default_rng(0).normal(size=32000)
    sound[int((frame + 0.5) / fps * 16000)] = 1.0
    log_mel = LogMel(window=512)
    spectra, valid = frame_spectra(log_mel, sound.astype('f4'), 60, fps)
    assert spectra.mean(axis=1).argmax() == frame
    # 2 s hold 59.94 frames; the middle of frame 59 is within.
    assert valid.all()


def test_up_to_date_store_is_left_and_any_other_replaced(
    cfg, media, tmp_path, monkeypatch
):
    out = str(tmp_path / 'store')
    extract_audio(cfg, media, out)
    with monkeypatch.context() as patch:
        patch.setattr(FeatureStoreWriter, 'create', None)  # would fail
        extract_audio(cfg, media, out)
    store = extract_audio(cfg, media, out, log_mel=LogMel(num_mels=32))
    assert store.dim == 32
    path = osp.join(media, 'batch1/a.mkv')
    write_video(tmp_path / 'media/batch1/a.mkv', 20, 25, tone(0.8))
    os.utime(path, (0, 0))
    store = extract_audio(cfg, media, out)
    assert valid_of(store)['a'].all() and store.dim == 64


def test_sound_files_need_a_frame_rate(cfg, tmp_path):
    for name in LENGTHS:
        write_wav(tmp_path / f'wav/{name}.wav', tone(0.5))
    folder, out = str(tmp_path / 'wav'), str(tmp_path / 'store')
    with pytest.raises(ValueError, match='No frame rate .* 4 videos.*--fps'):
        extract_audio(cfg, folder, out)
    store = extract_audio(cfg, folder, out, fps=25)
    assert [x.sum() for x in valid_of(store).values()] == [12] * 4
    store = extract_audio(cfg, folder, out, fps=50)
    assert store.valid.all()


def test_videos_that_do_not_fit_the_annotation(cfg, media, tmp_path):
    out = str(tmp_path / 'store')
    write_video(tmp_path / 'media/batch1/a.mkv', 40, 50, tone(0.8))
    message = 'a.mkv: 40 at 50 per second, annotated 20.*by --fps'
    with pytest.raises(ValueError, match=message):
        extract_audio(cfg, media, out)
    extract_audio(cfg, media, out, fps=25)


def test_missing_and_ambiguous_files(cfg, media, tmp_path):
    out = str(tmp_path / 'store')
    with pytest.raises(FileNotFoundError, match='nowhere: no such folder'):
        extract_audio(cfg, str(tmp_path / 'nowhere'), out)
    os.remove(osp.join(media, 'batch2/b.avi'))
    message = r'no file for 2 videos \(b_left, b_right\).*--allow-missing'
    with pytest.raises(FileNotFoundError, match=message):
        extract_audio(cfg, media, out)
    store = extract_audio(cfg, media, out, allow_missing=True)
    assert store.valid.sum() == 12
    write_wav(tmp_path / 'media/a.wav', tone(0.5))
    with pytest.raises(ValueError, match='several files for 1 video.*--types'):
        extract_audio(cfg, media, out, allow_missing=True)
    store = extract_audio(
        cfg, media, out, allow_missing=True, types=['wav'], fps=25
    )
    empty = tmp_path / 'empty'
    empty.mkdir()
    with pytest.raises(FileNotFoundError, match='no file for 4 videos'):
        extract_audio(cfg, str(empty), out, allow_missing=True)


def test_no_sound_at_all_is_an_error(cfg, media, tmp_path):
    for path, length in (('batch1/a.mkv', 20), ('batch2/b.avi', 15)):
        write_video(tmp_path / 'media' / path, length)
    out = str(tmp_path / 'store')
    with pytest.raises(ValueError, match='no frame of 4 videos'):
        extract_audio(cfg, media, out)
    with pytest.raises(FileNotFoundError, match='not finished'):
        FeatureStore(out)


def test_store_of_another_annotation_is_refused(
    cfg, files, media, tmp_path, write_videos
):
    out = str(tmp_path / 'store')
    extract_audio(cfg, media, out)
    more = write_videos({'a': '0' * 21}, size=4)
    message = "'a' had 20 frames.*now it has 21.*Run tools/extract_audio.py"
    with pytest.raises(ValueError, match=message):
        VideoClipDataset(**more, feature_store=out)
    # Other faces, the same frames: the sound is the same.
    other = write_videos({'a': '00' * 10}, size=4)
    VideoClipDataset(**other, feature_store=out)


def test_the_command(cfg, media, tmp_path):
    config = str(tmp_path / 'config.py')
    cfg.custom_imports = dict(imports=['fer_ssl'])
    cfg.dump(config)
    out = str(tmp_path / 'store')
    command = [
        *(osp.join(ROOT, 'tools', 'extract_audio.py'), config, media),
        *('--out', out, '--mels', '32'),
    ]
    result = run_script(*command)
    assert result.returncode == 0, result.stderr
    assert FeatureStore(out).features.shape == (70, 32)
    (tmp_path / 'media/batch2/b.avi').write_bytes(b'nothing' * 99)
    result = run_script(*command)
    assert result.returncode == 1
    assert 'error: ' in result.stderr and 'b.avi: neither' in result.stderr
    assert 'Traceback' not in result.stderr
