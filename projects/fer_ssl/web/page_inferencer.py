from __future__ import annotations

import os.path as osp
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Callable

from ..apis.expression_inferencer import ExpressionInferencer
from ..media.media_sources import MediaSource
from ..media.read_ahead import read_ahead
from ..media.video_file import VideoFile, VideoFrame


class PageInferencer(ExpressionInferencer):
    """Inferencer that reports its progress to the page.

    In results, an image has the name of its file without its folder, which is
    a temporary one.

    Attributes:
        on_frame: Called before each frame of a video with what is done
            (``'faces'`` or ``'overlay'``), the frames so far and the number of
            frames, if the file says it. An exception of it ends the
            prediction.
    """

    on_frame: Callable[[str, int, int | None], None] | None = None

    def _inputs_to_list(self, inputs: Any) -> list[MediaSource]:
        return [
            replace(source, name=osp.basename(source.name))
            for source in super()._inputs_to_list(inputs)
        ]

    @contextmanager
    def _progress(
        self, video: VideoFile, what: str
    ) -> Iterator[Iterable[VideoFrame]]:
        yield self._report(read_ahead(video), what, video.num_frames)

    def _report(
        self, frames: Iterable[VideoFrame], what: str, total: int | None
    ) -> Iterator[VideoFrame]:
        for frame in frames:
            if self.on_frame is not None:
                self.on_frame(what, frame.number - 1, total)
            yield frame
