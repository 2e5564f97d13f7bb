from __future__ import annotations

from collections.abc import Sequence

from mmengine.registry import TASK_UTILS

from ...labels import ABAW_TRACKS
from .abaw_annotation import check_tracks, label_columns
from .frames_csv import VideoAnnotation, read_frames_csv


@TASK_UTILS.register_module()
class FramesCSVReader:
    """Reader of the tasks of a frames CSV, for the video datasets.

    Args:
        tasks: ``'EXPR'``, ``'VA'`` or ``'AU'``, or a tuple of several. The
            datasets then give labels of each; see :class:`BaseVideoDataset`.
            :func:`read_frames_csv` describes the columns.
        active_from: Minimum intensity of an active action unit. 1 suits
            columns of 0 and 1; of FACS intensities (A to E are 1 to 5), it
            counts even a trace as active.

    Example:
        >>> dataset = dict(
        ...     type='VideoClipDataset',
        ...     data_root='data/synthetic',
        ...     ann_file='frames.csv',
        ...     reader=dict(type='FramesCSVReader', tasks=('EXPR', 'VA')),
        ...     split='train',
        ... )
    """

    #: Folder of the images, relative to the root of the data.
    image_folder = 'frames'

    def __init__(
        self, tasks: str | Sequence[str] = 'EXPR', active_from: float = 1.0
    ) -> None:
        self.tasks = check_tracks(tasks, 'FramesCSVReader: tasks')
        self.active_from = active_from
        #: Findings in the latest file, see :func:`read_frames_csv`.
        self.findings: list[str] = []

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the columns of a prediction, over all tasks."""
        return label_columns(self.tasks)

    def read(
        self,
        annotations: str,
        images: str,
        classes: Sequence[str] | None = None,
        split: str | Sequence[str] | None = None,
    ) -> dict[str, VideoAnnotation]:
        """Read every frame of every video.

        Args:
            annotations: The CSV file.
            images: Ignored: the file says which frames have an image.
            classes: Class names in label order, for expressions only.
            split: Split or splits of the videos to keep.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: The content is invalid; the message names file and
                line.
        """
        if self.tasks != 'EXPR':
            if tuple(classes or self.classes) != self.classes:
                raise ValueError(
                    f'FramesCSVReader: tasks {self.tasks} have the columns '
                    f'{", ".join(self.classes)}, but metainfo has the classes '
                    f'{", ".join(classes)}.'
                )
            classes = ABAW_TRACKS['EXPR']
        self.findings = []
        return read_frames_csv(
            annotations,
            classes or self.classes,
            split,
            self.tasks,
            self.active_from,
            self.findings,
        )
