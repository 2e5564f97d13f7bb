"""Boxes, labels and probabilities drawn into the pictures of a video."""

from __future__ import annotations

import cv2
import numpy as np

from ..datasets.video_file import Picture
from ..evaluation.face_predictions import FacePredictions
from .class_colours import class_colours

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_DARK, _LIGHT = (30, 30, 30), (245, 245, 245)


class FaceOverlay:
    """Draws what is known of the faces of a video.

    Around each face a box in the colour of its smoothed class; above it its
    number, that class and its probability in this picture; below it a bar
    whose parts are the probabilities of all classes. At the bottom the
    colours; at the top whether there is no face.

    Args:
        predictions: Of the video.
    """

    def __init__(self, predictions: FacePredictions) -> None:
        self.predictions = predictions
        self._colours = [
            tuple(round(255 * x) for x in reversed(colour))
            for colour in class_colours(predictions.classes)
        ]

    def draw(self, picture: Picture) -> None:
        """Draw into ``picture.image``, BGR uint8 (H, W, 3)."""
        image = picture.image
        unit = max(min(image.shape[:2]) / 360, 0.4)  # of sizes
        rows = self.predictions.rows_of(picture.number)
        for row in rows:
            self._draw_face(image, row, unit)
        self._draw_legend(image, unit)
        if not rows:
            _text(image, 'no face', (round(8 * unit),) * 2, unit, _DARK)

    def _draw_face(self, image: np.ndarray, row: int, unit: float) -> None:
        faces, scores = self.predictions.faces, self.predictions.scores
        height, width = image.shape[:2]
        label = int(self.predictions.smoothed[row])
        colour = self._colours[label]
        left, top, right, bottom = (round(float(x)) for x in faces['box'][row])
        thick = max(round(2 * unit), 1)
        cv2.rectangle(image, (left, top), (right, bottom), colour, thick)
        bar = max(round(7 * unit), 3)
        y = min(bottom + thick, height - bar)
        self._draw_bar(image, left, y, max(right - left, 1), bar, scores[row])
        text = (
            f'{faces["face"][row]} {self.predictions.classes[label]} '
            f'{scores[row, label]:.0%}'
        )
        text_height = _text_size(text, unit)[1]
        text_width = _text_size(text, unit)[0]
        x = max(min(left - thick // 2, width - text_width), 0)
        y = top - text_height
        if y < 0:  # no room above
            y = max(top, 0)
        _text(image, text, (x, y), unit, colour)

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
        for begin, end, colour in zip(ends, ends[1:], self._colours):
            if end > begin:
                box = (begin, top), (end - 1, top + height - 1)
                cv2.rectangle(image, *box, colour, cv2.FILLED)

    def _draw_legend(self, image: np.ndarray, unit: float) -> None:
        """Names on their colours, in one line, as large as there is room."""
        names = self.predictions.classes
        width = image.shape[1]
        total = sum(_text_size(name, unit)[0] for name in names)
        unit = min(unit, unit * width / total)
        x = 0
        y = image.shape[0] - _text_size(names[0], unit)[1]
        for name, colour in zip(names, self._colours):
            _text(image, name, (x, y), unit, colour)
            x += _text_size(name, unit)[0]


def _text_size(text: str, unit: float) -> tuple[int, int]:
    """Width and height of a text on its ground, in pixels."""
    (width, height), base = cv2.getTextSize(text, _FONT, 0.45 * unit, 1)
    pad = max(round(4 * unit), 1)
    return width + 2 * pad, height + base + pad


def _text(
    image: np.ndarray,
    text: str,
    corner: tuple[int, int],
    unit: float,
    ground: tuple[int, int, int],
) -> None:
    """Text on a coloured ground whose upper left corner is given."""
    (_, height), _ = cv2.getTextSize(text, _FONT, 0.45 * unit, 1)
    width, full = _text_size(text, unit)
    x, y = corner
    pad = max(round(4 * unit), 1)
    cv2.rectangle(
        image, corner, (x + width - 1, y + full - 1), ground, cv2.FILLED
    )
    blue, green, red = ground
    is_light = 0.114 * blue + 0.587 * green + 0.299 * red > 140
    cv2.putText(
        image,
        text,
        (x + pad, y + pad // 2 + height + 1),
        _FONT,
        0.45 * unit,
        _DARK if is_light else _LIGHT,
        max(round(unit), 1),
        cv2.LINE_AA,
    )
