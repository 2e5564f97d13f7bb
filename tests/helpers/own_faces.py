"""Folders of small faces as a user might have them."""

import csv

import numpy as np
from PIL import Image


def write_image(path, seed):
    """Image of random color with noise, uint8 (24, 24, 3)."""
    rng = np.random.default_rng(seed)
    noise = rng.integers(-60, 60, (24, 24, 3))
    pixels = (rng.integers(60, 196, 3) + noise).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def write_labels(
    root, names, columns=('image', 'expression', 'identity'), per_person=3
):
    """Write ``labels.csv``, and one image per name of a class.

    ``per_person`` successive faces are of one person; every fourth row is in
    split ``val``, if there is such a column. Returns the folder as text.
    """
    rows = []
    for i, name in enumerate(names):
        write_image(root / f'images/{i:03d}.png', i)
        row = dict(
            image=f'{i:03d}.png',
            expression=name,
            identity=f'person {i // per_person}',
            split='train' if i % 4 else 'val',
        )
        rows.append([row[column] for column in columns])
    with open(root / 'labels.csv', 'w', newline='') as file:
        csv.writer(file).writerows([columns, *rows])
    return str(root)


def write_class_folders(root, counts):
    """Write a folder of images for each name; returns the root as text."""
    for number, (name, count) in enumerate(counts.items()):
        for i in range(count):
            write_image(root / f'{name}/{i:03d}.png', 1000 * (number + 1) + i)
    return str(root)
