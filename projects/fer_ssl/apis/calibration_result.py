from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..evaluation.calibration import Calibration
from ..evaluation.calibration_scores import COLUMNS
from ..utils.tables import markdown_table


@dataclass
class CalibrationResult:
    """What a calibration of a checkpoint did.

    Attributes:
        calibration: What the new checkpoint holds.
        method: How it was fitted to the faces.
        scores: Cross-validated scores by name of the row, ``'before'`` and
            the methods; empty without labels.
        fractions: Mean probability of each class before and after, (2, C).
        files: The written files.
    """

    calibration: Calibration
    method: str
    scores: dict[str, dict[str, float]]
    fractions: np.ndarray
    files: list[str]

    def describe(self) -> str:
        """Format the scores and the classes as two Markdown tables."""
        own = self.calibration
        before, after = self.fractions
        parts = []
        if self.scores:
            rows = [
                [
                    f'{name} (written)' if name == self.method else name,
                    *(f'{scores[key]:.2f}' for key in COLUMNS.values()),
                ]
                for name, scores in self.scores.items()
            ]
            parts.append(markdown_table(['cross-validated', *COLUMNS], rows))
        columns = {
            'labels': own.faces_per_class,
            'bias': [f'{bias:+.2f}' for bias in own.bias],
            'predicted before, %': [f'{100 * x:.1f}' for x in before],
            'after, %': [f'{100 * x:.1f}' for x in after],
        }
        columns = {k: v for k, v in columns.items() if v is not None}
        rows = [list(row) for row in zip(own.classes, *columns.values())]
        parts.append(markdown_table(['class', *columns], rows))
        parts.append(
            f'Method {own.method}: temperature {own.temperature:.3f} and the '
            f'biases above, fitted to {own.num_faces:,} faces.'
        )
        return '\n\n'.join(parts)
