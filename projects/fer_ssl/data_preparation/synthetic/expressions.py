"""Action-unit prototypes of the expressions, and their course over time.

Prototypes follow the EMFACS tables: Ekman and Friesen, "Facial Action Coding
System" (1978) and "EMFACS-7" (1983); the variants are those listed by Friesen
and Ekman for each emotion, reduced to the 12 action units (AUs) that ABAW
scores. AU5, AU9, AU16, AU17, AU20 and AU27 of the originals are not among the
12; AU10 stands in for AU9, AU26 for AU27. Valence and arousal place each
prototype on the circumplex of Russell, "A circumplex model of affect" (1980).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from fer_ssl.labels import ABAW_ACTION_UNITS, ABAW_EXPRESSIONS

MAX_INTENSITY = 5.0
"""FACS scores intensity from A to E, here 1 to 5 (0 = absent)."""


class Prototype(NamedTuple):
    """One appearance of an expression at its apex.

    Attributes:
        action_units: AU number -> intensity in [0, 5].
        valence: Pleasantness in [-1, 1].
        arousal: Activation in [-1, 1].
        asymmetry: In [-1, 1]; +1 leaves only the right side of the image
            active, -1 only the left side.
    """

    action_units: dict[int, float]
    valence: float
    arousal: float
    asymmetry: float = 0.0


PROTOTYPES: dict[str, tuple[Prototype, ...]] = {
    # EMFACS: 4+5+7 with 23 or 24 (lips pressed), or 10+25+26 (teeth shown)
    'anger': (
        Prototype({4: 4.5, 7: 3.5, 23: 4.0, 24: 2.0}, -0.6, 0.6),
        Prototype({4: 4.5, 7: 3.5, 24: 4.5, 23: 2.0}, -0.5, 0.5),
        Prototype({4: 4.5, 7: 4.0, 10: 2.0, 23: 2.0, 25: 3.0}, -0.7, 0.8),
    ),
    # EMFACS: 9 or 10, with 15, 16 or 17, often with the brow lowered
    'disgust': (
        Prototype({10: 4.5, 4: 2.5, 7: 2.5, 15: 2.5}, -0.6, 0.3),
        Prototype({10: 4.5, 4: 3.0, 6: 2.0, 25: 2.5}, -0.7, 0.35),
        Prototype({10: 4.0, 7: 3.0, 15: 3.5}, -0.5, 0.2),
    ),
    # EMFACS: 1+2+4+5+20 with 25, 26 or 27
    'fear': (
        Prototype({1: 4.5, 2: 2.5, 4: 3.0, 25: 3.5}, -0.6, 0.7),
        Prototype({1: 4.5, 2: 3.5, 4: 3.0, 25: 4.0, 26: 2.0}, -0.65, 0.8),
        Prototype({1: 4.0, 4: 3.5, 7: 1.5, 25: 3.0, 15: 1.0}, -0.6, 0.6),
    ),
    # EMFACS: 6+12, the Duchenne smile; mouth closed or open
    'happiness': (
        Prototype({6: 3.5, 12: 4.0}, 0.7, 0.25),
        Prototype({6: 4.0, 12: 4.5, 25: 3.5}, 0.8, 0.4),
        Prototype({6: 4.5, 12: 4.5, 25: 4.0, 26: 2.5}, 0.85, 0.6),
    ),
    # EMFACS: 1+4 with 11 or 15, 6+15
    'sadness': (
        Prototype({1: 4.0, 4: 3.0, 15: 4.0}, -0.65, -0.3),
        Prototype({1: 3.5, 4: 2.0, 15: 4.5, 24: 1.0}, -0.6, -0.4),
        Prototype({1: 3.0, 4: 3.0, 6: 2.5, 15: 4.0, 25: 1.5}, -0.75, -0.1),
    ),
    # EMFACS: 1+2+5 with 26 or 27
    'surprise': (
        Prototype({1: 4.0, 2: 4.5, 25: 3.0, 26: 4.0}, 0.15, 0.75),
        Prototype({1: 4.5, 2: 4.5, 25: 2.5, 26: 2.5}, 0.1, 0.6),
        Prototype({1: 4.0, 2: 4.0, 25: 2.0, 26: 4.5}, 0.2, 0.7),
    ),
    # No emotion prototype: one-sided contempt (12 or 14), the flash of one
    # brow, a mouth that speaks, a pressed smile.
    'other': (
        Prototype({12: 3.5, 24: 1.5}, -0.2, 0.15, asymmetry=1.0),
        Prototype({12: 3.5, 24: 1.5}, -0.2, 0.15, asymmetry=-1.0),
        Prototype({1: 3.0, 2: 4.5, 24: 3.0}, 0.0, 0.2, asymmetry=0.9),
        Prototype({1: 3.0, 2: 4.5, 24: 3.0}, 0.0, 0.2, asymmetry=-0.9),
        Prototype({12: 3.0, 15: 3.0, 23: 4.0, 24: 4.0}, 0.0, 0.1),
        Prototype({10: 2.0, 24: 4.0, 2: 2.0, 25: 3.0}, 0.1, 0.3, 0.6),
    ),
}
"""Expression -> its variants; neutral is the absence of all of them."""

EMOTIONS: tuple[str, ...] = tuple(
    name for name in ABAW_EXPRESSIONS if name in PROTOTYPES
)
_COLUMN = {int(name[2:]): i for i, name in enumerate(ABAW_ACTION_UNITS)}
_UPPER_FACE = [_COLUMN[number] for number in (1, 2, 4)]


@dataclass
class FacialAction:
    """The action of one face at one moment.

    Args:
        action_units: Intensities (12,) in [0, 5], in the order of
            ``ABAW_ACTION_UNITS``.
        valence: Pleasantness in [-1, 1].
        arousal: Activation in [-1, 1].
        asymmetry: In [-1, 1], see :class:`Prototype`.
        blink: In [0, 1]; 0 leaves the eyes to the AUs, 1 closes them.
    """

    action_units: np.ndarray
    valence: float = 0.0
    arousal: float = 0.0
    asymmetry: float = 0.0
    blink: float = 0.0

    def scaled(self, strength: float) -> FacialAction:
        """Scale the action by ``strength`` in [0, 1]."""
        return FacialAction(
            strength * self.action_units,
            strength * self.valence,
            strength * self.arousal,
            self.asymmetry,
        )


def neutral_action() -> FacialAction:
    """Return the action of a face at rest."""
    return FacialAction(np.zeros(len(ABAW_ACTION_UNITS)))


def sample_apex(expression: str, rng: np.random.Generator) -> FacialAction:
    """Draw how one person shows an expression at its apex.

    A variant is drawn, each of its AUs is scaled by 70 to 115 %, and
    sometimes one AU is almost missing, as in real people.

    Args:
        expression: A key of ``PROTOTYPES``, or 'neutral'.
        rng: Source of randomness.

    Returns:
        Intensities within [0, 5].
    """
    if expression == 'neutral':
        return neutral_action()
    variants = PROTOTYPES[expression]
    variant = variants[rng.integers(len(variants))]
    action_units = np.zeros(len(ABAW_ACTION_UNITS))
    for number, intensity in variant.action_units.items():
        action_units[_COLUMN[number]] = intensity * rng.uniform(0.7, 1.15)
    if rng.random() < 0.2:
        present = np.flatnonzero(action_units)
        action_units[rng.choice(present)] *= 0.3
    affect = np.clip(
        [
            variant.valence + 0.08 * rng.standard_normal(),
            variant.arousal + 0.08 * rng.standard_normal(),
        ],
        -1,
        1,
    )
    return FacialAction(
        np.clip(action_units, 0, MAX_INTENSITY),
        float(affect[0]),
        float(affect[1]),
        variant.asymmetry + 0.1 * rng.standard_normal(),
    )


def sample_still(
    expression: str, min_strength: float, rng: np.random.Generator
) -> FacialAction:
    """Draw the action of one still image of a class.

    Emotions range from weak (``min_strength`` of their apex) to full. A
    neutral face keeps a trace of some emotion, below ``min_strength``, which
    makes weak emotions hard to distinguish from it.
    """
    if expression == 'neutral':
        strength = min_strength * rng.uniform(0, 0.8)
        expression = EMOTIONS[rng.integers(len(EMOTIONS))]
    else:
        strength = rng.uniform(min_strength, 1)
    return sample_apex(expression, rng).scaled(strength)


@dataclass
class Timeline:
    """The actions of one face over a video of T frames.

    Args:
        action_units: Intensities (T, 12) in [0, 5].
        valence: Pleasantness (T,) in [-1, 1].
        arousal: Activation (T,) in [-1, 1].
        asymmetry: Asymmetry (T,) in [-1, 1].
        blink: Closure of the lids (T,) in [0, 1].
        expressions: Class of every frame.
    """

    action_units: np.ndarray
    valence: np.ndarray
    arousal: np.ndarray
    asymmetry: np.ndarray
    blink: np.ndarray
    expressions: list[str]

    def at(self, frame: int) -> FacialAction:
        """Return the action in one frame, counted from 0."""
        return FacialAction(
            self.action_units[frame],
            float(self.valence[frame]),
            float(self.arousal[frame]),
            float(self.asymmetry[frame]),
            float(self.blink[frame]),
        )


def episode_curve(
    onset: int, apex: int, offset: int, peak: float
) -> np.ndarray:
    """Return the strength of one expression over time: rise, hold, fall.

    Onset and offset are half cosines with zero slope at both ends. In
    spontaneous expressions the offset is the slower of the two (Ekman and
    Friesen, "Felt, false, and miserable smiles", 1982).

    Args:
        onset: Length of the rise in frames.
        apex: Length of the apex in frames.
        offset: Length of the fall in frames.
        peak: Strength at the apex, in [0, 1].

    Returns:
        Strength (onset + apex + offset,) in [0, peak].
    """
    rise = 0.5 - 0.5 * np.cos(np.pi * (np.arange(onset) + 0.5) / onset)
    fall = 0.5 + 0.5 * np.cos(np.pi * (np.arange(offset) + 0.5) / offset)
    return peak * np.concatenate([rise, np.ones(apex), fall])


def sample_timeline(
    num_frames: int,
    palette: tuple[str, ...],
    min_strength: float,
    rng: np.random.Generator,
) -> Timeline:
    """Draw the course of a video: episodes of expressions with rests between.

    A frame has the class of the strongest episode if that exceeds
    ``min_strength``; otherwise it is neutral. Parts of the video contain
    speech (AU25, AU26), whatever the expression, and the eyes blink every few
    seconds.

    Args:
        num_frames: Number T of frames, at least 1.
        palette: Expressions that this person shows.
        min_strength: Threshold in (0, 1).
        rng: Source of randomness.
    """
    action_units = np.zeros((num_frames, len(ABAW_ACTION_UNITS)))
    affect = np.zeros((num_frames, 2))
    asymmetry = np.zeros(num_frames)
    strongest = np.zeros(num_frames)
    expressions = ['neutral'] * num_frames
    start = int(rng.integers(0, 30))
    shown = int(rng.integers(len(palette)))
    while start < num_frames:
        expression = palette[shown % len(palette)]
        shown += 1
        apex = sample_apex(expression, rng)
        curve = episode_curve(
            onset=int(rng.integers(6, 16)),
            apex=int(rng.integers(60, 160)),
            offset=int(rng.integers(10, 26)),
            peak=rng.uniform(min_strength + 0.2, 1),
        )
        end = start + len(curve)
        # slow fluctuation: nobody holds an expression still
        curve = curve * (1 + 0.12 * smooth_noise(len(curve), 12, rng))
        curve = np.clip(curve, 0, 1)[: num_frames - start]
        span = slice(start, start + len(curve))
        action_units[span] += curve[:, None] * apex.action_units
        affect[span] += curve[:, None] * (apex.valence, apex.arousal)
        for frame, strength in enumerate(curve, start):
            if strength > strongest[frame]:
                strongest[frame] = strength
                asymmetry[frame] = apex.asymmetry
                if strength > min_strength:
                    expressions[frame] = expression
        start = end + int(rng.integers(-8, 50))
    action_units += _speech(num_frames, rng)
    # brows move a little with every word
    brows = 0.35 * smooth_noise(num_frames, 8, rng)
    action_units[:, _UPPER_FACE] += brows[:, None]
    return Timeline(
        np.clip(action_units, 0, MAX_INTENSITY),
        np.clip(affect[:, 0], -1, 1),
        np.clip(affect[:, 1], -1, 1),
        np.clip(asymmetry, -1, 1),
        _blinks(num_frames, rng),
        expressions,
    )


def smooth_noise(
    length: int, scale: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw noise of about unit variance, smooth over ``scale`` frames."""
    kernel = np.hanning(2 * scale + 1)
    kernel /= np.sqrt(np.sum(kernel**2))
    white = rng.standard_normal(length + 2 * scale)
    return np.convolve(white, kernel, mode='valid')


