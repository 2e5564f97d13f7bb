"""Synthesize a voice whose prosody follows arousal.

In aroused speech, pitch, its variation, loudness and tempo rise, and energy
moves to high frequencies: Scherer, "Vocal communication of emotion" (2003);
Juslin and Laukka, "Communication of emotions in vocal expression and music
performance" (2003).
"""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np

from ...utils.files import whole_file
from .expressions import smooth_noise

SAMPLE_RATE = 16000
FRAME_RATE = 30
_HARMONICS = 24
_HIGHEST = 7000.0  # in Hz; higher harmonics are left out


def speak(arousal: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Synthesize a person who talks with pauses, over background noise.

    From arousal 0 to 1, the pitch rises by 8 semitones, the loudness by 10 dB
    and the tempo from 4 to 6 syllables per second. Pitch and loudness at rest
    differ between people, and everything fluctuates, so a short moment is not
    informative.

    Args:
        arousal: Arousal of each video frame, (T,), in [-1, 1].
        rng: Source of randomness.

    Returns:
        Samples (T * SAMPLE_RATE / FRAME_RATE,), float32, in [-1, 1].
    """
    num_frames = len(arousal)
    pitch = rng.uniform(np.log2(95), np.log2(230))
    pitch = pitch + 8 / 12 * arousal + 0.1 * smooth_noise(num_frames, 10, rng)
    loudness = rng.uniform(-32, -26)
    loudness = loudness + 10 * arousal + 2 * smooth_noise(num_frames, 8, rng)
    tempo = 4 * 1.5**arousal * 1.1 ** smooth_noise(num_frames, 15, rng)
    tilt = 1.5 - 0.4 * arousal + 0.1 * smooth_noise(num_frames, 15, rng)
    vowel = 600 * 1.4 ** smooth_noise(num_frames, 5, rng)
    talking = 2 * smooth_noise(num_frames, 20, rng) + 1  # 70 % of the time

    per_sample = (
        np.arange(num_frames * SAMPLE_RATE // FRAME_RATE) / SAMPLE_RATE
    ) * FRAME_RATE - 0.5  # time in frames, from the center of the first

    def smooth(values: np.ndarray) -> np.ndarray:
        return np.interp(per_sample, np.arange(num_frames), values)

    frequency = 2 ** smooth(pitch)
    phase = 2 * np.pi * np.cumsum(frequency) / SAMPLE_RATE
    sound = _harmonics(phase, frequency, smooth(tilt), smooth(vowel))
    syllables = 2 * np.pi * np.cumsum(smooth(tempo)) / SAMPLE_RATE
    sound *= 0.55 - 0.45 * np.cos(syllables)
    sound *= np.clip(smooth(talking), 0, 1) * 10 ** (smooth(loudness) / 20)
    background = 10 ** (rng.uniform(-60, -48) / 20)
    sound += background * rng.standard_normal(len(sound))
    return np.clip(sound, -1, 1).astype(np.float32)


def _harmonics(
    phase: np.ndarray,
    frequency: np.ndarray,
    tilt: np.ndarray,
    vowel: np.ndarray,
) -> np.ndarray:
    """Sum the harmonics (n,) at unit power, boosted near the formant."""
    sound = np.zeros(len(phase))
    power = np.zeros(len(phase))
    for number in range(1, _HARMONICS + 1):
        height = number * frequency
        strength = number**-tilt
        strength *= 1 + 3 * np.exp(-(((height - vowel) / 250) ** 2))
        strength *= height < _HIGHEST
        sound += strength * np.sin(number * phase)
        power += strength**2 / 2
    return sound / np.sqrt(power)


def write_sound(path: Path, sound: np.ndarray) -> None:
    """Write samples (n,) in [-1, 1] to a 16-bit mono WAV file."""
    whole = np.round(32767 * sound).astype('<i2')
    with (
        whole_file(path, 'wb', sync=False) as file,
        wave.open(file, 'wb') as wav,
    ):
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(SAMPLE_RATE)
        wav.writeframes(whole.tobytes())
