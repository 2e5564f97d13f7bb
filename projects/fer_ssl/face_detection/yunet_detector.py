from __future__ import annotations

import os.path as osp
import threading
from pathlib import Path

import cv2
import numpy as np
from mmengine.registry import TASK_UTILS

from ..utils.files import file_sha256
from ..utils.placeholders import check_placeholder
from .face import Face, ImageFaceDetector

#: YuNet of the OpenCV model zoo, under the license next to it.
YUNET_FILE = Path(__file__).with_name('face_detection_yunet_2023mar.onnx')
YUNET_SHA256 = (
    '8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4'
)


@TASK_UTILS.register_module()
class YuNetDetector(ImageFaceDetector):
    """YuNet (Wu et al., Machine Intelligence Research 2023), run by OpenCV.

    Args:
        model: Another ONNX file of YuNet. Defaults to :data:`YUNET_FILE`.
        min_score: Minimum score of a face, in [0, 1].
        detect_size: Longer side in pixels of the image that the network sees.
            Faces of fewer than about 40 pixels there are often missed.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is damaged, OpenCV cannot read it, or an argument
            is out of range.
    """

    def __init__(
        self,
        model: str | None = None,
        min_score: float = 0.6,
        detect_size: int = 640,
    ) -> None:
        super().__init__(detect_size)
        if not 0 <= min_score <= 1:
            raise ValueError(f'min_score={min_score}: must be in [0, 1].')
        path = str(model or YUNET_FILE)
        if not osp.isfile(path):
            raise FileNotFoundError(f'{path}: no such file.')
        if model is None and file_sha256(path) != YUNET_SHA256:
            raise ValueError(
                f'{path}: this file is damaged. Install fer_ssl again.'
            )
        # OpenCV 5 warns of a default of its own.
        level = cv2.utils.logging.getLogLevel()
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
        try:
            # A placeholder size: __call__ sets that of its image.
            self._detector = cv2.FaceDetectorYN.create(
                path, '', (320, 320), min_score
            )
        except cv2.error as error:
            with open(path, 'rb') as file:
                check_placeholder(path, file.read(100))
            raise ValueError(
                f'{path}: OpenCV {cv2.__version__} cannot read this model: '
                f'{error}'
            ) from None
        finally:
            cv2.utils.logging.setLogLevel(level)
        self._lock = threading.Lock()  # its size is a state of the network

    def __call__(self, image: np.ndarray) -> list[Face]:
        """See the base class; the network finds all sizes in one pass."""
        with self._lock:
            self._detector.setInputSize((image.shape[1], image.shape[0]))
            _, rows = self._detector.detect(image)
        rows = () if rows is None else rows
        # A row is x, y, width, height, ten landmark coordinates and score.
        return [
            Face((x, y, x + w, y + h), score)
            for x, y, w, h, *_, score in np.asarray(rows, np.float64).tolist()
        ]
