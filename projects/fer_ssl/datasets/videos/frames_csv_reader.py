from __future__ import annotations

from collections.abc import Sequence

from mmengine.registry import TASK_UTILS

from ...labels import ABAW_TRACKS
from .abaw_annotation import check_tracks, label_columns
from .frames_csv import VideoAnnotation, read_frames_csv


@TASK_UTILS.register_module()
class FramesCSVReader:
    """Reads the tasks of a frames CSV, for the video data sets.

    Args:
        tasks: ``'EXPR'``, ``'VA'`` or ``'AU'``. Or several of them, a tuple:
            the data sets then give labels of each; see
            :class:`BaseVideoDataset`. The columns are those of
            :func:`read_frames_csv`.
        active_from: Least intensity of an active action unit. 1 suits
            columns of 0 and 1, and takes every trace of FACS (A to E are 1
            to 5) as active.

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
        """Columns of a prediction, those of all tasks in a row."""
        return label_columns(self.tasks)

    def read(
        self,
        annotations: str,
        images: str,
        classes: Sequence[str] | None = None,
        split: str | Sequence[str] | None = None,
    ) -> dict[str, VideoAnnotation]:
        """Every frame of every video.

        Args:
            annotations: The CSV file.
            images: Not looked at: the file says which frames have an image.
            classes: Class names in label order, for expressions alone.
            split: Keep the videos of this split (or of these splits).

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: Content is wrong; the message names file and line.
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
