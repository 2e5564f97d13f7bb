"""Compare the face detector with those that other tools use.

    python tools/benchmark/detectors.py clip.mp4 PHOTOS --out detectors.md

All see the same decoded frames, each detector in a process of its own. Prints
in how many frames each finds a face, how many faces it finds, and the median
time per frame. Since the versions exclude each other, the packages of a peer
are searched for in PEERS/NAME first; how to install one that is missing is
printed.
"""

from __future__ import annotations

import argparse
import importlib
import itertools
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any, Callable

# Nothing that a peer needs in a version of its own, such as NumPy or OpenCV,
# is imported up here.
PEERS = {
    'haar': 'opencv-python-headless==4.14.0.94',
    'mtcnn': 'facenet-pytorch==2.6.0',
    'mediapipe': (
        'mediapipe==0.10.14 absl-py attrs flatbuffers "protobuf<5" '
        'opencv-python-headless==4.14.0.94'
    ),
}
#: Returns the number of faces in a BGR image, uint8 (H, W, 3).
Detector = Callable[[Any], int]


def yunet() -> Detector:
    """The detector of this package, with its defaults."""
    from fer_ssl.face_detection.yunet_detector import YuNetDetector

    detector = YuNetDetector()
    return lambda image: len(detector.find_in(image))


def haar() -> Detector:
    """The Haar cascade, as deepface 0.0.103 uses it by default."""
    import cv2

    file = Path(cv2.data.haarcascades, 'haarcascade_frontalface_default.xml')
    if not file.is_file():
        raise ImportError(f'OpenCV {cv2.__version__} has no Haar cascades')
    cascade = cv2.CascadeClassifier(str(file))
    return lambda image: len(cascade.detectMultiScale(image, 1.1, 10))


def mtcnn() -> Detector:
    """MTCNN, as the examples of EmotiEffLib 1.1.1 use it."""
    from facenet_pytorch import MTCNN

    detector = MTCNN(post_process=False, min_face_size=40, device='cpu')

    def count(image: Any) -> int:
        _, scores = detector.detect(image[..., ::-1].copy())
        return sum(x is not None and x > 0.9 for x in scores)

    return count


def mediapipe() -> Detector:
    """The face mesh, as LibreFace 0.2.0 uses it for images."""
    # Not `import mediapipe`, which is the name of this function.
    meshes = importlib.import_module('mediapipe').solutions.face_mesh
    detector = meshes.FaceMesh(
        static_image_mode=True,
        refine_landmarks=True,
        max_num_faces=2,
        min_detection_confidence=0.5,
    )

    def count(image: Any) -> int:
        found = detector.process(image[..., ::-1].copy())
        return len(found.multi_face_landmarks or ())

    return count


def measure(
    name: str, packages: str, files: list[list[str]]
) -> list[list[str]] | str:
    """Run a detector over the frames of each input.

    Args:
        name: Name of the function that makes it.
        packages: Folder of its packages.
        files: Files of the frames of each input.

    Returns:
        For each input: frames with a face, faces, and milliseconds per frame;
        or why the detector cannot be imported.
    """
    sys.path.insert(0, packages)
    import numpy as np

    try:
        detector: Detector = globals()[name]()
    except ImportError as error:
        return str(error)
    rows = []
    for own in files:
        detector(np.load(own[0]))  # the first call may allocate or compile
        counts, times = [], []
        for file in own:
            image = np.load(file)
            start = time.perf_counter()
            counts.append(detector(image))
            times.append(time.perf_counter() - start)
        found = sum(x > 0 for x in counts)
        rows.append(
            [
                f'{found} of {len(counts)}',
                str(sum(counts)),
                f'{1e3 * median(times):.1f}',
            ]
        )
    return rows


def decode(source: Any, every: int) -> Iterator[Any]:
    """Yield an image, or every n-th frame of a video."""
    from fer_ssl.media.video_file import VideoFile

    if source.kind == 'image':
        yield source.read()
        return
    for frame in itertools.islice(VideoFile(source.place), 0, None, every):
        yield frame.image


def save_frames(place: str, every: int, folder: str) -> list[str]:
    """Save the frames of an input, one to a file of NumPy."""
    import numpy as np

    from fer_ssl.media.media_sources import list_sources

    files = []
    for source in list_sources(place):
        if source.kind == 'webcam':
            raise ValueError(f'{place}: a webcam has no end. Record it first.')
        for image in decode(source, every):
            files.append(os.path.join(folder, f'{len(files)}.npy'))
            np.save(files[-1], image)
    return files


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        'inputs', nargs='+', help='image, video, folder or pattern'
    )
    parser.add_argument(
        '--every',
        type=int,
        default=4,
        help='frames of a video from one to the next; default: %(default)s',
    )
    parser.add_argument(
        '--peers',
        default='peers',
        help='folder of the packages of other tools; default: %(default)s',
    )
    parser.add_argument('--out', help='Markdown file to write')
    args = parser.parse_args()
    if args.every < 1:
        parser.error(f'--every {args.every}: must be at least 1.')
    return args


def main() -> None:
    from fer_ssl.utils.files import write_text
    from fer_ssl.utils.tables import markdown_table

    args = parse_args()
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for number, place in enumerate(args.inputs):
            own = os.path.join(folder, str(number))
            os.mkdir(own)
            files.append(save_frames(place, args.every, own))
        for name in ('yunet', *PEERS):
            packages = os.path.abspath(os.path.join(args.peers, name))
            # Spawned: it has imported no package yet.
            with ProcessPoolExecutor(
                1, multiprocessing.get_context('spawn')
            ) as pool:
                rows = pool.submit(measure, name, packages, files).result()
            if isinstance(rows, str):
                print(
                    f'{name} is not measured ({rows}). Run `pip install '
                    f'--no-deps --target {packages} {PEERS[name]}`.'
                )
                continue
            for place, row in zip(args.inputs, rows):
                lines.append([name, os.path.basename(place), *row])
    head = ['detector', 'input', 'frames with a face', 'faces', 'ms per frame']
    text = f'{markdown_table(head, lines, text_columns=2)}\n'
    print(text, end='')
    if args.out:
        write_text(args.out, text)


if __name__ == '__main__':
    from fer_ssl.launch import run

    run(main)
