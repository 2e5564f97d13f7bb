"""s-Aff-Wild2 as its owners ship it, with a few frames and all edge cases.

::

    ROOT/MTL_Challenge/{train_set,validation_set}.txt
    ROOT/MTL_Challenge/MTL_Challenge_test_set_release.txt
    ROOT/cropped_aligned/<video>/00001.jpg
"""

from pathlib import Path

import numpy as np

from tests.datasets.videos.aff_wild2_files import random_labels, write_crop

HEADER = 'image,valence,arousal,expression,aus'
FILES = {
    'train': 'train_set.txt',
    'val': 'validation_set.txt',
    'test': 'MTL_Challenge_test_set_release.txt',
}
#: Listed frames of each video, in the order of the files.
LISTED = {
    'train': {'video5_left': [2, 3, 7, 15], '112': [9, 1, 4]},
    'val': {'video59_right': [3, 6, 8, 12, 20, 21], '7-60': [1, 5, 30]},
    'test': {'video92': [4, 2, 11], '2-30-640x360': [1, 7]},
}
#: A listed frame without an image, and an image that is not listed.
WITHOUT_IMAGE = [('video59_right', 8), ('video92', 11)]
NOT_LISTED = ('video5_left', 4)


def random_rows(frames, rng):
    """Labels of the listed frames; the first is not annotated at all."""
    labels = random_labels(len(frames), rng)
    for task, values in labels.items():
        values[0] = -5 if task == 'VA' else -1
    return labels


def row(video, frame, labels, i):
    """Line of one frame."""
    cells = [
        f'{video}/{frame:05d}.jpg',
        *(f'{x:g}' for x in labels['VA'][i].tolist()),
        f'{labels["EXPR"][i]}',
        *map(str, labels['AU'][i].tolist()),
    ]
    return ','.join(cells)


def write_s_aff_wild2(root):
    """Write the files; returns the labels of the listed frames by video."""
    root = Path(root)
    rng = np.random.default_rng(0)
    found = {}
    for split, videos in LISTED.items():
        lines = [HEADER]
        for name, frames in videos.items():
            found[name] = labels = random_rows(frames, rng)
            for i, frame in enumerate(frames):
                line = row(name, frame, labels, i)
                if split == 'test':
                    line = line.partition(',')[0]
                lines.append(line)
                if (name, frame) not in WITHOUT_IMAGE:
                    write_crop(root / 'cropped_aligned' / name, frame)
        path = root / 'MTL_Challenge' / FILES[split]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('\n'.join([*lines, '']))
    write_crop(root / 'cropped_aligned' / NOT_LISTED[0], NOT_LISTED[1])
    return found
