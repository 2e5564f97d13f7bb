from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from mmengine.registry import TASK_UTILS

from .face import Face, ImageFaceDetector

#: Cascade by Rainer Lienhart, under the license at the top of the file. It is
#: part of OpenCV 4, but no longer of OpenCV 5.
HAAR_FILE = Path(__file__).with_name('haarcascade_frontalface_default.xml')


@TASK_UTILS.register_module()
class HaarDetector(ImageFaceDetector):
    """Haar cascade for frontal faces, which misses faces in profile.

    Args:
        min_score: Minimum score of a face. Scores of a cascade are not
            bounded.
        model: File of a cascade. Defaults to :data:`HAAR_FILE`.
        detect_size: Longer side in pixels of the image that the cascade sees.

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
        path = Path(model or HAAR_FILE)
        if not path.is_file():
            raise FileNotFoundError(f'{path}: no such file.')
        try:
            self._cascade = cv2.CascadeClassifier(str(path))
        except (cv2.error, SystemError):  # the latter in OpenCV 5
            raise ValueError(f'{path}: not a cascade of OpenCV.') from None
        if self._cascade.empty():
            raise ValueError(f'{path}: not a cascade of OpenCV.')
        self._min_score = min_score

    def __call__(self, image: np.ndarray, min_size: float = 0.0) -> list[Face]:
        """See the base class; small faces take most of the time."""
        gray = cv2.equalizeHist(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY))
        boxes, _, scores = self._cascade.detectMultiScale3(
            gray,
            scaleFactor=1.1,
            minNeighbors=5,
            minSize=(max(min(gray.shape) // 10, 20, int(min_size)),) * 2,
            outputRejectLevels=True,  # otherwise there are no scores
        )
        return [
            Face((x, y, x + w, y + h), score)
            for (x, y, w, h), score in zip(
                np.asarray(boxes, np.float64).tolist(),
                np.ravel(scores).tolist(),
            )
            if score >= self._min_score
        ]
