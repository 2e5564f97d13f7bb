from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft
from scipy.signal import get_window

# Added before the logarithm: about the power of 16-bit rounding noise.
_FLOOR = 1e-6
# Windows per pass; bounds the memory for videos of any length.
_WINDOWS_AT_ONCE = 2048


@dataclass(frozen=True)
class LogMel:
    """Log-mel spectra around given samples of a sound.

    There is one spectrum per video frame. At 30 fps and 16 kHz a window of
    1024 samples is 64 ms long, so windows overlap by half.

    Args:
        sample_rate: Samples per second.
        window: Samples per spectrum, weighted by a Hann window.
        num_mels: Number of mel bands M, from 0 Hz to half the sample rate.

    Raises:
        ValueError: If a band is narrower than the resolution of the spectrum.
    """

    sample_rate: int = 16000
    window: int = 1024
    num_mels: int = 64

    def __post_init__(self) -> None:
        if not self.filters().any(axis=1).all():
            raise ValueError(
                f'{self.num_mels} mel bands are more than a window of '
                f'{self.window} samples can resolve: use fewer bands or a '
                'longer window.'
            )

    def filters(self) -> np.ndarray:
        """Compute triangular filters with peaks of 1, (M, window / 2 + 1).

        Their corners are evenly spaced on the mel scale 2595 log10(1 + f /
        700) of O'Shaughnessy, "Speech communication" (1987), as in HTK.
        """
        nyquist = self.sample_rate / 2
        top = 2595 * np.log10(1 + nyquist / 700)
        mels = np.linspace(0, top, self.num_mels + 2)
        corners = 700 * (10 ** (mels / 2595) - 1)
        frequencies = np.linspace(0, nyquist, self.window // 2 + 1)
        left, middle, right = corners[:-2], corners[1:-1], corners[2:]
        rise = (frequencies - left[:, None]) / (middle - left)[:, None]
        fall = (right[:, None] - frequencies) / (right - middle)[:, None]
        return np.maximum(np.minimum(rise, fall), 0).astype(np.float32)

    def __call__(
        self, samples: np.ndarray, centers: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Compute the spectra around T samples.

        The sound is mirrored at both ends for windows that reach beyond them.

        Args:
            samples: Mono sound in [-1, 1], float32 (n,); NaN where nothing
                was recorded.
            centers: Indices of the center samples, (T,).

        Returns:
            Natural logarithm of the power per band, float32 (T, M), and
            whether each spectrum is valid, bool (T,): its center lies in the
            sound and its window has no NaN. Spectra that are not valid are
            zero.
        """
        half = self.window // 2
        spectra = np.zeros((len(centers), self.num_mels), np.float32)
        valid = np.zeros(len(centers), bool)
        if len(samples) <= half:
            return spectra, valid
        padded = np.pad(samples, half, mode='reflect')
        shape = get_window('hann', self.window).astype(np.float32)
        filters = self.filters().T
        inside = np.flatnonzero((centers >= 0) & (centers < len(samples)))
        for start in range(0, len(inside), _WINDOWS_AT_ONCE):
            rows = inside[start : start + _WINDOWS_AT_ONCE]
            windows = padded[centers[rows, None] + np.arange(self.window)]
            known = np.isfinite(windows).all(axis=1)
            rows, windows = rows[known], windows[known]
            power = np.abs(fft.rfft(windows * shape)) ** 2
            spectra[rows] = np.log(power @ filters + _FLOOR)
            valid[rows] = True
        return spectra, valid
