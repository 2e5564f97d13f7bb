"""Prediction of uploaded images and videos, and of a camera."""

from __future__ import annotations

import os.path as osp
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from ..apis.expression_inferencer import ExpressionInferencer
from ..apis.live import LivePredictor
from ..launch import describe_error
from ..media.video_file import VideoFrame
from .face_cards import Card, Group, make_card
from .page_inferencer import PageInferencer

#: Images that are predicted at once; more are for ``mim run fer_ssl predict``.
MAX_IMAGES = 100
_VIDEO_TITLE = 'How much of the time each face has each label'
_CAMERA_TITLE = 'Probabilities, averaged over the last 30 pictures'
# What a damaged file, a full disk or a missing decoder raises.
_PROBLEMS = ImportError, OSError, ValueError


@dataclass
class ImageResults:
    """What the page shows of some images.

    Attributes:
        groups: The faces of each image.
        problems: Messages.
        pictures: Path and name of each picture with boxes.
        csv: Path of ``predictions.csv``; ``None`` if no image can be read.
    """

    groups: list[Group] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    pictures: list[tuple[str, str]] = field(default_factory=list)
    csv: str | None = None


@dataclass
class VideoResults:
    """What the page shows of a video.

    Attributes:
        groups: Its faces; empty if it cannot be read.
        problems: Messages.
        overlay, timeline, csv: Paths; ``None`` if it cannot be read.
    """

    groups: list[Group] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    overlay: str | None = None
    timeline: str | None = None
    csv: str | None = None


def predict_images(
    inferencer: PageInferencer, paths: Sequence[str], folder: str
) -> ImageResults:
    """Predict at most :data:`MAX_IMAGES` images, and write to a folder."""
    results = ImageResults()
    if len(paths) > MAX_IMAGES:
        results.problems.append(
            f'{len(paths)} photographs were chosen, but the page takes at '
            f'most {MAX_IMAGES} at once. For more, run '
            '`mim run fer_ssl predict FOLDER --out-dir OUT`.'
        )
        return results
    try:
        for result in inferencer.stream(list(paths), out_dir=folder):
            entry = result['predictions']
            results.problems += entry['problems']
            if 'faces' not in entry:
                continue
            overlay = result['visualization']['overlay']
            results.pictures.append((overlay, entry['image']))
            cards = [
                make_card(f'Face {face["face"]}', face['scores'])
                for face in entry['faces']
            ]
            results.groups.append(Group(entry['image'], cards))
    except _PROBLEMS as error:
        results.problems.append(describe_error(error))
    if results.groups:
        results.csv = osp.join(folder, 'predictions.csv')
    return results


def predict_video(
    inferencer: PageInferencer, path: str, folder: str
) -> VideoResults:
    """Predict a video, and write to a folder."""
    try:
        result = inferencer(path, out_dir=folder)
    except _PROBLEMS as error:
        return VideoResults(problems=[describe_error(error)])
    (entry,) = result['predictions']
    cards = [_video_card(face, inferencer.classes) for face in entry['faces']]
    (written,) = result['visualization']
    return VideoResults(
        [Group(_VIDEO_TITLE, cards)], entry['problems'], **written
    )


def _video_card(face: dict, classes: Sequence[str]) -> Card:
    """Make the card of a face in a video: how often it has each label."""
    fractions = {x: face['labels'].get(x, 0) / face['frames'] for x in classes}
    note = (
        f'{face["begin"]:.1f} to {face["end"]:.1f} s, {face["frames"]} frames'
    )
    return make_card(f'Face {face["face"]}', fractions, note)


class CameraSession:
    """Prediction of the camera of one browser session."""

    def __init__(self, inferencer: ExpressionInferencer) -> None:
        self._predictor = LivePredictor(inferencer, window=30)
        self._start = time.monotonic()
        self._number = 0

    def __call__(self, image: np.ndarray) -> tuple[bytes, Group]:
        """Predict the next picture of the camera.

        Args:
            image: RGB uint8 (H, W, 3).

        Returns:
            The picture with boxes and labels, as JPEG, and its faces.
        """
        # Deferred because matplotlib takes a second.
        from ..visualization.face_overlay import FaceOverlay

        self._number += 1
        now = time.monotonic() - self._start
        image = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)  # drawn into
        frame = VideoFrame(self._number, now, image)
        found = self._predictor(frame)
        FaceOverlay(found).draw(frame)
        cards = [
            make_card(f'Face {track_id}', dict(zip(found.classes, scores)))
            for track_id, scores in zip(
                found.faces['face'].tolist(), found.smoothed_scores.tolist()
            )
        ]
        _, jpeg = cv2.imencode('.jpg', frame.image)
        return jpeg.tobytes(), Group(_CAMERA_TITLE, cards)
