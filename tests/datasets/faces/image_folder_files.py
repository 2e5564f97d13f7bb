"""A tiny data set with one folder per class."""

from pathlib import Path

from tests.helpers.image_files import save_image


def write_image_folder(root: Path, images: dict[str, int]) -> dict:
    """Write ``images`` of each folder, and what file managers leave there."""
    for folder, number in images.items():
        for i in range(number):
            save_image(root / folder / f'{i}.jpg', i)
        (root / folder).mkdir(parents=True, exist_ok=True)
        (root / folder / 'Thumbs.db').write_bytes(b'')
        (root / folder / '._0.jpg').write_bytes(b'')
    (root / '.ipynb_checkpoints').mkdir(parents=True)
    (root / 'readme.txt').write_text('no class')
    return dict(type='ImageFolderDataset', data_root=str(root))
