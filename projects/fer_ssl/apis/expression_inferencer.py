from __future__ import annotations

import os.path as osp
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.infer import BaseInferencer
from mmengine.registry import TASK_UTILS
from torch import nn

from ..evaluation.calibration import saved_calibration
from ..evaluation.face_predictions import (
    FacePredictions,
    write_image_csv,
)
from ..evaluation.post_processing.post_processor import (
    PostProcessor,
    build_post_processor,
)
from ..face_detection import FaceDetector
from ..face_detection.iou_tracker import IoUTracker
from ..media.camera import record_camera
from ..media.media_sources import MediaSource, list_sources
from ..media.read_ahead import read_ahead
from ..media.video_file import VideoFile, VideoFrame
from ..utils.progress import ProgressBar
from ..utils.saved_config import components_of_data
from .default_checkpoint import find_checkpoint
from .face_pipeline import FacePipeline, collate_faces
from .inference_result import InferenceResult
from .load_network import (
    build_network,
    check_device,
    class_names,
    face_network,
    read_checkpoint,
)
from .onnx_file import OnnxFile
from .onnx_networks import onnx_config, onnx_network, open_onnx
from .output_paths import plan_outputs
from .result_files import write_image_overlay, write_overlay, write_tables

# The window of paper A, section 3.5. The mean rather than the majority, so
# that the probability that is shown is that of the smoothed class.
_SMOOTHING = dict(type='ProbabilitySmoothing', window=30)


# What of a batch is kept until the end of a video: all but the pixels.
_KEPT = ('frames', 'times', 'faces')
# A batch of images ends when its pixels take more memory.
_BATCH_BYTES = 50_000_000


