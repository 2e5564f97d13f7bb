"""A tiny DFEW in the layout of its owners, edge cases included."""

from pathlib import Path

from tests.helpers.image_files import save_image

#: clip -> label, frames that are there
DFEW_TRAIN = {1: (3, [1, 2, 4]), 12: (7, [2, 3]), 1601: (1, [1])}
DFEW_TEST = {5: (2, [1, 2])}


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
