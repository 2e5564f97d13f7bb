"""A tiny AffectNet in the layout of its owners, edge cases included."""

import csv
from pathlib import Path

import numpy as np

from tests.helpers.image_files import save_image

#: image, face_x, face_y, face_width, face_height, expression
AFFECTNET_TRAIN = [
    ('1/aa.jpg', 4, 6, 20, 16, 0),
    ('1/bb.JPG', 0, 0, 40, 30, 1),
    ('2/cc.png', -4, 10, 50, 40, 6),  # beyond the image
    ('2/dd.jpg', 5, 5, 10, 10, 7),  # contempt
    ('3/ee.jpg', 5, 5, 10, 10, 8),  # none
    ('3/ff.jpg', 5, 5, 10, 10, 9),  # uncertain
    ('3/gg.jpg', 'NULL', 'NULL', 'NULL', 'NULL', 10),
    ('3/hh.jpg', 5, 5, 10, 10, 10),  # no face, though with a box
    ('1/ii.jpg', 'NULL', 'NULL', 'NULL', 'NULL', 3),
    ('1/jj.jpg', 5, 5, 0, 10, 3),  # an empty box
]
AFFECTNET_VAL = [('9/v0.jpg', 1, 1, 8, 8, 2), ('9/v1.jpg', 1, 1, 8, 8, 5)]
AFFECTNET_HEADER = (
    'subDirectory_filePath,face_x,face_y,face_width,face_height,'
    'facial_landmarks,expression,valence,arousal'
).split(',')

#: Number of the image -> expression, unordered.
AFFECTNET_2021 = {10: 0, 2: 1, 0: 7, 33: 8, 4: 10, 5: 6}


def write_affectnet_2017(
    root: Path, train_header: bool = True, val_header: bool = False
) -> dict:
    """The validation file often lacks the header of the training file."""
    lists = root / 'Manually_Annotated_file_lists'
    lists.mkdir(parents=True)
    for name, rows, header in (
        ('training', AFFECTNET_TRAIN, train_header),
        ('validation', AFFECTNET_VAL, val_header),
    ):
        with open(lists / f'{name}.csv', 'w', newline='') as file:
            writer = csv.writer(file)
            if header:
                writer.writerow(AFFECTNET_HEADER)
            for number, (image, *face, code) in enumerate(rows):
                landmarks = ';'.join(['181.64', '530.91'] * 68)
                if 'NULL' in face:
                    landmarks = 'NULL'
                unknown = -2 if code > 7 else 0.25
                writer.writerow(
                    (image, *face, landmarks, code, unknown, unknown)
                )
                folder = root / 'Manually_Annotated_Images'
                save_image(folder / image, number)
    return dict(type='AffectNetDataset', data_root=str(root))


def write_affectnet_2021(root: Path) -> dict:
    """Expressions as text and as numbers, both in 0-d arrays."""
    for folder in ('train_set', 'val_set'):
        annotations = root / folder / 'annotations'
        annotations.mkdir(parents=True)
        for number, code in AFFECTNET_2021.items():
            save_image(root / folder / 'images' / f'{number}.jpg', number)
            value = np.array(str(code) if number % 2 else code)
            np.save(annotations / f'{number}_exp.npy', value)
            np.save(annotations / f'{number}_val.npy', np.array('-0.25'))
            np.save(annotations / f'{number}_lnd.npy', np.zeros(136))
        # What some file managers leave in every folder.
        (root / folder / 'images/._0.jpg').write_bytes(b'')
        (annotations / '._2_exp.npy').write_bytes(b'')
    return dict(type='AffectNetDataset', data_root=str(root), release='2021')
