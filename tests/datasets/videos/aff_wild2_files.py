"""Aff-Wild2 as its owners ship it, with a few frames and all edge cases.

::

    ROOT/6th_ABAW_Annotations/<track folder>/{Train_Set,Validation_Set}/*.txt
    ROOT/6th_ABAW_Annotations/example_<track>.txt     of the test set
    ROOT/crops/cropped_aligned/<video>/00001.jpg
    ROOT/crops/cropped_aligned_new_50_vids/<video>/00001.jpg
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

HEADERS = {
    'EXPR': 'Neutral,Anger,Disgust,Fear,Happiness,Sadness,Surprise,Other',
    'VA': 'valence,arousal',
    'AU': 'AU1,AU2,AU4,AU6,AU7,AU10,AU12,AU15,AU23,AU24,AU25,AU26',
}
TRACK_FOLDERS = {
    'EXPR': 'EXPR_Recognition_Challenge',
    'VA': 'VA_Estimation_Challenge',
    'AU': 'AU_Detection_Challenge',
}
CROPS = ('cropped_aligned', 'cropped_aligned_new_50_vids')


@dataclass
class Video:
    """One video: ``crops[i]`` are the frames with an image in CROPS[i]."""

    name: str
    split: str
    length: int
    crops: tuple = ()
    newline: str = '\n'
    end: str = '\n'
    labels: dict = field(default_factory=dict)

    @property
    def images(self):
        """Path of the image of each annotated frame, '' where none is."""
        images = [''] * self.length
        for folder, frames in reversed([*zip(CROPS, self.crops)]):
            for frame in frames:
                if frame <= self.length:
                    images[frame - 1] = f'{folder}/{self.name}/{frame:05d}.jpg'
        return images


def frames(first, last, without=()):
    return [i for i in range(first, last + 1) if i not in without]


def scene():
    """New videos with every edge case; labels are random but reproducible."""
    videos = [
        Video('1-30-1280x720', 'Train_Set', 12, (frames(1, 12),)),
        # two people of one video, crops missing at both ends and between
        Video('video5_left', 'Train_Set', 9, (frames(2, 9, [4, 5]),)),
        Video('video5_right', 'Train_Set', 9, (frames(1, 7),)),
        # clips of one video, delivered later; files written on Windows
        Video('5-60-1920x1080-1', 'Train_Set', 8, ((), frames(1, 8)), '\r\n'),
        Video('5-60-1920x1080-2', 'Train_Set', 6, ((), frames(1, 6)), end=''),
        # one image more than lines, one line more than images
        Video('video10_1', 'Train_Set', 7, (frames(1, 8),), end='\n\n\n'),
        Video('video2', 'Train_Set', 10, (frames(1, 9),)),
        Video('8-30-1280x720', 'Validation_Set', 11, (frames(1, 11),)),
        Video('video59_right', 'Validation_Set', 6, (frames(1, 5, [3]),)),
        # in both deliveries, which share frame 4
        Video(
            'video59', 'Validation_Set', 8, (frames(1, 4), frames(4, 8, [7]))
        ),
        # the example of the test set lists one frame more than there are
        Video('2-30-640x360', 'test', 9, (frames(1, 8, [5]),)),
        Video('video92', 'test', 5, ((), frames(1, 5))),
    ]
    rng = np.random.default_rng(0)
    for video in videos:
        video.labels = random_labels(video.length, rng, video.split == 'test')
    return videos


def random_labels(length, rng, ignored=False):
    """Labels of each track, some of them not annotated."""
    known = rng.random(length) < (0 if ignored else 0.75)
    va = np.round(rng.uniform(-1, 1, (length, 2)), 3).astype(np.float32)
    va[~known] = -5
    if known.any():
        va[np.argmax(known), 1] = -5  # one half is not annotated
    au = rng.integers(0, 2, (length, 12))
    au[rng.random((length, 12)) < 0.2] = -1
    au[~known] = -1
    expressions = np.where(known, rng.integers(0, 8, length), -1)
    return dict(EXPR=expressions, VA=va, AU=au)


def annotation_lines(labels):
    """Lines of an annotation file below its header."""
    if labels.ndim == 1:
        return [str(label) for label in labels.tolist()]
    return [','.join(f'{x:g}' for x in row) for row in labels.tolist()]


def write_annotation(path, track, labels, newline='\n', end='\n'):
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [HEADERS[track], *annotation_lines(labels)]
    path.write_bytes((newline.join(lines) + end).encode())


def write_crop(folder, frame, size=8):
    """A gray JPEG that carries the number of its frame."""
    folder.mkdir(parents=True, exist_ok=True)
    pixels = np.full((size, size, 3), 10 * frame % 256, dtype=np.uint8)
    Image.fromarray(pixels).save(
        folder / f'{frame:05d}.jpg',
        quality=95,
        # So that the files of two videos differ.
        comment=folder.name.encode(),
    )


def example_header(track):
    return f'image_location,{HEADERS[track]}'


EXAMPLE_VALUES = {'EXPR': '0', 'VA': '0.5,-0.5', 'AU': ','.join('0' * 12)}


def write_example(path, track, lengths):
    """Official example of a submission; ``lengths`` are (name, frames)."""
    rows = [
        f'{name}/{frame:05d}.jpg,{EXAMPLE_VALUES[track]}'
        for name, length in lengths
        for frame in range(1, length + 1)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('\n'.join([example_header(track), *rows, '']))


def write_aff_wild2(root, tracks=TRACK_FOLDERS, videos=None):
    """Write the videos (default: the scene) and return them."""
    videos = scene() if videos is None else videos
    root = Path(root)
    annotations, crops = root / '6th_ABAW_Annotations', root / 'crops'
    for track, folder in dict(tracks).items():
        for video in videos:
            if video.split != 'test':
                write_annotation(
                    annotations / folder / video.split / f'{video.name}.txt',
                    track,
                    video.labels[track],
                    video.newline,
                    video.end,
                )
        write_example(
            annotations / f'example_{track}.txt',
            track,
            [(v.name, v.length) for v in videos if v.split == 'test'],
        )
        # what macOS leaves beside each file of an archive
        (annotations / folder / 'Train_Set/._video2.txt').write_bytes(b'\0\5')
        (annotations / folder / 'Train_Set/.DS_Store').touch()
        (root / '__MACOSX' / folder / 'Train_Set').mkdir(parents=True)
    for video in videos:
        for folder, numbers in zip(CROPS, video.crops):
            for frame in numbers:
                write_crop(crops / folder / video.name, frame)
            if numbers:
                (crops / folder / video.name / 'Thumbs.db').touch()
    for folder in CROPS:
        (crops / folder).mkdir(parents=True, exist_ok=True)
        (crops / folder / '.DS_Store').touch()
    return videos
