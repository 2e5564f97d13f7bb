"""Images whose pixels encode their coordinates.

An image is 40 x 30 pixels (width x height); pixel (x, y) is
(6 * x, 8 * y, number of the image) in RGB. JPEG changes these by a few units.
"""

from pathlib import Path

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 40, 30


def pixels(number: int) -> np.ndarray:
    """RGB image uint8 (30, 40, 3), see above."""
    image = np.empty((HEIGHT, WIDTH, 3), dtype=np.uint8)
    image[..., 0] = 6 * np.arange(WIDTH)
    image[..., 1] = 8 * np.arange(HEIGHT)[:, None]
    image[..., 2] = number
    return image


def save_image(path: Path, number: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    options = {} if path.suffix == '.png' else dict(quality=95, subsampling=0)
    Image.fromarray(pixels(number)).save(path, **options)
