"""Predictions for the faces of a user's folder."""

from __future__ import annotations

import cv2
import mmcv
import numpy as np
import torch
from mmengine.fileio import get

from ..datasets.unreadable_images import IMAGE_ERRORS, describe_failure
from ..evaluation.labeled_predictions import LabeledPredictions
from ..face_detection.cut_out import cut_out
from ..media.video_file import VideoFrame
from ..utils.progress import ProgressBar
from .expression_inferencer import ExpressionInferencer
from .face_change import FaceChange
from .face_networks import FrameByFrame
from .own_faces import OwnFaces

_BATCH = 64


class FaceProbabilities:
    """Predicts faces one by one, with the calibration that there is.

    Args:
        inferencer: Inferencer of a network that predicts single faces.
        detect: Whether to search for the largest face in each image. Otherwise
            the image is the face, or the box if there is one.
        change: Change of every face. Defaults to none.

    Raises:
        ValueError: The network predicts windows of frames.
    """

    def __init__(
        self,
        inferencer: ExpressionInferencer,
        detect: bool = False,
        change: FaceChange | None = None,
    ) -> None:
        if not isinstance(inferencer.network, FrameByFrame):
            raise ValueError(
                f'{inferencer.weights}: this network predicts windows of '
                'frames, not single faces. Let `mim test` write the '
                'predictions for labeled videos by test_evaluator.out_file='
                'FILE.csv, and name that file.'
            )
        self.inferencer = inferencer
        self.detect = detect
        self.change = change or FaceChange()
        self.unreadable: list[str] = []
        self.without_face: list[str] = []

    @property
    def problems(self) -> list[str]:
        """What was left out so far, a sentence each."""
        found = []
        for what, places in (
            ('cannot be read', self.unreadable),
            ('show no face that the detector finds', self.without_face),
        ):
            if places:
                found.append(
                    f'{len(places):,} images {what} and are left out, such as '
                    f'{places[0]}'
                )
        return found

    def predict(self, faces: OwnFaces) -> LabeledPredictions:
        """Predict all faces that can be read.

        Raises:
            ValueError: There are none.
        """
        network = self.inferencer.network
        count = len(faces.images)
        parts, rows = [], []
        with ProgressBar(
            'Faces', count, show=self.inferencer.show_progress
        ) as progress:
            for first in range(0, count, _BATCH):
                batch = range(first, min(first + _BATCH, count))
                found = {
                    row: self._face(faces, row)
                    for row in progress.track(batch)
                }
                found = {
                    x: face for x, face in found.items() if face is not None
                }
                if found:
                    parts.append(self._run([*found.values()]))
                    rows += found
        if not rows:
            raise ValueError(
                f'{faces.images[0]}: there is no face to predict, here or in '
                f'any other image: {" ".join(self.problems)}'
            )
        return LabeledPredictions(
            self.inferencer.classes,
            network.calibrated(np.concatenate(parts)),
            faces.labels[rows],
            [faces.people[row] for row in rows],
        )

    @torch.no_grad()
    def _run(self, batch: list[torch.Tensor]) -> np.ndarray:
        network = self.inferencer.network
        return network.run(batch)[:, : network.num_classes]

    def _face(self, faces: OwnFaces, row: int) -> torch.Tensor | None:
        """Return a face as the network gets it, or None if there is none."""
        path = faces.images[row]
        try:
            image = mmcv.imfrombytes(get(path))
            if image is None:
                raise OSError('cannot be decoded')
        except IMAGE_ERRORS as error:
            self.unreadable.append(describe_failure(path, error))
            return None
        pipeline = self.inferencer.pipeline
        box = None if faces.boxes is None else faces.boxes[row].tolist()
        if self.detect and box is None:
            frame = VideoFrame(1, 0.0, image)
            # Boxes outside the image are dropped.
            found = self.inferencer.detector.find(frame, path)
            if not found:
                self.without_face.append(f'{path}.')
                return None
            box = found[0].box
        size = pipeline.size
        if box is not None:
            box = self.change.move_box(box, row)
            face = cut_out(image, box, pipeline.margin, size)
        else:
            face = self.change.move_crop(image, row)
            if size and not pipeline.resizes:
                face = cv2.resize(
                    face, (size, size), interpolation=cv2.INTER_AREA
                )
        return pipeline.transform(self.change.shrink(face))
