"""Prediction of a webcam or a video while it is shown."""

from __future__ import annotations

import copy
import os
import sys
from collections import deque
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import torch

from ..evaluation.face_predictions import FacePredictions
from ..media.camera import Camera
from ..media.media_sources import list_sources
from ..media.read_ahead import read_ahead
from ..media.video_file import VideoFile, VideoFrame
from .expression_inferencer import ExpressionInferencer

_KEYS_TO_QUIT = (ord('q'), 27)  # 27 is Esc


class LivePredictor:
    """Predictor of frames as they come.

    The probabilities of each face are averaged over its latest frames, since
    later ones are not known. Tracks and windows are its own, so that several
    predictors, and the inferencer itself, can be used in turn or in threads.

    Args:
        inferencer: Detector, tracker and network to use.
        window: Number of frames to average; 0 or 1 for none.
    """

    def __init__(
        self, inferencer: ExpressionInferencer, window: int = 30
    ) -> None:
        self.classes = inferencer.classes
        self.window = max(window, 1)
        self._latest: dict[int, deque[np.ndarray]] = {}
        self._network = copy.copy(inferencer.network)
        self._network.reset()
        self._pipeline = copy.copy(inferencer.pipeline)
        self._pipeline.tracker = copy.deepcopy(inferencer.tracker)
        self._pipeline.begin('live')

    @torch.no_grad()
    def __call__(self, frame: VideoFrame) -> FacePredictions:
        """Predict the faces of the next frame."""
        found = self._pipeline(frame)
        faces, live = found['faces'], found['live']
        track_ids = faces['face'].tolist()
        scores = self._network.run_live(found['inputs'], track_ids, live)
        self._latest = {x: y for x, y in self._latest.items() if x in live}
        smoothed = np.zeros_like(scores)
        for i, track_id in enumerate(track_ids):
            latest = self._latest.setdefault(
                track_id, deque(maxlen=self.window)
            )
            latest.append(scores[i])
            smoothed[i] = np.mean(latest, axis=0)
        return FacePredictions(
            'live',
            self.classes,
            np.array([frame.number]),
            np.array([frame.time]),
            faces,
            scores[:, : len(self.classes)],
            smoothed[:, : len(self.classes)],
        )


def show_live(
    inferencer: ExpressionInferencer, inputs: Sequence[Any], window: int = 30
) -> None:
    """Show a webcam or a video in a window while it is predicted.

    Q, Esc or closing the window ends it.

    Args:
        inferencer: See :class:`LivePredictor`.
        inputs: One webcam or video, as for :func:`list_sources`.
        window: See :class:`LivePredictor`.

    Raises:
        ValueError: There is no display, or not one webcam or video.
    """
    from ..visualization.face_overlay import FaceOverlay

    sources = list_sources(list(inputs))
    if len(sources) != 1 or sources[0].kind == 'image':
        raise ValueError('only one webcam or one video can be shown live.')
    (source,) = sources
    if source.problem:
        raise ValueError(source.problem)
    _check_display()
    is_webcam = source.kind == 'webcam'
    frames = Camera(source.place) if is_webcam else VideoFile(source.place)
    predictor = LivePredictor(inferencer, window)
    title = f'{source.stem} (q to quit)'
    try:
        # A webcam has its own buffer; reading it ahead would add delay.
        for frame in frames if is_webcam else read_ahead(frames):
            FaceOverlay(predictor(frame)).draw(frame)
            cv2.imshow(title, frame.image)
            is_open = cv2.getWindowProperty(title, cv2.WND_PROP_VISIBLE) >= 1
            if cv2.waitKey(1) & 0xFF in _KEYS_TO_QUIT or not is_open:
                break
    except cv2.error as error:
        raise ValueError(f'no window can be shown: {error.err}') from None
    finally:
        cv2.destroyAllWindows()


def _check_display() -> None:
    # Without one, the window system would end the whole process.
    is_linux = sys.platform.startswith('linux')
    if is_linux and not {'DISPLAY', 'WAYLAND_DISPLAY'} & os.environ.keys():
        raise ValueError(
            'there is no display for a window. Use the web page of '
            '`mim run fer_ssl web_demo`, or record by --out-dir.'
        )
