"""Boxes, labels and probabilities drawn into the pictures of a video."""

from __future__ import annotations

import cv2
import numpy as np

from ..evaluation.face_predictions import FacePredictions
from ..media.video_file import VideoFrame
from .class_colors import class_colors

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_DARK, _LIGHT = (30, 30, 30), (245, 245, 245)


class FaceOverlay:
    """Draws what is known of the faces of a video.

    Around each face a box in the color of its smoothed class; above it its
    number, that class and its probability in this picture; below it a bar
    whose parts are the probabilities of all classes. At the bottom the
    colors; at the top whether there is no face.

    Args:
        predictions: Of the video.
    """

    def __init__(self, predictions: FacePredictions) -> None:
        self.predictions = predictions
        self._colors = [
            tuple(round(255 * x) for x in reversed(color))
            for color in class_colors(predictions.classes)
        ]

    def draw(self, frame: VideoFrame) -> None:
        """Draw into ``picture.image``, BGR uint8 (H, W, 3)."""
        image = picture.image
        unit = max(min(image.shape[:2]) / 360, 0.4)  # of sizes
        floor = self._draw_legend(image, unit)
        rows = self.predictions.rows_of(picture.number)
        for row in rows:
            self._draw_face(image, row, unit, floor)
        if not rows:
            corner = round(8 * unit), round(8 * unit)
            _Text('no face', unit).draw(image, corner, _DARK)

    def _draw_face(
        self, image: np.ndarray, row: int, unit: float, floor: int
    ) -> None:
        faces, scores = self.predictions.faces, self.predictions.scores
        label = int(self.predictions.smoothed[row])
        color = self._colors[label]
        left, top, right, bottom = (round(float(x)) for x in faces['box'][row])
        thick = max(round(2 * unit), 1)
        bar = max(round(7 * unit), 3)
        y = min(bottom + thick, floor - bar)
        end = right, min(bottom, y)
        cv2.rectangle(image, (left, top), end, color, thick)
        self._draw_bar(image, left, y, max(right - left, 1), bar, scores[row])
        text = _Text(
            f'{faces["face"][row]} {self.predictions.classes[label]} '
            f'{scores[row, label]:.0%}',
            unit,
        )
        x = max(min(left - thick // 2, image.shape[1] - text.width), 0)
        y = top - text.height
        if y < 0:  # no room above
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
        """Names on their colors, in one line at the bottom; its top."""
        names = self.predictions.classes
        total = sum(_Text(name, unit).width for name in names)
        unit = min(unit, unit * image.shape[1] / total)  # as there is room
        x, y = 0, image.shape[0] - _Text(names[0], unit).height
        for name, color in zip(names, self._colors):
            text = _Text(name, unit)
            text.draw(image, (x, y), color)
            x += text.width
        return y


class _Text:
    """A text on a colored ground; ``unit`` scales it."""

    def __init__(self, text: str, unit: float) -> None:
        self._text = text
        self._style = _FONT, 0.45 * unit
        self._thick = max(round(unit), 1)
        (width, self._above), below = cv2.getTextSize(
            text, *self._style, self._thick
        )
        self._pad = max(round(4 * unit), 1)
        self.width = width + 2 * self._pad
        self.height = self._above + below + self._pad * 3 // 2

    def draw(
        self,
        image: np.ndarray,
        corner: tuple[int, int],
        ground: tuple[int, int, int],
    ) -> None:
        """Draw it with its upper left corner there."""
        x, y = corner
        end = x + self.width - 1, y + self.height - 1
        cv2.rectangle(image, corner, end, ground, cv2.FILLED)
        blue, green, red = ground
        is_light = 0.114 * blue + 0.587 * green + 0.299 * red > 140
        cv2.putText(
            image,
            self._text,
            (x + self._pad, y + self._pad // 2 + self._above + 1),
            *self._style,
            _DARK if is_light else _LIGHT,
            self._thick,
            cv2.LINE_AA,
        )
