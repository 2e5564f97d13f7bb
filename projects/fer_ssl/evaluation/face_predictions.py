"""Predictions for all faces of one video or one image."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..labels import IGNORE_LABEL
from ..utils.files import whole_file
from .post_processing.post_processor import PostProcessor
from .prediction_rows import END
from .video_predictions import VideoPredictions

#: One face in one frame: number of the frame, track ID of the face, box.
FACE = np.dtype(
    [('frame', np.int64), ('face', np.int64), ('box', np.float32, (4,))]
)
BEFORE_SCORES = ('frame', 'time', 'face', 'left', 'top', 'right', 'bottom')
AFTER_SCORES = ('label', 'smoothed', 'smoothed_score')


@dataclass
class FacePredictions:
    """Predictions for all faces in all frames of one video.

    An image is a video of one frame, whose faces are numbered from 1.

    Attributes:
        video: Name of the video.
        classes: Names of the C classes.
        frames: Numbers of the frames that could be read, from 1, ascending;
            int64 (T,).
        times: Times of these frames in seconds after the first, float64 (T,).
        faces: One entry per face and frame, sorted by frame, then by track
            ID; :data:`FACE` (n,).
        scores: Probabilities, float32 (n, C).
        smoothed_scores: The same after post-processing, float32 (n, C).
        values: What a network of several tasks predicts besides, such as
            valence and probabilities of action units; float32 (n, K).
        value_names: Names of the K values.
    """

    video: str
    classes: tuple[str, ...]
    frames: np.ndarray
    times: np.ndarray
    faces: np.ndarray
    scores: np.ndarray
    smoothed_scores: np.ndarray
    values: np.ndarray | None = None
    value_names: tuple[str, ...] = ()

    @classmethod
    def of_image(
        cls,
        name: str,
        classes: Sequence[str],
        boxes: Sequence[Sequence[float]],
        scores: np.ndarray,
        value_names: Sequence[str] = (),
    ) -> FacePredictions:
        """Build the predictions for one image.

        Args:
            name: Name of the image.
            classes: Names of the C classes.
            boxes: Boxes of the faces in pixels, (n, 4).
            scores: Their probabilities, followed by their values, (n, C + K).
            value_names: Names of the K values.
        """
        faces = np.zeros(len(boxes), FACE)
        faces['frame'] = 1
        faces['face'] = np.arange(1, len(boxes) + 1)
        faces['box'] = np.reshape(boxes, (-1, 4))
        count = len(classes)
        scores = np.reshape(scores, (-1, count + len(value_names)))
        scores = scores.astype(np.float32)
        return cls(
            name,
            tuple(classes),
            np.ones(1, np.int64),
            np.zeros(1),
            faces,
            scores[:, :count],
            scores[:, :count],
            scores[:, count:],
            tuple(value_names),
        )

    @classmethod
    def from_windows(
        cls,
        video: str,
        classes: Sequence[str],
        frames: np.ndarray,
        times: np.ndarray,
        faces: np.ndarray,
        windows: Iterable[Mapping],
        post_processor: PostProcessor | None = None,
        min_length: int = 1,
        value_names: Sequence[str] = (),
    ) -> FacePredictions:
        """Assemble the predictions of windows, face by face.

        Each track is assembled by :class:`VideoPredictions` as if it were a
        video: it lasts from its first frame to its last, overlapping windows
        are averaged, and it is post-processed on its own.

        Args:
            video: Name of the video.
            classes: Names of the C classes.
            frames: Numbers of the frames, int64 (T,).
            times: Times of the frames in seconds, float64 (T,).
            faces: One entry per face and frame, :data:`FACE` (n,).
            windows: Windows as in :meth:`VideoPredictions.from_windows`, with
                the track ID as ``video`` and the number of the first frame as
                ``start``. The ``scores`` are the probabilities, followed by
                the values, (w, C + K).
            post_processor: Smooths the scores of a track.
            min_length: Tracks of fewer frames count as false alarms and are
                left out. The others get new IDs from 1, by first appearance.
            value_names: Names of the K values, which are not post-processed.
        """
        track_ids, first, new, counts = np.unique(
            faces['face'],
            return_index=True,
            return_inverse=True,
            return_counts=True,
        )
        kept = np.flatnonzero(counts >= min_length)
        kept = kept[np.argsort(first[kept], kind='stable')]
        renumbered = np.zeros(len(track_ids), np.int64)
        renumbered[kept] = np.arange(1, len(kept) + 1)
        faces = faces.copy()
        faces['face'] = renumbered[new]
        faces = faces[faces['face'] > 0]
        faces = faces[np.lexsort((faces['face'], faces['frame']))]

        begin = np.zeros(len(kept) + 1, np.int64)
        end = np.zeros(len(kept) + 1, np.int64)
        begin[faces['face'][::-1]] = faces['frame'][::-1]
        end[faces['face']] = faces['frame']
        names = [f'{video}, track {i}' for i in range(len(kept) + 1)]
        truth = {  # there is none; its length is that of the track
            names[i]: np.full(end[i] - begin[i] + 1, IGNORE_LABEL)
            for i in range(1, len(names))
        }
        to_new = dict(zip(track_ids.tolist(), renumbered.tolist()))

        def kept_windows() -> Iterator[dict]:
            for window in windows:
                face = to_new[window['video']]
                if face:
                    start = window['start'] - begin[face]
                    yield dict(window, video=names[face], start=start)

        columns, count = (*classes, *value_names), len(classes)
        raw = VideoPredictions.from_windows(kept_windows(), truth, columns)
        smooth = VideoPredictions(
            (replace(x, scores=x.scores[:, :count]) for x in raw), classes
        ).apply(post_processor)
        scores = np.zeros((len(faces), len(columns)), np.float32)
        smoothed_scores = np.zeros((len(faces), count), np.float32)
        for face in range(1, len(names)):
            rows = np.flatnonzero(faces['face'] == face)
            at = faces['frame'][rows] - begin[face]
            scores[rows] = raw[names[face]].scores[at]
            smoothed_scores[rows] = smooth[names[face]].scores[at]
        return cls(
            video,
            tuple(classes),
            frames,
            times,
            faces,
            scores[:, :count],
            smoothed_scores,
            scores[:, count:],
            tuple(value_names),
        )

    @property
    def predicted(self) -> np.ndarray:
        """Class of the largest score, ties to the smallest index; (n,)."""
        return self.scores.argmax(axis=1)

    @property
    def smoothed(self) -> np.ndarray:
        """The same after post-processing, (n,)."""
        return self.smoothed_scores.argmax(axis=1)

    @property
    def num_faces(self) -> int:
        """Number of faces, whose track IDs count from 1."""
        return int(self.faces['face'].max(initial=0))

    def rows_of(self, frame: int) -> range:
        """Return the entries of ``faces`` that belong to a frame."""
        bounds = np.searchsorted(self.faces['frame'], (frame, frame + 1))
        return range(*bounds.tolist())

    def summary(self) -> list[dict]:
        """Describe each face: begin, end, frames and smoothed classes.

        If there are values, also the mean of each over the face's frames.
        """
        entries = []
        for face in range(1, self.num_faces + 1):
            rows = self.faces['face'] == face
            seen = np.searchsorted(self.frames, self.faces['frame'][rows])
            counts = np.bincount(
                self.smoothed[rows], minlength=len(self.classes)
            )
            entries.append(
                dict(
                    face=face,
                    begin=float(self.times[seen[0]]),
                    end=float(self.times[seen[-1]]),
                    frames=int(rows.sum()),
                    labels={
                        name: count
                        for name, count in zip(self.classes, counts.tolist())
                        if count
                    },
                    **self._named_values(rows),
                )
            )
        return entries

    def _named_values(self, rows: np.ndarray) -> dict:
        """Return ``values``, the mean of each over some rows, if any."""
        if not self.value_names:
            return {}
        means = self.values[rows].mean(axis=0, dtype=np.float64).tolist()
        return dict(values=dict(zip(self.value_names, means)))

    def describe_faces(self) -> list[dict]:
        """Describe each face of an image: box, label and probabilities.

        If there are values, also these.
        """
        return [
            dict(
                face=int(face['face']),
                box=[round(float(x), 1) for x in face['box']],
                label=self.classes[scores.argmax()],
                score=float(scores.max()),
                scores=dict(zip(self.classes, scores.tolist())),
                **self._named_values(np.array([row])),
            )
            for row, (face, scores) in enumerate(zip(self.faces, self.scores))
        ]

    def to_csv(self, path: str, is_complete: bool = True) -> None:
        """Write one row per face and frame; missing folders are created.

        Columns are ``frame, time, face, left, top, right, bottom``, one
        probability per class, ``label``, ``smoothed`` and
        ``smoothed_score``, the smoothed probability of that class, and then
        one value per name in ``value_names``. A frame without a face has one
        row, which is empty after its time.

        Args:
            path: The file.
            is_complete: Whether to mark the end of the file by an empty line;
                not if the prediction of the video was stopped.
        """
        header = (
            *BEFORE_SCORES,
            *self.classes,
            *AFTER_SCORES,
            *self.value_names,
        )
        empty = [''] * (len(header) - 2)
        with whole_file(path) as file:
            writer = csv.writer(file, lineterminator='\n')
            writer.writerow(header)
            for frame, time in zip(self.frames.tolist(), self.times.tolist()):
                before = (frame, f'{time:.3f}')
                rows = self.rows_of(frame)
                if not rows:
                    writer.writerow((*before, *empty))
                for row in rows:
                    smoothed = self.smoothed_scores[row]
                    writer.writerow(
                        (
                            *before,
                            *self.cells(row),
                            self.classes[smoothed.argmax()],
                            f'{smoothed.max():.4f}',
                            *self.value_cells(row),
                        )
                    )
            if is_complete:
                file.write(END)

    def cells(self, row: int) -> Iterator:
        """Yield the cells of a face from its ID to its label, for a CSV."""
        yield int(self.faces['face'][row])
        yield from (f'{x:.1f}' for x in self.faces['box'][row])
        yield from (f'{x:.4f}' for x in self.scores[row])
        yield self.classes[self.scores[row].argmax()]

    def value_cells(self, row: int) -> Iterator[str]:
        """Yield the cells of the values of a face, if there are any."""
        if self.value_names:
            yield from (f'{x:.4f}' for x in self.values[row])


def write_image_csv(
    path: str,
    images: Sequence[FacePredictions],
    is_complete: bool = True,
) -> None:
    """Write one row per face of each image; missing folders are created.

    Columns are ``image, face, left, top, right, bottom``, one probability per
    class, ``label``, and one value per name in ``value_names``. An image
    without a face has one row, which is empty after its name.

    Args:
        path: The file.
        images: Predictions for images by one network; at least one.
        is_complete: See :meth:`FacePredictions.to_csv`.
    """
    first = images[0]
    columns = (*BEFORE_SCORES[2:], *first.classes, 'label', *first.value_names)
    with whole_file(path) as file:
        writer = csv.writer(file, lineterminator='\n')
        writer.writerow(('image', *columns))
        for image in images:
            for row in range(len(image.faces)):
                cells = (*image.cells(row), *image.value_cells(row))
                writer.writerow((image.video, *cells))
            if not len(image.faces):
                writer.writerow((image.video, *[''] * len(columns)))
        if is_complete:
            file.write(END)
