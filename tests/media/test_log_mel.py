import numpy as np
import pytest

from fer_ssl.media.log_mel import LogMel


def test_spectra_are_those_of_librosa():
    """librosa 0.11: log(1e-6 + melspectrogram(y=sound, sr=16000, n_fft=512,
    hop_length=500, n_mels=8, htk=True, norm=None, pad_mode='reflect')).
    """
    n = np.arange(4000)
    sound = 0.3 * np.sin(2 * np.pi * (200 + 0.05 * n) * n / 16000)
    centers = np.array([0, 2500, 3500])
    spectra, valid = LogMel(window=512, num_mels=8)(
        sound.astype(np.float32), centers
    )
    expected = [
        [7.3827, 4.5694, 1.0447, -0.6404, -1.9407, -3.0036, -3.8494, -4.4049],
        [6.3240, 7.4109, -3.1377, -11.5516, -13.5104, -13.7804, -13.8106]
        + [-13.8148],
        [1.4019, 7.6342, 4.9423, -10.8467, -13.5736, -13.8024, -13.8145]
        + [-13.8154],
    ]
    np.testing.assert_allclose(spectra, expected, atol=1e-3)
    assert valid.all()
    sums = LogMel().filters().sum(axis=1)[[0, 1, 10, 40, 63]]
    np.testing.assert_allclose(
        sums, [1.772656, 1.863926, 2.685444, 8.524639, 20.770195], rtol=1e-5
    )


def test_spectra_equal_their_definition():
    sound = np.random.default_rng(0).normal(size=3000).astype(np.float32)
    log_mel = LogMel(window=256, num_mels=10)
    spectra, valid = log_mel(sound, np.array([500, 2000]))
    n = np.arange(256)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * n / 256)
    for spectrum, center in zip(spectra, (500, 2000)):
        window = hann * sound[center - 128 : center + 128]
        power = [
            abs(np.sum(window * np.exp(-2j * np.pi * k * n / 256))) ** 2
            for k in range(129)
        ]
        expected = np.log(log_mel.filters() @ power + 1e-6)
        np.testing.assert_allclose(spectrum, expected, rtol=1e-4)


def test_only_moments_with_sound_are_valid():
    sound = np.ones(1000, np.float32)
    sound[400:500] = np.nan
    centers = np.array([-1, 0, 272, 273, 627, 628, 999, 1000])
    spectra, valid = LogMel(window=256, num_mels=8)(sound, centers)
    assert valid.tolist() == [0, 1, 1, 0, 0, 1, 1, 0]
    assert not spectra[~valid].any() and np.isfinite(spectra).all()


@pytest.mark.parametrize('length', [0, 1, 512])
def test_sound_shorter_than_half_a_window(length):
    sound = np.zeros(length, np.float32)
    assert not LogMel()(sound, np.arange(3))[1].any()
    assert LogMel()(np.zeros(513, np.float32), np.arange(3))[1].all()


def test_more_moments_than_fit_in_one_pass():
    sound = np.random.default_rng(0).normal(size=9000).astype(np.float32)
    log_mel = LogMel(window=256, num_mels=8)
    centers = np.arange(0, 9000, 2)
    spectra, valid = log_mel(sound, centers)
    alone, _ = log_mel(sound, centers[-5:])
    np.testing.assert_allclose(spectra[-5:], alone, rtol=1e-6)
    assert valid.all()


def test_too_many_bands():
    with pytest.raises(ValueError, match='fewer bands or a longer window'):
        LogMel(window=128, num_mels=64)
