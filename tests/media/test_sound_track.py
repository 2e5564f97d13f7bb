import sys

import numpy as np
import pytest

from fer_ssl.media.sound_track import media_info, read_sound_track
from tests.helpers.sound_files import tone, write_aac, write_video, write_wav

pytest.importorskip('av')


def test_wav_as_it_is(tmp_path):
    path = tmp_path / 'a.wav'
    write_wav(path, tone(0.5))
    sound = read_sound_track(str(path), 16000)
    assert sound.dtype == np.float32
    np.testing.assert_allclose(sound, tone(0.5), atol=1e-4)
    assert media_info(str(path)) == (True, None, None)


def test_mean_of_the_channels_at_another_rate(tmp_path):
    path = tmp_path / 'a.wav'
    left, right = tone(0.5, 44100), tone(0.5, 44100, amplitude=0.1)
    write_wav(path, np.stack([left, right]), 44100)
    sound = read_sound_track(str(path), 16000)
    assert abs(len(sound) - 8000) <= 32
    expected = tone(0.5, amplitude=0.2)
    np.testing.assert_allclose(sound[50:7900], expected[50:7900], atol=2e-3)


@pytest.mark.parametrize('kind', ['mkv', 'avi', 'mov'])
def test_sound_of_a_video(tmp_path, kind):
    path = tmp_path / f'a.{kind}'
    write_video(path, 10, 25, tone(0.4))
    info = media_info(str(path))
    assert info.has_sound and info.fps == pytest.approx(25)
    assert info.num_frames == 10
    sound = read_sound_track(str(path), 16000)
    np.testing.assert_allclose(sound, tone(0.4), atol=1e-4)


def test_video_without_sound(tmp_path):
    path = tmp_path / 'a.mkv'
    write_video(path, 10)
    assert not media_info(str(path)).has_sound
    assert len(read_sound_track(str(path), 16000)) == 0


def test_late_sound_and_gaps_keep_their_place(tmp_path):
    path = tmp_path / 'a.mkv'
    starts = [(0, 3200), (1600, 8000)]
    write_video(path, 25, 25, tone(0.3), starts=starts)
    sound = read_sound_track(str(path), 16000)
    expected = np.full(8000 + 3200, np.nan, np.float32)
    expected[3200:4800] = tone(0.3)[:1600]
    expected[8000:] = tone(0.3)[1600:]
    assert len(sound) == len(expected)
    # Matroska rounds times to milliseconds, 16 samples.
    known = np.isfinite(sound)
    assert np.sum(known != np.isfinite(expected)) <= 64
    np.testing.assert_allclose(sound[3300:4700], expected[3300:4700], atol=0.1)


def test_files_that_cannot_be_read(tmp_path):
    path = tmp_path / 'a.mp4'
    path.write_bytes(b'no video at all' * 100)
    for read in (media_info, lambda x: read_sound_track(x, 16000)):
        with pytest.raises(ValueError, match='a.mp4: neither a video nor'):
            read(str(path))


def test_interrupted_copy(tmp_path):
    path = tmp_path / 'a.wav'
    write_wav(path, tone(0.5))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    sound = read_sound_track(str(path), 16000)
    np.testing.assert_allclose(sound, tone(0.5)[: len(sound)], atol=1e-4)
    assert 3900 < len(sound) <= 4000


def test_damaged_packets_are_gaps(tmp_path):
    path = tmp_path / 'a.mp4'
    chirp = np.sin(np.arange(48000) ** 2 * 1e-5).astype(np.float32)
    write_aac(path, 0.3 * chirp)
    whole = read_sound_track(str(path), 16000)
    data = bytearray(path.read_bytes())
    damage = slice(len(data) // 2, len(data) * 2 // 3)
    noise = np.random.default_rng(0).integers(0, 256, len(data[damage]))
    data[damage] = noise.astype(np.uint8).tobytes()
    path.write_bytes(data)
    sound = read_sound_track(str(path), 16000)
    assert len(sound) == len(whole)
    assert np.isnan(sound).any()
    for part in (slice(0, 16000), slice(40000, 47000)):
        np.testing.assert_allclose(sound[part], whole[part], atol=1e-3)


def test_empty_sound_track(tmp_path):
    path = tmp_path / 'a.wav'
    write_wav(path, np.zeros(0))
    assert len(read_sound_track(str(path), 16000)) == 0


def test_nothing_but_damaged_packets(tmp_path):
    path = tmp_path / 'a.mp4'
    write_aac(path, tone(1.0))
    data = bytearray(path.read_bytes())
    begin, end = data.index(b'mdat') + 4, data.index(b'moov') - 4
    data[begin:end] = bytes([255] * (end - begin))
    path.write_bytes(data)
    with pytest.raises(ValueError, match='a.mp4: its sound track cannot be'):
        read_sound_track(str(path), 16000)


def test_without_pyav(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'av', None)
    with pytest.raises(ImportError, match='pip install av'):
        media_info(str(tmp_path / 'a.wav'))