class ExpressionInferencer(BaseInferencer):
    """Inferencer for the expressions of all people in images and videos.

    It detects the faces and predicts each of them. In a video it tracks them,
    predicts every frame, smooths each track on its own and writes
    ``predictions.csv`` (see :meth:`FacePredictions.to_csv`), ``timeline.png``
    and ``overlay.mp4``. Of images it writes one ``predictions.csv`` (see
    :func:`write_image_csv`) and a copy of each with boxes and labels.

    The steps are those of MMEngine's inferencers: :meth:`preprocess` detects
    faces and yields batches; :meth:`forward` computes the scores of a batch;
    :meth:`visualize` draws; :meth:`postprocess` packs the results. Frames are
    streamed, and a video is decoded a second time for drawing, since smoothing
    looks ahead. Memory holds only the results of each face in a frame, about
    150 bytes. ``__call__`` differs from the base class, which would put all
    frames of a folder into one list of predictions; here each input has an
    entry of its own, and :meth:`stream` yields them one by one.

    Args:
        model: Config, its path or its name. ``None`` uses the config inside
            the checkpoint.
        weights: Checkpoint of a classifier, a ``TeacherStudent`` (whose
            student predicts) or a ``FrameRecognizer`` (both phases) with an
            expression task, perhaps among others; a file of
            :func:`export_onnx`, which onnxruntime runs; or a folder of
            :func:`write_hub_folder`. ``None`` uses the checkpoint of the
            package.
        detector: ``FaceDetector`` or its config. Defaults to
            :class:`YuNetDetector`.
        tracker: :class:`IoUTracker` or its config.
        post_process: Config (or list) of the post-processors of videos.
        margin: Added to every side of a face, as a fraction of its longer
            side. Defaults to ``face_crop`` of the config, else 0.2.
        crop_size: Side of the faces in pixels before the transforms of the
            config; 0 keeps the resolution of the video. Defaults to
            ``face_crop`` of the config, else 0.
        min_faces: Tracks of fewer frames count as false alarms of the
            detector and are left out; images keep all faces.
        device: Device of the network. Defaults to a GPU if there is one.
        show_progress: Show progress bars.

    Raises:
        FileNotFoundError: If config or checkpoint does not exist.
        ValueError: If they do not match or do not predict expressions, or
            there is no such device.

    Example:
        >>> from fer_ssl.apis import ExpressionInferencer
        >>> inferencer = ExpressionInferencer()
        >>> inferencer('photo.jpg')['predictions'][0]['faces'][0]['label']
        'happiness'
        >>> result = inferencer('video.mp4', out_dir='out')
        >>> result['predictions'][0]['faces'][0]['labels']
        {'neutral': 310, 'happiness': 162}
    """

    preprocess_kwargs = {'seconds'}
    visualize_kwargs = {'draw'}

    def __init__(
        self,
        model: Config | dict | str | None = None,
        weights: str | None = None,
        detector: FaceDetector | dict | None = None,
        tracker: IoUTracker | dict | None = None,
        post_process: dict | Sequence[dict] | None = _SMOOTHING,
        margin: float | None = None,
        crop_size: int | None = None,
        min_faces: int = 5,
        device: str | None = None,
        show_progress: bool = True,
    ) -> None:
        check_device(device)
        weights = find_checkpoint(weights)
        if weights.endswith('.onnx'):
            self._checkpoint = open_onnx(weights, model, device)
            cfg = onnx_config(self._checkpoint)
            building = components_of_data(weights)
        else:
            cfg, self._checkpoint, building = read_checkpoint(weights, model)
        self.weights = weights
        self.min_faces = min_faces
        self.detector = _build(detector or dict(type='YuNetDetector'))
        self.tracker = _build(tracker or dict(type='IoUTracker'))
        self.post_process: PostProcessor | None = build_post_processor(
            post_process
        )
        with building:
            crop = cfg.get('face_crop') or {}
            self.margin = crop.get('margin', 0.2) if margin is None else margin
            self.crop_size = (
                crop.get('size', 0) if crop_size is None else crop_size
            )
            super().__init__(
                cfg, weights, device, cfg.get('default_scope'), show_progress
            )

    def __call__(
        self,
        inputs: Any,
        return_datasamples: bool = False,
        batch_size: int = 32,
        out_dir: str | None = None,
        **kwargs,
    ) -> dict:
        """Predict images and videos.

        Args:
            inputs: Path of an image or a video, folder of these, pattern,
                number of a webcam, array, or a list of these; see
                :func:`list_sources`.
            return_datasamples: Return :class:`FacePredictions` in place of a
                summary, and ``None`` for an input that cannot be read.
            batch_size: Frames or images per batch.
            out_dir: Folder to write to. A single video is written into it;
                with several inputs, each video gets a subfolder. Images share
                one ``predictions.csv`` in it, and their copies with boxes are
                in ``overlay/``. ``None`` writes nothing.
            kwargs: ``seconds``, the time to record a webcam (without it,
                until Ctrl-C), and ``draw=False`` for no overlay.

        Returns:
            ``predictions``, one entry per image or video:
            :class:`FacePredictions`, or a dict. That of an image has
            ``image``, ``faces`` (:meth:`FacePredictions.describe_faces`) and
            ``problems``; that of a video ``video``, ``frames``, ``faces``
            (:meth:`FacePredictions.summary`) and ``problems``. If one of
            several inputs cannot be read, its entry has no ``faces``. And
            ``visualization``, the written paths, one dict per entry.

        Raises:
            FileNotFoundError: If there is no such file or folder.
            ValueError: If the only input cannot be read, an overlay would
                overwrite its source, or an argument is out of range.
            KeyboardInterrupt: On Ctrl-C; what is predicted so far is written.
        """
        results = list(
            self.stream(
                inputs, return_datasamples, batch_size, out_dir, **kwargs
            )
        )
        return dict(
            predictions=[x['predictions'] for x in results],
            visualization=[x['visualization'] for x in results],
        )

    def stream(
        self,
        inputs: Any,
        return_datasamples: bool = False,
        batch_size: int = 32,
        out_dir: str | None = None,
        **kwargs,
    ) -> Iterator[dict]:
        """Predict images and videos, and yield each result when it is there.

        Arguments and errors are those of :meth:`__call__`.

        Yields:
            A dict of ``predictions`` and ``visualization``, one entry each.
        """
        if batch_size < 1:
            raise ValueError(f'batch_size={batch_size}: must be positive.')
        recording, _, drawing, _ = self._dispatch_kwargs(**kwargs)
        sources = self._inputs_to_list(inputs)
        jobs = list(zip(sources, plan_outputs(sources, out_dir)))
        images: list[FacePredictions] = []
        is_complete = False
        try:
            for result in self._results(jobs, batch_size, recording, drawing):
                if result.faces is None and len(jobs) == 1:
                    raise ValueError(*result.problems)
                if result.faces and result.source.kind == 'image':
                    images.append(result.faces)
                yield self.postprocess(
                    result, result.written, return_datasamples
                )
                if result.is_stopped:
                    raise KeyboardInterrupt
            is_complete = True
        finally:
            if out_dir is not None and images:
                path = osp.join(out_dir, 'predictions.csv')
                write_image_csv(path, images, is_complete)

    def _inputs_to_list(self, inputs: Any) -> list[MediaSource]:
        """List the images, videos and webcams of all inputs."""
        sources = list_sources(inputs)
        self.detector.check_videos([x.stem for x in sources])
        return sources

    def _results(
        self,
        jobs: Sequence[tuple[MediaSource, str | None]],
        batch_size: int,
        recording: dict,
        drawing: dict,
    ) -> Iterator[InferenceResult]:
        """Predict all sources; images that follow each other share batches."""
        for kind, group in groupby(jobs, key=lambda job: job[0].kind):
            if kind == 'image':
                yield from self._image_results(
                    list(group), batch_size, **drawing
                )
                continue
            for source, folder in group:
                result = InferenceResult(source)
                try:
                    video = self._open(source, folder, **recording)
                    self._predict(video, batch_size, result)
                except ValueError as error:
                    result.problems.append(str(error))
                else:
                    self.visualize(video, result, folder, **drawing)
                yield result

    def _image_results(
        self,
        jobs: Sequence[tuple[MediaSource, str | None]],
        batch_size: int,
        draw: bool = True,
    ) -> Iterator[InferenceResult]:
        """Predict images batch by batch."""
        show = self.show_progress and len(jobs) > 1
        with ProgressBar('images', len(jobs), show=show) as progress:
            for batch in _image_batches(jobs, batch_size):
                self._predict_images(batch)
                for result, image, path in batch:
                    if draw and path is not None and result.faces is not None:
                        write_image_overlay(result.faces, image, path)
                        result.written['overlay'] = path
                    yield result
                    progress.update()

    @torch.no_grad()
    def _predict_images(self, batch: Sequence[tuple]) -> None:
        """Set ``faces`` of the result of each image."""
        found = []
        for result, image, _ in batch:
            if image is None:
                continue
            self.pipeline.begin(result.source.stem)
            try:
                faces = self.pipeline(VideoFrame(1, 0.0, image))
                result.problems += self.detector.problems(
                    result.source.stem, 1, self.pipeline.frame_size
                )
            except ValueError as error:
                result.problems.append(str(error))
            else:
                found.append((result, faces))
        inputs = [face for _, faces in found for face in faces['inputs']]
        scores = iter(self.network.run_stills(inputs))
        for result, faces in found:
            boxes = faces['faces']['box']
            result.faces = FacePredictions.of_image(
                result.source.name,
                self.classes,
                boxes,
                [next(scores) for _ in boxes],
                self.network.value_names,
            )

    def _open(
        self,
        source: MediaSource,
        folder: str | None,
        seconds: float | None = None,
    ) -> VideoFile:
        """Open a video. A webcam is recorded first, since it is read twice."""
        if source.kind == 'video':
            return VideoFile(source.place)
        if folder is None:
            raise ValueError('a webcam is recorded to a file: give out_dir.')
        path = osp.join(folder, f'{source.name}.mp4')
        record_camera(source.place, path, seconds)
        return VideoFile(path)

    def _predict(
        self, video: VideoFile, batch_size: int, result: InferenceResult
    ) -> None:
        """Predict a video, and set ``faces`` and ``problems`` of its result.

        Ctrl-C ends the video at the frame that it has reached.
        """
        self.pipeline.begin(video.name)
        self.network.reset()
        windows, batches = [], []
        try:
            with self._progress(video, 'faces') as frames:
                for batch in self.preprocess(frames, batch_size):
                    windows += self.forward(batch)
                    batches.append([batch[x] for x in _KEPT])
        except KeyboardInterrupt:
            if not batches:
                raise
            result.is_stopped = True
        with torch.no_grad():
            windows += self.network.finish()
        numbers, times, faces = map(np.concatenate, zip(*batches))
        if not result.is_stopped:
            # Before there is a result: none if the detector's data match none.
            result.problems += self.detector.problems(
                video.name, len(numbers), self.pipeline.frame_size
            )
        result.faces = FacePredictions.from_windows(
            video.name,
            self.classes,
            numbers,
            times,
            faces,
            windows,
            self.post_process,
            self.min_faces,
            self.network.value_names,
        )
        if result.is_stopped:
            result.problems.append(
                f'{video.path}: stopped after frame {numbers[-1]}; there is '
                'no overlay.'
            )
        if len(faces) and not result.faces.num_faces:
            longest = np.bincount(faces['face']).max()
            result.problems.append(
                f'{video.path}: every face was left out, since it was seen in '
                f'fewer than {self.min_faces} frames, at most {longest}. Keep '
                'such faces by --min-faces (min_faces in Python).'
            )
        result.problems += video.problems

    @contextmanager
    def _progress(
        self, video: VideoFile, what: str
    ) -> Iterator[Iterable[VideoFrame]]:
        with ProgressBar(
            f'{video.name}: {what}', video.num_frames, show=self.show_progress
        ) as progress:
            yield progress.track(read_ahead(video))

    @torch.no_grad()
    def forward(self, inputs: dict) -> list[dict]:
        """Return the windows that a batch completes."""
        return self.network.add(inputs)

    def visualize(
        self,
        inputs: VideoFile,
        preds: InferenceResult,
        out_dir: str | None = None,
        draw: bool = True,
    ) -> None:
        """Write ``predictions.csv``, the timeline and the overlay of a video.

        Args:
            inputs: The video, which is decoded again.
            preds: Its result, whose ``written`` gets the paths, with the keys
                ``csv``, ``timeline`` and ``overlay``.
            out_dir: Folder to write to; ``None`` writes nothing.
            draw: Whether to write ``overlay.mp4``.
        """
        if out_dir is None:
            return
        preds.written.update(
            write_tables(preds.faces, out_dir, not preds.is_stopped)
        )
        if not draw or preds.is_stopped:
            return
        path = osp.join(out_dir, 'overlay.mp4')
        try:
            with self._progress(inputs, 'overlay') as frames:
                write_overlay(preds.faces, frames, path)
        except KeyboardInterrupt:
            preds.is_stopped = True
            preds.problems.append(f'{inputs.path}: there is no overlay.')
        else:
            preds.written['overlay'] = path

    def postprocess(
        self,
        preds: InferenceResult,
        visualization: dict[str, str],
        return_datasample: bool = False,
    ) -> dict:
        """Build the entry of one image or video in the result of a call."""
        return dict(
            predictions=(
                preds.faces if return_datasample else preds.to_dict()
            ),
            visualization=visualization,
        )

    def _init_model(
        self, cfg: Config, weights: str, device: str = 'cpu'
    ) -> nn.Module | None:
        checkpoint = self._checkpoint
        # Frees the optimizer state, which is several networks large.
        del self._checkpoint
        if isinstance(checkpoint, OnnxFile):
            self.network = onnx_network(checkpoint)
            self.classes = checkpoint.classes
            return None
        model = build_network(cfg, checkpoint, weights)
        model.to(device).eval()
        self.network = face_network(model, cfg)
        self.classes = class_names(cfg, checkpoint, model)
        if len(self.classes) != self.network.num_classes:
            raise ValueError(
                f'{weights}: the network predicts {self.network.num_classes} '
                f'classes, but the config names {len(self.classes)}: '
                f'{", ".join(self.classes)}.'
            )
        self.network.calibration = saved_calibration(
            checkpoint, weights, self.classes
        )
        return model

    def _init_pipeline(self, cfg: Config) -> FacePipeline:
        return FacePipeline(
            cfg, self.detector, self.tracker, self.margin, self.crop_size
        )

    def _init_collate(self, cfg: Config):
        return collate_faces

    def _init_visualizer(self, cfg: Config) -> None:
        """Build no visualizer: that of the config would open training logs."""


def _build(part: object) -> object:
    return TASK_UTILS.build(part) if isinstance(part, dict) else part


def _image_batches(
    jobs: Sequence[tuple[MediaSource, str | None]], batch_size: int
) -> Iterator[list[tuple[InferenceResult, np.ndarray | None, str | None]]]:
    """Read images, and group each with its result and the path to write."""
    results = ((InferenceResult(source), path) for source, path in jobs)
    read = read_ahead(((x, _read(x), path) for x, path in results), count=2)
    batch, size = [], 0
    for item in read:
        batch.append(item)
        size += 0 if item[1] is None else item[1].size
        if len(batch) == batch_size or size > _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _read(result: InferenceResult) -> np.ndarray | None:
    """Read an image, or note in its result why it cannot be read."""
    problem = result.source.problem
    if not problem:
        try:
            return result.source.read()
        except ValueError as error:
            problem = str(error)
    result.problems.append(problem)
    return None
