from __future__ import annotations

import os.path as osp
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from mmengine.config import Config
from mmengine.infer import BaseInferencer
from mmengine.registry import TASK_UTILS
from torch import nn

from ..evaluation.face_predictions import FACE, FacePredictions
from ..evaluation.post_processing.post_processor import (
    PostProcessor,
    build_post_processor,
)
from ..face_detection import FaceDetector
from ..face_detection.iou_tracker import IoUTracker
from ..media.video_file import (
    VideoFile,
    VideoFrame,
    list_videos,
    video_name,
)
from ..media.video_writer import (
    VideoWriter,
    check_not_overwritten,
    record_camera,
)
from ..models.frame_recognizer import FrameRecognizer
from ..models.teacher_student import TeacherStudent
from ..utils.files import make_folder, save_figure, separate_folders
from ..utils.progress import ProgressBar
from ..utils.saved_config import components_of_data
from .default_checkpoint import find_checkpoint
from .face_networks import FaceNetwork, FrameByFrame, WindowByWindow
from .face_pipeline import FacePipeline, collate_faces
from .load_network import build_network, class_names, read_checkpoint
from .onnx_file import OnnxFile
from .onnx_networks import onnx_config, onnx_network, open_onnx

# Paper A, section 3.5.
_SMOOTHING = dict(type='MajoritySmoothing', window=30)
_DETECTOR = dict(type='NearbySearch', detector=dict(type='HaarDetector'))


