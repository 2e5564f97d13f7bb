from __future__ import annotations

import os.path as osp

import cv2
import numpy as np
from mmengine.registry import TASK_UTILS

from .face import Face, ImageFaceDetector

HAAR_FILE = 'haarcascade_frontalface_default.xml'


@TASK_UTILS.register_module()
class HaarDetector(ImageFaceDetector):
    """A cascade for frontal faces, which misses those that look aside.

    Args:
        min_score: Faces with a lower score are none; it is not bounded.
        model: File of a cascade. Defaults to the one that OpenCV 4 ships;
            OpenCV 5 ships none, but reads such a file.
        detect_size: Longer side, in pixels, that the cascade sees.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: OpenCV cannot read it.
    """

    def __init__(
        self,
        min_score: float = 0.6,
        model: str | None = None,
        detect_size: int = 640,
    ) -> None:
        super().__init__(detect_size)
        path = model
        if model is None:
            path = osp.join(getattr(cv2, 'data', cv2).haarcascades, HAAR_FILE)
        if not osp.isfile(path):
            raise FileNotFoundError(
                f'{path}: no such file.'
                if model is not None
                else f'OpenCV {cv2.__version__} comes without Haar cascades '
                f'(there is no {path}). Name a YuNet model '
                '(face_detection_yunet_2023mar.onnx of '
                'https://github.com/opencv/opencv_zoo) or a cascade, or '
                "install 'opencv-python<5' 'opencv-contrib-python<5'."
            )
        try:
            self._cascade = cv2.CascadeClassifier(path)
        except (cv2.error, SystemError):  # the latter in OpenCV 5
            raise ValueError(f'{path}: not a cascade.') from None
        if self._cascade.empty():
            raise ValueError(f'{path}: not a cascade.')
        self._min_score = min_score

    def __call__(self, image: np.ndarray) -> list[Face]:
        """Faces in a BGR image, uint8 (H, W, 3)."""
        grey = cv2.equalizeHist(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY))
        boxes, _, scores = self._cascade.detectMultiScale3(
            grey,
            scaleFactor=1.1,
            minNeighbors=5,
            minSize=(max(min(grey.shape) // 10, 20),) * 2,
            outputRejectLevels=True,
        )
        return [
            Face((x, y, x + w, y + h), score)
            for (x, y, w, h), score in zip(
                np.asarray(boxes, np.float64).tolist(),
                np.ravel(scores).tolist(),
            )
            if score >= self._min_score
        ]
