from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from mmengine.registry import TASK_UTILS

from ..media.image_limit import max_pixels
from ..utils.text_rows import BOX_COLUMNS, csv_rows, read_header
from .face import Face, FaceDetector

if TYPE_CHECKING:
    from ..media.video_file import VideoFrame

_MIN_SIDE = 2  # pixels of the smallest box that can be a face


@TASK_UTILS.register_module()
class BoxesFromCSV(FaceDetector):
    """Boxes found by another program, in place of a detector.

    The file has the columns ``frame`` (from 1), ``left``, ``top``, ``right``,
    ``bottom`` (in pixels of the upright frame) and, if it covers several
    videos, ``video`` (name without extension). Other columns and rows without
    a box are ignored. ``predictions.csv`` of an earlier run is such a file.

    Args:
        path: The file.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The content is wrong; the message names file and line.
    """

    def __init__(self, path: str) -> None:
        rows = csv_rows(path)
        header = read_header(path, rows)
        missing = [x for x in ('frame', *BOX_COLUMNS) if x not in header]
        if missing:
            raise ValueError(
                f'{path}:1: no column {", ".join(missing)}; the header is '
                f'{header}.'
            )
        self.path = path
        self._has_video = 'video' in header
        # Numbers (frame, *box) of the boxes of each video.
        videos: dict[str, list[tuple]] = {}
        for line, fields in rows:
            if len(fields) != len(header):
                raise ValueError(
                    f'{path}:{line}: {len(fields)} fields, but the header '
                    f'has {len(header)}.'
                )
            row = dict(zip(header, fields))
            boxes = videos.setdefault(row.get('video', ''), [])
            cells = [row[x] for x in BOX_COLUMNS]
            if not any(cells):  # a frame without a face
                continue
            try:
                # pandas writes whole numbers as 5.0 if one is missing.
                frame = int(row['frame'].removesuffix('.0'))
                numbers = (frame, *map(float, cells))
            except ValueError:
                numbers = ()
            if not (
                numbers
                and numbers[0] >= 1
                and np.isfinite(numbers).all()
                and numbers[1] < numbers[3]
                and numbers[2] < numbers[4]
            ):
                raise ValueError(
                    f'{path}:{line}: frame {row["frame"]!r} and box {cells} '
                    'must be an integer >= 1 and left, top, right, bottom in '
                    'pixels with left < right and top < bottom.'
                )
            boxes.append(numbers)
        # Compact arrays, sorted by frame for the binary search in find(). The
        # same box again is the same face.
        self._boxes = {
            name: np.array(sorted(set(boxes)), float).reshape(-1, 5)
            for name, boxes in videos.items()
        }
        self._repeated = {
            name: len(boxes) - len(self._boxes[name])
            for name, boxes in videos.items()
        }

    def find(self, frame: VideoFrame, video: str) -> list[Face]:
        """See the base class; every box has the score 1.

        Raises:
            ValueError: A box has more pixels than an image may have.
        """
        boxes = self._boxes.get(video if self._has_video else '')
        if boxes is None:
            return []
        bounds = frame.number, frame.number + 1
        first, stop = np.searchsorted(boxes[:, 0], bounds)
        left, top, right, bottom = boxes[first:stop, 1:].T
        side = np.maximum(right - left, bottom - top).max(initial=0)
        if side**2 > max_pixels():  # the square around it is allocated
            height, width = frame.image.shape[:2]
            raise ValueError(
                f'{self.path}: a box in frame {frame.number} of the video '
                f'{video} has a side of {side:.0f} pixels, but the frame has '
                f'{width} x {height}. Are the boxes in pixels?'
            )
        faces = [Face(tuple(row[1:]), 1.0) for row in boxes[first:stop]]
        return sorted(faces, key=lambda face: -face.area)

    def check_videos(self, videos: Sequence[str]) -> None:
        if not self._has_video or not self._boxes.keys().isdisjoint(videos):
            return
        found = textwrap.shorten(', '.join(self._boxes), 200)
        raise ValueError(
            f'{self.path}: no row belongs to the video '
            f'{textwrap.shorten(", ".join(videos), 200)}. The column video '
            f'must hold file names without extension; it holds {found}.'
        )

    def problems(
        self, video: str, num_frames: int, size: tuple[int, int]
    ) -> list[str]:
        boxes = self._boxes.get(video if self._has_video else '')
        if boxes is None:
            return [f'{self.path}: no row belongs to the video {video}.']
        messages, unused = [], np.zeros(len(boxes), bool)
        repeated = self._repeated[video if self._has_video else '']
        if repeated:
            messages.append(
                f'{self.path}: {repeated} rows of the video {video} list a '
                'box again, which counts once.'
            )
        frame, (left, top, right, bottom) = boxes[:, 0], boxes[:, 1:].T
        x, y = (left + right) / 2, (top + bottom) / 2
        inside = (x > 0) & (x < size[0]) & (y > 0) & (y < size[1])
        for wrong, what in (
            (
                frame > num_frames,
                f'come after its last frame, {num_frames}. Are they of '
                'another video?',
            ),
            (
                np.minimum(right - left, bottom - top) < _MIN_SIDE,
                f'are smaller than {_MIN_SIDE} pixels. Are they fractions of '
                'the frame? Multiply them by its width and height.',
            ),
            (
                ~inside,
                'have their center outside of its frames of '
                f'{size[0]} x {size[1]} pixels. Are they of a larger copy of '
                'the video?',
            ),
        ):
            count = np.count_nonzero(wrong & ~unused)
            unused |= wrong
            if count:
                messages.append(
                    f'{self.path}: {count} of {len(boxes)} boxes of the video '
                    f'{video} {what}'
                )
        if len(boxes) and unused.all():
            raise ValueError('\n'.join(messages))
        return messages
