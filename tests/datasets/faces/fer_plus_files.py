"""A tiny FERPlus in the layout of its owners, edge cases included."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

#: usage, image, votes. Image numbers lag behind row numbers after row 4.
FER_PLUS = [
    ('Training', 'fer0000000.png', (4, 0, 0, 1, 3, 2, 0, 0, 0, 0)),
    ('Training', 'fer0000001.png', (6, 0, 1, 1, 0, 0, 0, 0, 2, 0)),
    ('Training', '', (0, 0, 0, 0, 0, 0, 0, 0, 0, 10)),
    ('Training', 'fer0000003.png', (0, 10, 0, 0, 0, 0, 0, 0, 0, 0)),
    ('Training', '', (0, 0, 0, 0, 0, 0, 0, 0, 0, 10)),
    ('Training', 'fer0000004.png', (0, 0, 0, 0, 0, 1, 0, 7, 2, 0)),
    ('Training', 'fer0000005.png', (2, 0, 0, 0, 0, 0, 0, 0, 8, 0)),
    ('Training', 'fer0000006.png', (1, 0, 0, 0, 0, 0, 0, 0, 1, 8)),
    ('Training', 'fer0000007.png', (5, 0, 0, 5, 0, 0, 0, 0, 0, 0)),
    ('PublicTest', 'fer0000008.png', (0, 0, 6, 0, 0, 0, 4, 0, 0, 0)),
    ('PrivateTest', 'fer0000009.png', (0, 0, 0, 1, 9, 0, 0, 0, 0, 0)),
]
FER_PLUS_HEADER = (
    'Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,'
    'contempt,unknown,NF'
)
FER_PLUS_FOLDERS = {
    'Training': 'FER2013Train',
    'PublicTest': 'FER2013Valid',
    'PrivateTest': 'FER2013Test',
}


def fer2013_pixels(row: int) -> np.ndarray:
    """Gray image uint8 (48, 48) of a row of ``fer2013.csv``."""
    return np.random.default_rng(row).integers(0, 256, (48, 48), np.uint8)


def write_fer_plus(
    root: Path, as_text: bool = False, rows: Sequence[tuple] = FER_PLUS
) -> dict:
    """Images in folders, or as text in ``fer2013.csv``."""
    root.mkdir(parents=True, exist_ok=True)
    lines = [FER_PLUS_HEADER]
    text = ['emotion,pixels,Usage']
    for row, (usage, image, votes) in enumerate(rows):
        lines.append(','.join(map(str, (usage, image, *votes))))
        gray = fer2013_pixels(row)
        text.append(f'0,{" ".join(map(str, gray.ravel()))},{usage}')
        if image and not as_text:
            path = root / 'data' / FER_PLUS_FOLDERS[usage] / image
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(gray).save(path)
    (root / 'fer2013new.csv').write_text('\n'.join(lines) + '\n')
    arguments = dict(type='FERPlusDataset', data_root=str(root))
    if as_text:
        (root / 'fer2013.csv').write_text('\n'.join(text) + '\n')
        arguments['pixels'] = 'fer2013.csv'
    return arguments
