"""Fast operations on images, BGR uint8 (H, W, 3).

Each gives the result of the function of mmcv or Pillow that its docstring
names, and takes about as long as a few copies. None changes its argument.
"""

from __future__ import annotations

import cv2
import numpy as np

#: Weights of blue, green and red in gray.
_GREY = np.array([0.114, 0.587, 0.299])
# OpenCV rounds and Pillow truncates: subtract half a step, but slightly less,
# for sums that are whole numbers up to float32 errors.
_CUT = -0.499
# Number of lines whose float32 values stay in the cache.
_BLOCK = 48


def scale_brightness(img: np.ndarray, factor: float) -> np.ndarray:
    """Blend with black, as ``ImageEnhance.Brightness``."""
    return _blend(img, factor, 0.0)


def scale_contrast(img: np.ndarray, factor: float) -> np.ndarray:
    """Blend with the mean gray, as ``ImageEnhance.Contrast``."""
    mean = cv2.mean(cv2.cvtColor(img, cv2.COLOR_BGR2GRAY))[0]
    return _blend(img, factor, int(mean + 0.5))


def _blend(img: np.ndarray, factor: float, other: float) -> np.ndarray:
    """Compute ``factor * img + (1 - factor) * other``, truncated."""
    matrix = np.eye(3, 4) * factor
    matrix[:, 3] = (1 - factor) * other + _CUT
    return cv2.transform(img, matrix)


def scale_saturation(img: np.ndarray, factor: float) -> np.ndarray:
    """Blend with the gray image, as ``ImageEnhance.Color``."""
    return cv2.transform(img, np.eye(3) * factor + (1 - factor) * _GREY)


def sharpen(img: np.ndarray, factor: float) -> np.ndarray:
    """Blend with the smoothed image, as ``ImageEnhance.Sharpness``.

    The smoothed image is 9/13 of the mean of nine pixels and 4/13 of the
    image.
    """
    weight = (1 - factor) * 9 / 13
    blurred = cv2.blur(img, (3, 3))
    return cv2.addWeighted(img, 1 - weight, blurred, weight, _CUT)


def posterize(img: np.ndarray, bits: int) -> np.ndarray:
    """Keep the upper bits, as ``mmcv.posterize``."""
    return img & np.uint8(0xFF << (8 - bits) & 0xFF)


def solarize(img: np.ndarray, threshold: float) -> np.ndarray:
    """Invert the values from the threshold on, as ``mmcv.solarize``."""
    below = int(np.ceil(threshold)) - 1
    _, light = cv2.threshold(img, below, 255, cv2.THRESH_BINARY)
    return cv2.bitwise_xor(img, light)


def auto_contrast(img: np.ndarray) -> np.ndarray:
    """Stretch every channel to 0 to 255, as ``mmcv.auto_contrast``.

    A channel with a single value stays as it is.
    """
    planes = []
    for plane in _planes(img):
        low, high, _, _ = cv2.minMaxLoc(plane)
        if low < high:
            scale = 255.0 / (high - low)
            table = np.arange(256) * scale + -low * scale
            plane = cv2.LUT(plane, table.clip(0, 255).astype(np.uint8))
        planes.append(plane)
    return cv2.merge(planes)


def equalize(img: np.ndarray) -> np.ndarray:
    """Equalize the histogram of every channel, as ``mmcv.imequalize``.

    A channel with fewer than 255 pixels below its maximum stays as it is.
    """
    planes = []
    for plane in _planes(img):
        counts = cv2.calcHist([plane], [0], None, [256], [0, 256])
        counts = counts.ravel().astype(np.int64)
        lightest = counts[np.flatnonzero(counts)[-1]]
        step = (plane.size - lightest) // 255
        if step:
            below = np.concatenate([[0], np.cumsum(counts)[:-1] + step // 2])
            table = np.minimum(below // step, 255)
            plane = cv2.LUT(plane, table.astype(np.uint8))
        planes.append(plane)
    return cv2.merge(planes)


def translate(
    img: np.ndarray, offset: float, direction: str, fill: int
) -> np.ndarray:
    """Move by the nearest whole number of pixels, as ``mmcv.imtranslate``.

    Args:
        offset: Pixels to the right or down.
        direction: ``'horizontal'`` or ``'vertical'``.
        fill: Value of the pixels that appear at the other side.
    """
    shift = int(np.floor(offset + 0.5))
    moved = np.full_like(img, fill)
    source, target = img, moved
    if direction == 'horizontal':  # views with that axis first
        source, target = img.swapaxes(0, 1), moved.swapaxes(0, 1)
    if abs(shift) < len(img):
        if shift >= 0:
            target[shift:] = source[: len(source) - shift]
        else:
            target[:shift] = source[-shift:]
    return moved


def shear(
    img: np.ndarray, magnitude: float, direction: str, fill: int
) -> np.ndarray:
    """Shift each line by its index times ``magnitude``, as ``mmcv.imshear``.

    The interpolation is bicubic along the lines only: of the 16 pixels that
    ``warpAffine`` uses, 12 have weight 0. The result equals that of OpenCV 5;
    OpenCV 4 rounds the distances to a 32nd of a pixel.

    Args:
        direction: ``'horizontal'`` moves rows, ``'vertical'`` columns.
        fill: Value of the pixels that appear at the sides.
    """
    if direction == 'vertical':
        turned = shear(cv2.transpose(img), magnitude, 'horizontal', fill)
        return cv2.transpose(turned)
    height, width, channels = img.shape
    start = -magnitude * np.arange(height)
    first = np.floor(start).astype(np.int64) - 1  # of four pixels
    weights = _cubic_weights((start - 1 - first).astype(np.float32))
    side = int(abs(first).max()) + 3
    wide = cv2.copyMakeBorder(
        img, 0, 0, side, side, cv2.BORDER_CONSTANT, value=(fill,) * 4
    )
    size = width * channels
    lines = np.lib.stride_tricks.sliding_window_view(
        wide.reshape(height, -1), size + 3 * channels, axis=1
    )[np.arange(height), (first + side) * channels]
    sheared = np.empty((height, size), np.uint8)
    for top in range(0, height, _BLOCK):
        block = slice(top, top + _BLOCK)
        part = lines[block].astype(np.float32)
        total = part[:, :size] * weights[0, block]
        for tap in (1, 2, 3):
            left = tap * channels
            total += part[:, left : left + size] * weights[tap, block]
        np.maximum(total, 0, out=total)
        # rounds, and cuts at 255
        cv2.convertScaleAbs(total, sheared[block])
    return sheared.reshape(img.shape)


def _cubic_weights(fraction: np.ndarray) -> np.ndarray:
    """Compute the weights of the four pixels around N points, (4, N, 1).

    Args:
        fraction: Position between the second and the third pixel, in [0, 1],
            (N,).
    """
    x, y = fraction, 1 - fraction
    a = -0.75  # as in OpenCV
    outer = [a * z * (1 - z) ** 2 for z in (x, y)]
    inner = [((a + 2) * z - (a + 3)) * z * z + 1 for z in (x, y)]
    return np.stack([outer[0], inner[0], inner[1], outer[1]])[..., None]


def to_planes(img: np.ndarray) -> np.ndarray:
    """Copy uint8 (H, W, C) to a new array (C, H, W)."""
    height, width, channels = img.shape
    planes = np.empty((channels, height, width), np.uint8)
    # OpenCV splits a contiguous array ten times as fast.
    cv2.split(np.ascontiguousarray(img), list(planes))
    return planes


def _planes(img: np.ndarray) -> list[np.ndarray]:
    return list(cv2.split(np.ascontiguousarray(img)))
