"""A tiny ExpW in the layout of its owners, edge cases included."""

from pathlib import Path

from tests.helpers.image_files import save_image

#: image, face, top, left, right, bottom, confidence, label
EXPW = [
    ('angry_actor_104.jpg', 0, 2, 10, 22, 14, 22.9362, 0),
    ('angry_actor_104.jpg', 1, 5, 20, 30, 15, 40.1, 3),  # a second face
    ('awe_boss_75.jpg', 0, -3, -5, 60, 50, 8.05, 6),  # beyond the image
    ('awe_boss_75.jpg', 0, -3, -5, 60, 50, 8.05, 6),  # repeated line
    ('sad_girl_1.jpg', 2, 4, 6, 16, 14, 60, 4),
    ('sad_girl_2.jpg', 0, 9, 9, 9, 20, 60, 4),  # an empty box
]


def write_expw(root: Path) -> dict:
    (root / 'label').mkdir(parents=True)
    lines = [' '.join(map(str, row)) for row in EXPW]
    (root / 'label/label.lst').write_text('\n'.join(lines) + '\n')
    for number, image in enumerate(sorted({row[0] for row in EXPW})):
        save_image(root / 'image/origin' / image, number)
    return dict(type='ExpWDataset', data_root=str(root))
