"""Drawing of boxes, labels and probabilities into the frames of a video."""

from __future__ import annotations

import cv2
import numpy as np

from ..evaluation.face_predictions import FacePredictions
from ..media.video_file import VideoFrame
from .class_colors import class_colors

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_DARK, _LIGHT = (30, 30, 30), (245, 245, 245)


class FaceOverlay:
    """Overlay of the predictions for all faces of a video.

    Each face gets a box in the color of its smoothed class. Above the box are
    the track ID, that class and its smoothed probability; below it is a bar
    divided by the smoothed probabilities of all classes. The legend is at the
    bottom of the frame, and a note at the top says if there is no face.

    Args:
        predictions: Predictions for the video.
    """

    def __init__(self, predictions: FacePredictions) -> None:
        self.predictions = predictions
        self._colors = [
            tuple(round(255 * x) for x in reversed(color))
            for color in class_colors(predictions.classes)
        ]

    def draw(self, frame: VideoFrame) -> None:
        """Draw into ``frame.image``, BGR uint8 (H, W, 3)."""
        image = frame.image
        unit = max(min(image.shape[:2]) / 360, 0.4)  # scales all sizes
        floor = self._draw_legend(image, unit)
        rows = self.predictions.rows_of(frame.number)
        for row in rows:
            self._draw_face(image, row, unit, floor)
        if not rows:
            corner = round(8 * unit), round(8 * unit)
            _Text('no face', unit).draw(image, corner, _DARK)

    def _draw_face(
        self, image: np.ndarray, row: int, unit: float, floor: int
    ) -> None:
        faces = self.predictions.faces
        scores = self.predictions.smoothed_scores[row]
        label = int(scores.argmax())
        color = self._colors[label]
        left, top, right, bottom = (round(float(x)) for x in faces['box'][row])
        thickness = max(round(2 * unit), 1)
        bar = max(round(7 * unit), 3)
        y = min(bottom + thickness, floor - bar)
        end = right, min(bottom, y)
        cv2.rectangle(image, (left, top), end, color, thickness)
        self._draw_bar(image, left, y, max(right - left, 1), bar, scores)
        text = _Text(
            f'{faces["face"][row]} {self.predictions.classes[label]} '
            f'{scores[label]:.0%}',
            unit,
        )
        x = max(min(left - thickness // 2, image.shape[1] - text.width), 0)
        y = top - text.height
        if y < 0:  # no space above the box
            y = max(top, 0)
        text.draw(image, (x, y), color)

    def _draw_bar(
        self,
        image: np.ndarray,
        left: int,
        top: int,
        width: int,
        height: int,
        scores: np.ndarray,
    ) -> None:
        ends = np.concatenate([[0], scores.cumsum() / scores.sum()])
        ends = (left + np.round(width * ends)).astype(int).tolist()
        for begin, end, color in zip(ends, ends[1:], self._colors):
            if end > begin:
                box = (begin, top), (end - 1, top + height - 1)
                cv2.rectangle(image, *box, color, cv2.FILLED)

    def _draw_legend(self, image: np.ndarray, unit: float) -> int:
        """Draw the legend in one line at the bottom, and return its top."""
        names = self.predictions.classes
        total = sum(_Text(name, unit).width for name in names)
        unit = min(unit, unit * image.shape[1] / total)  # shrink to fit
        x, y = 0, image.shape[0] - _Text(names[0], unit).height
        for name, color in zip(names, self._colors):
            text = _Text(name, unit)
            text.draw(image, (x, y), color)
            x += text.width
        return y


class _Text:
    """A text on a colored background; ``unit`` scales it."""

    def __init__(self, text: str, unit: float) -> None:
        self._text = text
        self._style = _FONT, 0.45 * unit
        self._thickness = max(round(unit), 1)
        (width, self._above), below = cv2.getTextSize(
            text, *self._style, self._thickness
        )
        self._pad = max(round(4 * unit), 1)
        self.width = width + 2 * self._pad
        self.height = self._above + below + self._pad * 3 // 2

    def draw(
        self,
        image: np.ndarray,
        corner: tuple[int, int],
        background: tuple[int, int, int],
    ) -> None:
        """Draw the text with its top left corner at ``corner``."""
        x, y = corner
        end = x + self.width - 1, y + self.height - 1
        cv2.rectangle(image, corner, end, background, cv2.FILLED)
        blue, green, red = background
        is_light = 0.114 * blue + 0.587 * green + 0.299 * red > 140
        cv2.putText(
            image,
            self._text,
            (x + self._pad, y + self._pad // 2 + self._above + 1),
            *self._style,
            _DARK if is_light else _LIGHT,
            self._thickness,
            cv2.LINE_AA,
        )
