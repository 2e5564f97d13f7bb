from __future__ import annotations

import os.path as osp

import cv2
import numpy as np
from mmengine.registry import TASK_UTILS

from ..utils.placeholders import check_placeholder
from .face import Face, ImageFaceDetector


@TASK_UTILS.register_module()
class YuNetDetector(ImageFaceDetector):
    """YuNet, run by ``cv2.FaceDetectorYN`` from a model file of the user.

    Args:
        model: ONNX file of YuNet (``face_detection_yunet_2023mar.onnx`` of
            the OpenCV model zoo).
        min_score: Minimum score of a face, in [0, 1].
        detect_size: Longer side in pixels of the image that the network sees.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: OpenCV cannot read it.
    """

    def __init__(
        self, model: str, min_score: float = 0.6, detect_size: int = 640
    ) -> None:
        super().__init__(detect_size)
        if not osp.isfile(model):
            raise FileNotFoundError(
                f'{model}: no such file. Download '
                'face_detection_yunet_2023mar.onnx from '
                'https://github.com/opencv/opencv_zoo.'
            )
        try:
            # A placeholder size: __call__ sets that of its image.
            self._detector = cv2.FaceDetectorYN.create(
                model, '', (320, 320), min_score
            )
        except cv2.error as error:
            with open(model, 'rb') as file:
                check_placeholder(model, file.read(100))
            raise ValueError(
                f'{model}: OpenCV {cv2.__version__} cannot read this model: '
                f'{error}'
            ) from None

    def __call__(self, image: np.ndarray, min_size: float = 0.0) -> list[Face]:
        """See the base class; the network finds all sizes in one pass."""
        self._detector.setInputSize((image.shape[1], image.shape[0]))
        _, rows = self._detector.detect(image)
        rows = () if rows is None else rows
        # A row is x, y, width, height, ten landmark coordinates and score.
        return [
            Face((x, y, x + w, y + h), score)
            for x, y, w, h, *_, score in np.asarray(rows, np.float64).tolist()
        ]
