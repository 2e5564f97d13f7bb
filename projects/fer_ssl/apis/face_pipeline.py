from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import DefaultScope
from mmpretrain.registry import TRANSFORMS

from ..evaluation.face_predictions import FACE
from ..face_detection import FaceDetector
from ..face_detection.cut_out import cut_out
from ..face_detection.iou_tracker import IoUTracker
from ..media.video_file import VideoFrame
from ..utils.config_types import class_of, is_type

#: Transforms replaced by this pipeline: they read, crop or pack.
REPLACED = (
    'LoadImageFromFile',
    'CropFace',
    'PackInputs',
    'FastPackInputs',
)


class FacePipeline:
    """Pipeline from a frame to its faces, transformed as in the test.

    Args:
        cfg: Config of the network.
        detector: Finds the faces.
        tracker: Links the faces of successive frames.
        margin: Added to every side of a face, as a fraction of its longer
            side.
        size: Side of the square faces in pixels before the transforms of the
            config; 0 keeps the resolution.

    Raises:
        ValueError: If the config has no pipeline for faces, or one that does
            not resize while no size is given.
    """

    def __init__(
        self,
        cfg: Config,
        detector: FaceDetector,
        tracker: IoUTracker,
        margin: float,
        size: int,
    ) -> None:
        if margin <= -0.5:
            raise ValueError(f'margin={margin} leaves no face.')
        if size < 0:
            raise ValueError(f'crop size {size}: must not be negative.')
        self.detector = detector
        self.tracker = tracker
        self.margin = margin
        self.size = size
        steps = faces_pipeline(cfg)
        self.is_gray = any(
            str(step.get('color_type')).startswith('grayscale')
            for step in steps
            if is_type(step, 'LoadImageFromFile', TRANSFORMS)
        )
        steps = [
            step for step in steps if not is_type(step, REPLACED, TRANSFORMS)
        ]
        names = [str(class_of(step, TRANSFORMS)) for step in steps]
        self.resizes = any('Resize' in name for name in names)
        if not size and not self.resizes:
            raise ValueError(
                'the pipeline of this config does not resize, so it expects '
                'images of the size of its data set: give their side in '
                'pixels by face_crop=dict(size=...) in the config.'
            )
        with DefaultScope.overwrite_default_scope('mmpretrain'):
            self.transforms = Compose(steps)
        self.video = ''
        self.frame_size = 0, 0

    def begin(self, video: str) -> None:
        """Begin a new video."""
        self.video = video
        self.tracker.reset()

    def __call__(self, frame: VideoFrame) -> dict:
        """Detect, track and transform the faces of a frame.

        Returns:
            A dict of ``frame`` and ``time``, the number and time of the frame;
            ``faces`` (n,); ``inputs``, n images uint8 (C, H, W); and ``live``,
            the IDs of the tracks that may continue.
        """
        found = self.detector.find(frame, self.video)
        height, width = frame.image.shape[:2]
        self.frame_size = width, height
        # Boxes outside the frame are dropped.
        boxes = [
            face.box
            for face in found
            if min(face.box[2], width) > max(face.box[0], 0)
            and min(face.box[3], height) > max(face.box[1], 0)
        ]
        faces = np.zeros(len(boxes), FACE)
        faces['frame'] = frame.number
        faces['face'] = self.tracker.update(boxes, frame.time)
        faces['box'] = np.reshape(boxes, (-1, 4))
        return dict(
            frame=frame.number,
            time=frame.time,
            faces=faces,
            inputs=[self.crop(frame.image, box) for box in boxes],
            live=self.tracker.live,
        )

    def crop(self, image: np.ndarray, box: Sequence[float]) -> torch.Tensor:
        """Cut out a face and transform it, see :meth:`transform`."""
        return self.transform(cut_out(image, box, self.margin, self.size))

    def transform(self, face: np.ndarray) -> torch.Tensor:
        """Transform a cropped face, BGR uint8 (H, W, 3), for the network.

        Returns:
            Image, uint8 (C, H, W).
        """
        if self.is_gray:
            face = cv2.cvtColor(face, cv2.COLOR_BGR2GRAY)
        shape = face.shape[:2]
        results = dict(img=face, img_shape=shape, ori_shape=shape)
        face = self.transforms(results)['img']
        face = face.reshape(*face.shape[:2], -1)  # gray faces have no channel
        return torch.from_numpy(np.ascontiguousarray(face.transpose(2, 0, 1)))


def collate_faces(results: Sequence[dict]) -> dict:
    """Collate results of :class:`FacePipeline` into a batch."""
    return dict(
        frames=np.array([x['frame'] for x in results], np.int64),
        times=np.array([x['time'] for x in results], np.float64),
        faces=np.concatenate([x['faces'] for x in results]),
        inputs=[face for x in results for face in x['inputs']],
        live=results[-1]['live'],
    )


def faces_pipeline(cfg: Config) -> list[dict]:
    """Return the transforms of an image in the test of the network.

    Raises:
        ValueError: If the config has none.
    """
    for loader in ('extract_dataloader', 'test_dataloader', 'val_dataloader'):
        dataset = (cfg.get(loader) or {}).get('dataset') or {}
        pipeline = dataset.get('pipeline') or []
        for step in pipeline:
            if is_type(step, 'LoadClipFrames', TRANSFORMS):
                return step['transforms']
            if is_type(step, 'LoadImageFromFile', TRANSFORMS):
                return pipeline
    raise ValueError(
        'the config has no extract_dataloader or test_dataloader that reads '
        'images, so the transforms of the faces are unknown.'
    )
