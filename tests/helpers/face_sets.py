"""Tiny data sets of faces in the layouts of their owners, traps included.

Every builder writes below ``root`` and returns the arguments of the dataset
class. An image is 40 x 30 pixels (width x height); pixel (x, y) is
(6 * x, 8 * y, number of the image) in RGB, so that a test can tell what was
cut out of it. JPEG changes these by a few units.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 40, 30

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

#: Number of the image -> expression, in no order.
AFFECTNET_2021 = {10: 0, 2: 1, 0: 7, 33: 8, 4: 10, 5: 6}

#: image, face, top, left, right, bottom, confidence, label
EXPW = [
    ('angry_actor_104.jpg', 0, 2, 10, 22, 14, 22.9362, 0),
    ('angry_actor_104.jpg', 1, 5, 20, 30, 15, 40.1, 3),  # a second face
    ('awe_boss_75.jpg', 0, -3, -5, 60, 50, 8.05, 6),  # beyond the image
    ('awe_boss_75.jpg', 0, -3, -5, 60, 50, 8.05, 6),  # the line again
    ('sad_girl_1.jpg', 2, 4, 6, 16, 14, 60, 4),
    ('sad_girl_2.jpg', 0, 9, 9, 9, 20, 60, 4),  # an empty box
]

#: image, label
RAF_DB = [
    ('train_00001.jpg', 5),
    ('train_00002.jpg', 7),
    ('train_00003.jpg', 1),
    ('test_0001.jpg', 4),
    ('test_0002.jpg', 2),
]

#: usage, image, votes. The numbers fall behind the rows after row 4.
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

#: clip -> label, frames that are there
DFEW_TRAIN = {1: (3, [1, 2, 4]), 12: (7, [2, 3]), 1601: (1, [1])}
DFEW_TEST = {5: (2, [1, 2])}


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


def write_affectnet_2017(
    root: Path, train_header: bool = True, val_header: bool = False
) -> dict:
    """The validation file mostly lacks the header that the other one has."""
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
    """Numbers of expressions as texts and as numbers, both arrays 0-d."""
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


def write_expw(root: Path) -> dict:
    (root / 'label').mkdir(parents=True)
    lines = [' '.join(map(str, row)) for row in EXPW]
    (root / 'label/label.lst').write_text('\n'.join(lines) + '\n')
    for number, image in enumerate(sorted({row[0] for row in EXPW})):
        save_image(root / 'image/origin' / image, number)
    return dict(type='ExpWDataset', data_root=str(root))


def write_raf_db(root: Path) -> dict:
    (root / 'EmoLabel').mkdir(parents=True)
    lines = [f'{image} {label}' for image, label in RAF_DB]
    # As shipped: lines end as on Windows, the last one does not end.
    text = '\r\n'.join(lines).encode()
    (root / 'EmoLabel/list_patition_label.txt').write_bytes(text)
    for number, (image, _) in enumerate(RAF_DB):
        aligned = image.replace('.jpg', '_aligned.jpg')
        save_image(root / 'Image/aligned' / aligned, number)
    return dict(type='RAFDBDataset', data_root=str(root))


def fer2013_pixels(row: int) -> np.ndarray:
    """Grey image uint8 (48, 48) of a row of ``fer2013.csv``."""
    return np.random.default_rng(row).integers(0, 256, (48, 48), np.uint8)


def write_fer_plus(root: Path, as_text: bool = False) -> dict:
    """Images in folders, or as text in ``fer2013.csv``."""
    root.mkdir(parents=True, exist_ok=True)
    lines = [FER_PLUS_HEADER]
    text = ['emotion,pixels,Usage']
    for row, (usage, image, votes) in enumerate(FER_PLUS):
        lines.append(','.join(map(str, (usage, image, *votes))))
        grey = fer2013_pixels(row)
        text.append(f'0,{" ".join(map(str, grey.ravel()))},{usage}')
        if image and not as_text:
            path = root / 'data' / FER_PLUS_FOLDERS[usage] / image
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(grey).save(path)
    (root / 'fer2013new.csv').write_text('\n'.join(lines) + '\n')
    arguments = dict(type='FERPlusDataset', data_root=str(root))
    if as_text:
        (root / 'fer2013.csv').write_text('\n'.join(text) + '\n')
        arguments['pixels'] = 'fer2013.csv'
    return arguments


def write_image_folder(root: Path, images: dict[str, int]) -> dict:
    """``images`` of each folder; beside them what file managers leave."""
    for folder, number in images.items():
        for i in range(number):
            save_image(root / folder / f'{i}.jpg', i)
        (root / folder).mkdir(parents=True, exist_ok=True)
        (root / folder / 'Thumbs.db').write_bytes(b'')
        (root / folder / '._0.jpg').write_bytes(b'')
    (root / '.ipynb_checkpoints').mkdir(parents=True)
    (root / 'readme.txt').write_text('no class')
    return dict(type='ImageFolderDataset', data_root=str(root))


def write_dfew(root: Path, official: bool = False) -> dict:
    """``Clip/jpg_256``, or the parts and names of ``clip_224x224``."""
    for split, clips in (('train', DFEW_TRAIN), ('test', DFEW_TEST)):
        folder = f'{split}(single{"_" if official else "-"}labeled)'
        lists = root / 'EmoLabel_DataSplit' / folder
        lists.mkdir(parents=True)
        lines = [f'{clip},{label}' for clip, (label, _) in clips.items()]
        text = '\n'.join(['video_name,label', *lines, ''])
        (lists / 'set_1.csv').write_text(text)
        for clip, (_, frames) in clips.items():
            folder = root / 'Clip/jpg_256' / f'{clip:05d}'
            if official:
                part = f'clip_224x224_part_{(clip - 1) // 1600 + 1}'
                folder = root / 'Clip/clip_224x224' / part / f'{clip:05d}'
            for frame in frames:
                name = f'{clip:05d}_{frame:05d}' if official else f'{frame}'
                save_image(folder / f'{name}.jpg', frame)
    arguments = dict(type='DFEWDataset', data_root=str(root), window=4)
    if official:
        arguments['data_prefix'] = dict(img_path='Clip/clip_224x224')
    return arguments
