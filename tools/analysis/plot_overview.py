"""Draw the results of the quickstart in one image.

    python tools/analysis/plot_overview.py work_dirs/quickstart \
        --out docs/images/overview.png

Two synthetic test videos are joined into one clip of two people, which is
predicted as by ``predict_video`` with the networks of both phases. The image
shows a frame of the overlay, the timeline of the clip and the confusion matrix
of the test.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np

from fer_ssl.apis import ExpressionInferencer
from fer_ssl.evaluation import VideoPredictions
from fer_ssl.launch import run
from fer_ssl.media.video_file import VideoFile
from fer_ssl.media.video_writer import VideoWriter
from fer_ssl.media.write_image import write_image
from fer_ssl.utils.files import save_figure
from fer_ssl.visualization import plot_confusion_matrix

DATA = Path('data/synthetic')
VIDEOS = ('val_035', 'val_041')
FRAME = 180  # of the overlay, from 1
FPS = 30
SIDE = 384  # side of a person's half of the clip, in pixels
# The default margin of 0.2 on each side widens such a box to the whole half.
BOX = SIDE / 1.4
LEGEND = 30  # height of the overlay's legend at the bottom, in pixels


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('work_dir', type=Path, help='folder of the quickstart')
    parser.add_argument(
        '--out', default='overview.png', help='image file to write'
    )
    return parser.parse_args()


def write_clip(videos: list[list[str]], folder: Path) -> tuple[str, str]:
    """Write the videos side by side, and the boxes of their faces.

    Args:
        videos: For each person, the image file of every frame; '' if there is
            no face.
        folder: Folder to write to.

    Returns:
        Paths of the clip and of the CSV file of the boxes.
    """
    clip, boxes = folder / 'two_people.mp4', folder / 'boxes.csv'
    edge = (SIDE - BOX) / 2
    with open(boxes, 'w', newline='') as file, VideoWriter(clip, FPS) as video:
        rows = csv.writer(file)
        rows.writerow(('frame', 'left', 'top', 'right', 'bottom'))
        for number, paths in enumerate(zip(*videos)):
            halves = []
            for person, path in enumerate(paths):
                half = np.full((SIDE, SIDE, 3), 128, np.uint8)
                if path:
                    left = person * SIDE + edge
                    right, bottom = left + BOX, edge + BOX
                    rows.writerow((number + 1, left, edge, right, bottom))
                    half = cv2.resize(cv2.imread(path), half.shape[1::-1])
                halves.append(half)
            below = np.full((LEGEND, 2 * SIDE, 3), 128, np.uint8)
            image = np.vstack([np.hstack(halves), below])
            video.write(image, number / FPS)
    return str(clip), str(boxes)


def frames_of(data: Path, name: str) -> list[str]:
    with open(data / 'frames.csv', newline='') as file:
        rows = [row for row in csv.DictReader(file) if row['video'] == name]
    if not rows:
        raise SystemExit(f'error: {data}/frames.csv has no video {name}.')
    images = (row['image'] for row in rows)
    return [str(data / 'frames' / image) if image else '' for image in images]


def find(work_dir: Path, pattern: str) -> str:
    """Return the first file of the quickstart that matches a pattern."""
    paths = sorted(work_dir.glob(pattern))
    if not paths:
        raise SystemExit(
            f'error: {work_dir}/{pattern}: no such file. Run '
            'tools/quickstart.sh first.'
        )
    return str(paths[0])


def scaled(image: np.ndarray, width: int) -> np.ndarray:
    height = round(image.shape[0] * width / image.shape[1])
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)


def main() -> None:
    args = parse_args()
    smoothed = find(args.work_dir, 'seed_*/test_temporal-*/smoothed.csv')
    weights = find(args.work_dir, 'seed_*/temporal-*/iter_400.pth')
    test = VideoPredictions.from_csv(smoothed)
    with TemporaryDirectory() as folder:
        videos = [frames_of(DATA, name) for name in VIDEOS]
        clip, boxes = write_clip(videos, Path(folder))
        inferencer = ExpressionInferencer(
            weights=weights,
            detector=dict(type='BoxesFromCSV', path=boxes),
        )
        (written,) = inferencer(clip, out_dir=folder)['visualization']
        frames = list(VideoFile(written['overlay']))
        frame = frames[FRAME - 1].image
        timeline = cv2.imread(written['timeline'])
        matrix = f'{folder}/matrix.png'
        figure = plot_confusion_matrix(test.confusion_matrix(), test.classes)
        save_figure(figure, matrix)
        matrix = cv2.imread(matrix)
    left = np.vstack([scaled(frame, 720), scaled(timeline, 720)])
    right = scaled(matrix, 520)
    canvas = np.full((max(len(left), len(right)), 1260, 3), 255, np.uint8)
    for part, x in ((left, 0), (right, 740)):
        y = (len(canvas) - len(part)) // 2
        canvas[y : y + len(part), x : x + part.shape[1]] = part
    write_image(args.out, canvas)
    print(args.out)


if __name__ == '__main__':
    run(main)