def sample_runs(
    length: int, fraction: float, mean: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw a mask (length,) of runs of about ``mean`` frames."""
    mask = np.zeros(length, dtype=bool)
    for start in np.flatnonzero(rng.random(length) < fraction / mean):
        mask[start : start + int(rng.integers(1, 2 * mean))] = True
    return mask


def _speech(num_frames: int, rng: np.random.Generator) -> np.ndarray:
    """Draw AU25 and AU26 of speech (T, 12); about half of T is silent."""
    talking = np.clip(smooth_noise(num_frames, 30, rng), 0, 1)
    syllables = np.abs(smooth_noise(num_frames, 2, rng))
    mouth = np.zeros((num_frames, len(ABAW_ACTION_UNITS)))
    mouth[:, _COLUMN[25]] = 2.5 * talking * syllables
    mouth[:, _COLUMN[26]] = 1.5 * talking * syllables
    return mouth


def _blinks(num_frames: int, rng: np.random.Generator) -> np.ndarray:
    """Draw blinks (T,): about 4 of every 90 frames (3 s at 30 fps)."""
    closed = np.zeros(num_frames)
    for frame in np.flatnonzero(rng.random(num_frames) < 1 / 90):
        shape = np.array([0.5, 1, 1, 0.5])[: num_frames - frame]
        closed[frame : frame + 4] = shape
    return closed
