"""A tiny RAF-DB in the layout of its owners, edge cases included."""

from pathlib import Path

from tests.helpers.image_files import save_image

#: image, label
RAF_DB = [
    ('train_00001.jpg', 5),
    ('train_00002.jpg', 7),
    ('train_00003.jpg', 1),
    ('test_0001.jpg', 4),
    ('test_0002.jpg', 2),
]


def write_raf_db(root: Path) -> dict:
    (root / 'EmoLabel').mkdir(parents=True)
    lines = [f'{image} {label}' for image, label in RAF_DB]
    # As shipped: Windows line ends, but none after the last line.
    text = '\r\n'.join(lines).encode()
    (root / 'EmoLabel/list_patition_label.txt').write_bytes(text)
    for number, (image, _) in enumerate(RAF_DB):
        aligned = image.replace('.jpg', '_aligned.jpg')
        save_image(root / 'Image/aligned' / aligned, number)
    return dict(type='RAFDBDataset', data_root=str(root))
