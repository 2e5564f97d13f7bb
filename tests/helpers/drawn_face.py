"""A face drawn in gray that YuNet detects."""

import cv2
import numpy as np


def draw_face(size=(320, 400), center=(200, 160), scale=1.0, background=110):
    """BGR image (H, W, 3) of a light face with dark hair, eyes and brows.

    The face is about 140 x 186 pixels times ``scale``.
    """
    image = np.full((*size, 3), background, np.uint8)

    def at(x, y):
        return (
            round(center[0] + scale * x),
            round(center[1] + scale * y),
        )

    def ellipse(x, y, width, height, gray, start=0, end=360):
        axes = max(round(scale * width), 1), max(round(scale * height), 1)
        cv2.ellipse(
            image, at(x, y), axes, 0, start, end, (gray,) * 3, cv2.FILLED
        )

    ellipse(0, 0, 66, 88, 210)
    ellipse(0, -65, 70, 40, 40, 180)
    for x in (-28, 28):
        ellipse(x, -15, 20, 12, 150)
        ellipse(x, -15, 12, 6, 60)
        ellipse(x, -31, 20, 5, 60)
    ellipse(0, 8, 7, 26, 240)
    for x in (-8, 8):
        ellipse(x, 30, 4, 4, 90)
    ellipse(0, 52, 26, 8, 110)
    return cv2.GaussianBlur(image, (5, 5), 0)