class ExpressionInferencer(BaseInferencer):
    """Inferencer for the expressions of all people in a video.

    It detects and tracks the faces, predicts every frame, smooths each track
    on its own and writes, into one folder per video, ``predictions.csv`` (see
    :meth:`FacePredictions.to_csv`), ``timeline.png`` and ``overlay.mp4``.

    The steps are those of MMEngine's inferencers: :meth:`preprocess` decodes,
    detects faces and yields batches; :meth:`forward` computes the scores of a
    batch; :meth:`visualize` draws; :meth:`postprocess` packs the results.
    Frames are streamed, and the video is decoded a second time for drawing,
    since smoothing looks ahead. Memory holds only the results of each face in
    a frame, about 100 bytes. ``__call__`` differs from the base class, which
    would put all videos of a folder into one list of predictions; here they
    are processed one after another.

    Args:
        model: Config, its path or its name. ``None`` uses the config inside
            the checkpoint.
        weights: Checkpoint of a classifier, a ``TeacherStudent`` (whose
            student predicts) or a ``FrameRecognizer`` (both phases) with an
            expression task; a file of :func:`export_onnx`, which onnxruntime
            runs; or a folder of :func:`write_hub_folder`. ``None`` uses the
            checkpoint of the package.
        detector: ``FaceDetector`` or its config. Defaults to
            :class:`NearbySearch` with the cascade of the package.
        tracker: :class:`IoUTracker` or its config.
        post_process: Config (or list) of the post-processors.
        margin: Added to every side of a face, as a fraction of its longer
            side. Defaults to ``face_crop`` of the config, else 0.2.
        crop_size: Side of the faces in pixels before the transforms of the
            config; 0 keeps the resolution of the video. Defaults to
            ``face_crop`` of the config, else 0.
        min_faces: Tracks of fewer frames count as false alarms of the
            detector and are left out.
        device: Device of the network. Defaults to a GPU if there is one.
        show_progress: Show progress bars.

    Raises:
        FileNotFoundError: If config or checkpoint does not exist.
        ValueError: If they do not match, or do not predict expressions.

    Example:
        >>> from fer_ssl.apis import ExpressionInferencer
        >>> inferencer = ExpressionInferencer(weights='WEIGHTS.pth')
        >>> result = inferencer('video.mp4', out_dir='out')
        >>> result['predictions'][0]['faces'][0]['labels']
        {'neutral': 310, 'happiness': 162}
    """

    preprocess_kwargs = {'seconds'}
    visualize_kwargs = {'draw_video'}

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
        weights = find_checkpoint(weights)
        if weights.endswith('.onnx'):
            self._checkpoint = open_onnx(weights, model, device)
            cfg = onnx_config(self._checkpoint)
            building = components_of_data(weights)
        else:
            cfg, self._checkpoint, building = read_checkpoint(weights, model)
        self.weights = weights
        self.min_faces = min_faces
        self.detector = _build(detector or _DETECTOR)
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
        inputs: str | int | Sequence[str | int],
        return_datasamples: bool = False,
        batch_size: int = 32,
        out_dir: str | None = None,
        **kwargs,
    ) -> dict:
        """Predict videos one after another.

        Args:
            inputs: Video file, folder of videos, number of a webcam, or a
                list of these.
            return_datasamples: Return :class:`FacePredictions` in place of a
                summary.
            batch_size: Frames per batch.
            out_dir: Folder to write to. If there are several videos, each
                gets a subfolder. ``None`` writes nothing.
            kwargs: ``seconds``, the time to record a webcam (without it,
                until Ctrl-C), and ``draw_video=False`` for no overlay.

        Returns:
            ``predictions``, one entry per video: :class:`FacePredictions`, or
            a dict with ``video``, ``frames``, ``faces``
            (:meth:`FacePredictions.summary`) and ``problems``; and
            ``visualization``, the written paths, one dict per video. If one
            of several videos cannot be read, its entry has ``video`` and
            ``problems`` only.

        Raises:
            FileNotFoundError: If there is no such video.
            ValueError: If the only video cannot be read, or the overlay would
                overwrite its video.
        """
        preprocess, _, visualize, _ = self._dispatch_kwargs(**kwargs)
        sources = self._inputs_to_list(inputs)
        names = [video_name(source) for source in sources]
        self.detector.check_videos(names)
        folders = separate_folders(names, out_dir)
        for source, folder in zip(sources, folders):
            if folder:  # fail now, not after an hour of prediction
                make_folder(folder)
                check_not_overwritten(source, osp.join(folder, 'overlay.mp4'))
        predictions, visualization = [], []
        for source, folder in zip(sources, folders):
            try:
                video = self._open(source, folder, **preprocess)
                faces, unused = self._predict(video, batch_size)
            except ValueError as error:
                if len(sources) == 1:
                    raise
                print(f'{source}: left out.')
                predictions.append(
                    dict(video=str(source), problems=[str(error)])
                )
                visualization.append({})
                continue
            written = self.visualize(video, faces, folder, **visualize)
            result = self.postprocess(
                faces,
                written,
                return_datasamples,
                [*unused, *video.problems],
            )
            predictions.append(result['predictions'])
            visualization.append(result['visualization'])
        return dict(predictions=predictions, visualization=visualization)

    def _inputs_to_list(
        self, inputs: str | int | Sequence[str | int]
    ) -> list[str | int]:
        """List the files and webcams of all inputs."""
        if not isinstance(inputs, (list, tuple)):
            inputs = [inputs]
        return [video for source in inputs for video in list_videos(source)]

    def _open(
        self,
        source: str | int,
        folder: str | None,
        seconds: float | None = None,
    ) -> VideoFile:
        """Open a video. A webcam is recorded first, since it is read twice."""
        if not isinstance(source, int):
            return VideoFile(source)
        if folder is None:
            raise ValueError('a webcam is recorded to a file: give out_dir.')
        path = osp.join(folder, f'webcam_{source}.mp4')
        record_camera(source, path, seconds)
        return VideoFile(path)

    def _predict(
        self, video: VideoFile, batch_size: int
    ) -> tuple[FacePredictions, list[str]]:
        """Predict a video, and tell what was not used for it."""
        self.pipeline.begin(video.name)
        self.network.reset()
        windows, frames, times, faces = [], [], [], [np.zeros(0, FACE)]
        with self._progress(video, 'faces') as video_frames:
            for batch in self.preprocess(video_frames, batch_size):
                windows += self.forward(batch)
                frames.append(batch['frames'])
                times.append(batch['times'])
                faces.append(batch['faces'])
        with torch.no_grad():
            windows += self.network.finish()
        frames, faces = np.concatenate(frames), np.concatenate(faces)
        unused = self.detector.problems(
            video.name, len(frames), self.pipeline.frame_size
        )
        predictions = FacePredictions.from_windows(
            video.name,
            self.classes,
            frames,
            np.concatenate(times),
            faces,
            windows,
            self.post_process,
            self.min_faces,
        )
        if len(faces) and not predictions.num_faces:
            longest = np.bincount(faces['face']).max()
            unused.append(
                f'{video.path}: every face was left out, since it was seen in '
                f'fewer than {self.min_faces} frames, at most {longest}. Keep '
                'such faces by --min-faces (min_faces in Python).'
            )
        return predictions, unused

    @contextmanager
    def _progress(
        self, video: VideoFile, what: str
    ) -> Iterator[Iterable[VideoFrame]]:
        with ProgressBar(
            f'{video.name}: {what}', video.num_frames, show=self.show_progress
        ) as progress:
            yield progress.track(video)

    @torch.no_grad()
    def forward(self, inputs: dict) -> list[dict]:
        """Return the windows that a batch completes."""
        return self.network.add(inputs)

    def visualize(
        self,
        inputs: VideoFile,
        preds: FacePredictions,
        out_dir: str | None = None,
        draw_video: bool = True,
    ) -> dict[str, str]:
        """Write ``predictions.csv``, the timeline and the overlay.

        Args:
            inputs: The video, which is decoded again.
            preds: Its predictions.
            out_dir: Folder to write to; ``None`` writes nothing.
            draw_video: Whether to write ``overlay.mp4``.

        Returns:
            Written paths, with the keys ``csv``, ``timeline`` and ``overlay``.
        """
        # Imported here, since matplotlib takes a second.
        from ..visualization.face_overlay import FaceOverlay
        from ..visualization.face_timeline import plot_face_timeline

        if out_dir is None:
            return {}
        written = dict(
            csv=osp.join(out_dir, 'predictions.csv'),
            timeline=osp.join(out_dir, 'timeline.png'),
        )
        preds.to_csv(written['csv'])
        save_figure(plot_face_timeline(preds), written['timeline'])
        if draw_video:
            written['overlay'] = osp.join(out_dir, 'overlay.mp4')
            overlay = FaceOverlay(preds)
            rate = (len(preds.times) - 1) / max(preds.times[-1], 1e-3)
            with VideoWriter(written['overlay'], rate or 25.0) as writer:
                with self._progress(inputs, 'overlay') as video_frames:
                    for frame in video_frames:
                        overlay.draw(frame)
                        writer.write(frame.image, frame.time)
        return written

    def postprocess(
        self,
        preds: FacePredictions,
        visualization: dict[str, str],
        return_datasample: bool = False,
        problems: Sequence[str] = (),
    ) -> dict:
        """Build the entry of one video in the result of a call."""
        if not return_datasample:
            preds = dict(
                video=preds.video,
                frames=len(preds.frames),
                faces=preds.summary(),
                problems=list(problems),
            )
        return dict(predictions=preds, visualization=visualization)

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
        self.network = _network_of(model, cfg)
        self.classes = class_names(cfg, checkpoint)
        if len(self.classes) != self.network.num_classes:
            raise ValueError(
                f'{weights}: the network predicts {self.network.num_classes} '
                f'classes, but the config names {len(self.classes)}: '
                f'{", ".join(self.classes)}.'
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


def _network_of(model: nn.Module, cfg: Config) -> FaceNetwork:
    if isinstance(model, TeacherStudent):
        return FrameByFrame(model, model.student)
    if not isinstance(model, FrameRecognizer):
        if not hasattr(getattr(model, 'head', None), 'num_classes'):
            raise ValueError(
                f'{type(model).__name__} is neither an image classifier, nor '
                'a TeacherStudent or a FrameRecognizer.'
            )
        return FrameByFrame(model)
    encoder = model.cls_head.temporal_encoder
    if getattr(encoder, 'num_streams', 0):
        raise ValueError(
            'this network reads several streams, such as sound, but only '
            'faces are available here.'
        )
    dataset = cfg.test_dataloader.dataset
    window = dataset.get('window', 64)
    return WindowByWindow(model, window, dataset.get('stride') or window)
