"""Files with the results of an image or a video."""

from __future__ import annotations

import os.path as osp
from collections.abc import Iterable

import numpy as np

from ..evaluation.face_predictions import FacePredictions
from ..media.video_file import VideoFrame
from ..media.video_writer import VideoWriter
from ..media.write_image import write_image
from ..utils.files import save_figure

# FaceOverlay and the timeline are imported where they are used, because
# matplotlib takes a second.


def write_tables(
    faces: FacePredictions, folder: str, is_complete: bool
) -> dict[str, str]:
    """Write ``predictions.csv`` and ``timeline.png`` of a video.

    Args:
        faces: Predictions for the video.
        folder: Folder to write to.
        is_complete: Whether the video was predicted to its end.

    Returns:
        Their paths, with the keys ``csv`` and ``timeline``.
    """
    from ..visualization.face_timeline import plot_face_timeline

    written = dict(
        csv=osp.join(folder, 'predictions.csv'),
        timeline=osp.join(folder, 'timeline.png'),
    )
    faces.to_csv(written['csv'], is_complete)
    save_figure(plot_face_timeline(faces), written['timeline'])
    return written


def write_overlay(
    faces: FacePredictions, frames: Iterable[VideoFrame], path: str
) -> None:
    """Draw the predictions into the frames of a video.

    Args:
        faces: Predictions for the video.
        frames: Its frames, which are drawn into.
        path: Video to write.
    """
    from ..visualization.face_overlay import FaceOverlay

    overlay = FaceOverlay(faces)
    rate = (len(faces.times) - 1) / max(faces.times[-1], 1e-3)
    with VideoWriter(path, rate or 25.0) as writer:
        for frame in frames:
            overlay.draw(frame)
            writer.write(frame.image, frame.time)


def write_image_overlay(
    faces: FacePredictions, image: np.ndarray, path: str
) -> None:
    """Draw the predictions into a copy of an image, BGR uint8 (H, W, 3)."""
    from ..visualization.face_overlay import FaceOverlay

    copy = image.copy()
    FaceOverlay(faces).draw(VideoFrame(1, 0.0, copy))
    write_image(path, copy)
