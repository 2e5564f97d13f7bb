from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import DefaultScope

from ..evaluation.face_predictions import FACE
from ..face_detection import FaceDetector
from ..face_detection.cut_out import cut_out
from ..face_detection.iou_tracker import IoUTracker
from ..media.video_file import VideoFrame

# What reads the image, cuts the face out and packs: done here.
_NOT_NEEDED = ('LoadImageFromFile', 'CropFace', 'PackInputs', 'FastPackInputs')


class FacePipeline:
    """From a picture to the faces in it, as the network was tested on them.

    Args:
        cfg: Config of the network.
        detector: Finds the faces.
        tracker: Says which are the same person's.
        margin: Added to every side of a face, as a share of its longer one.
        size: Side of the square faces, in pixels, before the transforms of
            the config; 0 keeps the resolution.

    Raises:
        ValueError: The config has no pipeline for faces, or one that takes
            images of a size that nobody has named.
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
        steps = [
            step
            for step in faces_pipeline(cfg)
            if step['type'].split('.')[-1] not in _NOT_NEEDED
        ]
        if not size and not any('Resize' in step['type'] for step in steps):
            raise ValueError(
                'the pipeline of this config takes images as large as those '
                'of its data set, and does not say how large: name their side '
                'in pixels by --crop-size, or by face_crop=dict(size=...) in '
                'the config.'
            )
        with DefaultScope.overwrite_default_scope('mmpretrain'):
            self.transforms = Compose(steps)
        self.video = ''

    def begin(self, video: str) -> None:
        """Begin a new video."""
        self.video = video
        self.tracker.reset()

    def __call__(self, frame: VideoFrame) -> dict:
        """Number and time of a picture, its n faces and their pixels.

        Returns:
            ``frame``, ``time``, ``faces`` (n,), ``inputs`` (n times uint8
            (3, H, W)) and ``live``, the tracks that may go on.
        """
        found = self.detector.find(picture, self.video)
        height, width = picture.image.shape[:2]
        boxes = [
            face.box
            for face in found
            if min(face.box[2], width) > max(face.box[0], 0)
            and min(face.box[3], height) > max(face.box[1], 0)
        ]
        faces = np.zeros(len(boxes), FACE)
        faces['frame'] = picture.number
        faces['face'] = self.tracker.update(boxes, picture.time)
        faces['box'] = np.reshape(boxes, (-1, 4))
        return dict(
            frame=picture.number,
            time=picture.time,
            faces=faces,
            inputs=[self._crop(picture.image, box) for box in boxes],
            live=self.tracker.live,
        )

    def _crop(self, image: np.ndarray, box: Sequence[float]) -> torch.Tensor:
        face = cut_out(image, box, self.margin, self.size)
        shape = face.shape[:2]
        results = dict(img=face, img_shape=shape, ori_shape=shape)
        face = self.transforms(results)['img']
        return torch.from_numpy(np.ascontiguousarray(face.transpose(2, 0, 1)))


def collate_faces(pictures: Sequence[dict]) -> dict:
    """Batch of what :class:`FacePipeline` returns."""
    return dict(
        frames=np.array([x['frame'] for x in pictures], np.int64),
        times=np.array([x['time'] for x in pictures], np.float64),
        faces=np.concatenate([x['faces'] for x in pictures]),
        inputs=[face for x in pictures for face in x['inputs']],
        live=pictures[-1]['live'],
    )


def faces_pipeline(cfg: Config) -> list[dict]:
    """Transforms of an image by which the network is tested.

    Raises:
        ValueError: The config names none.
    """
    for loader in ('extract_dataloader', 'test_dataloader', 'val_dataloader'):
        dataset = (cfg.get(loader) or {}).get('dataset') or {}
        pipeline = dataset.get('pipeline') or []
        for step in pipeline:
            if step['type'] == 'LoadClipFrames':
                return step['transforms']
            if step['type'] == 'LoadImageFromFile':
                return pipeline
    raise ValueError(
        'the config has no extract_dataloader or test_dataloader that reads '
        'images, so it is not known how the network wants its faces.'
    )
