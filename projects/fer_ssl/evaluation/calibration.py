"""The calibration of a network, as it is stored in its checkpoint."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from ..utils.data_files import COUNT, check_form
from ..utils.saved_config import saved_config
from .functional.calibration import calibrate

#: Key of the config inside a checkpoint.
KEY = 'calibration'
_FORM = {
    'temperature': float,
    'bias': [float],
    'classes': [str],
    'method': str,
    'prior': [float],
    'num_faces': COUNT,
    'faces_per_class?': [COUNT],
    'scores?': {str: {str: float}},
}


@dataclass(frozen=True)
class Calibration:
    """Temperature and biases, and the faces that they were fitted to.

    Attributes:
        temperature: See :func:`.functional.calibration.calibrate`.
        bias: One number per class, (C,).
        classes: Names of the C classes.
        method: How it was fitted, one of
            :data:`.fit_calibration.METHODS`, or several with commas if one
            continued from another.
        prior: Class frequencies that the calibrated probabilities assume,
            (C,): from here, EM goes on to those of other faces.
        num_faces: Number of faces that it was fitted to.
        faces_per_class: Number of them with each label, (C,); ``None`` if no
            label was used.
        scores: Cross-validated scores on these faces, ``'before'`` and
            ``'after'``; ``None`` without labels.
    """

    temperature: float
    bias: list[float]
    classes: list[str]
    method: str
    prior: list[float]
    num_faces: int
    faces_per_class: list[int] | None = None
    scores: dict[str, dict[str, float]] | None = None

    def __call__(self, probs: np.ndarray) -> np.ndarray:
        """Calibrate the probabilities of the network, (..., C)."""
        return calibrate(probs, self.temperature, self.bias)

    def after(self, first: Calibration | None) -> Calibration:
        """Return the calibration that applies ``first`` and then this one.

        Both together have the same form: with the temperatures T and biases b,
        T = T_1 T_2 and b = b_1 / T_2 + b_2.
        """
        if first is None:
            return self
        bias = np.array(first.bias) / self.temperature + np.array(self.bias)
        return replace(
            self,
            temperature=first.temperature * self.temperature,
            bias=bias.tolist(),
            method=f'{first.method}, {self.method}',
        )

    @property
    def has_fitted_biases(self) -> bool:
        """Whether labels have been used to fit the biases."""
        return not {'labels', 'bias'}.isdisjoint(self.method.split(', '))

    def to_config(self) -> dict:
        """Return the entry of a config, made of plain values."""
        return {k: v for k, v in asdict(self).items() if v is not None}

    @classmethod
    def from_config(cls, entry: Mapping, source: str) -> Calibration:
        """Read an entry that :meth:`to_config` returned.

        Args:
            entry: The entry.
            source: Where it is from, for messages.

        Raises:
            ValueError: It has another form, or values that calibrate nothing;
                the message names the source.
        """
        where = f'{source}: {KEY}'
        check_form(where, entry, _FORM)
        lengths = {len(entry[x]) for x in ('bias', 'classes', 'prior')}
        numbers = [entry['temperature'], *entry['bias'], *entry['prior']]
        if (
            len(lengths) > 1
            or not all(map(math.isfinite, numbers))
            or min(entry['temperature'], *entry['prior']) <= 0
        ):
            raise ValueError(
                f'{where}: it must have a temperature above 0, and one finite '
                'bias and one prior above 0 for each of its classes. Make the '
                'checkpoint again by `mim run fer_ssl calibrate`.'
            )
        return cls(**entry)


def saved_calibration(
    checkpoint: Any, source: str, classes: Sequence[str] | None = None
) -> Calibration | None:
    """Read the calibration that a checkpoint carries, if it does.

    It belongs to the weights. So it is read from the config inside the
    checkpoint even where another config describes the network.

    Args:
        checkpoint: Content of the file.
        source: Path of the file, for messages.
        classes: Names of the classes of the network, if they are known.

    Raises:
        ValueError: It cannot be read, or is of other classes; the message
            names the file.
    """
    meta = checkpoint.get('meta') if isinstance(checkpoint, dict) else None
    text = meta.get('cfg') if isinstance(meta, dict) else None
    # The config of most checkpoints has no such key, and need not be parsed.
    if not isinstance(text, str) or not re.search(f'^{KEY} =', text, re.M):
        return None
    entry = saved_config(checkpoint, source).to_dict()[KEY]
    calibration = Calibration.from_config(entry, source)
    if classes is not None and calibration.classes != list(classes):
        raise ValueError(
            f'{source}: its calibration is for the classes '
            f'{", ".join(calibration.classes)}, but the network predicts '
            f'{", ".join(classes)}. Calibrate the network again.'
        )
    return calibration
