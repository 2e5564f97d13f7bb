"""Layout of the page, and what happens to uploads and camera pictures.

This module needs Gradio.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import gradio as gr
import numpy as np

from ..media.open_media import VIDEO_TYPES
from ..media.read_image import IMAGE_TYPES
from .analysis import (
    CameraSession,
    ImageResults,
    VideoResults,
    predict_images,
    predict_video,
)
from .face_cards import (
    render_faces,
    render_head,
    render_help,
    render_picture,
)
from .page_inferencer import PageInferencer
from .session_files import SessionFiles

TITLE = 'Facial expressions'
CSS = Path(__file__).with_name('page.css')
#: Seconds after which files are deleted, even if the page is still open.
MAX_AGE = 3600
_CHECK_EVERY = 60
# Files wait for each other, so that two videos do not compete for the
# processor. A camera does not wait for them.
_FILES = dict(
    concurrency_id='files', concurrency_limit=1, api_visibility='private'
)
_CAMERA = dict(
    concurrency_limit=4,
    api_visibility='private',
    show_progress='hidden',
    stream_every=0.1,
)
_HELP = dict(
    images='Each face gets a number, a box in the color of its label, and a '
    'bar with the probabilities of all labels. predictions.csv has one row '
    'per face.',
    video='Every frame is predicted, and a person keeps a number as long as '
    'the face can be followed. predictions.csv has one row per face and '
    'frame. The video has no sound. Reload the page to stop.',
    camera='Click on the camera, allow the browser to use it, and press '
    'Record. The pictures are predicted as they come, and none is saved.',
)
_STEPS = dict(faces='Predicting the faces', overlay='Drawing the video')
_PROGRESS = gr.Progress()  # Gradio gives each call its own


class SessionEndedError(Exception):
    """Raised to stop the prediction of a video that nobody waits for."""


class Page:
    """Page with a tab each for photographs, a video and a camera.

    Args:
        inferencer: The network.
        files: Temporary files of the page.
    """

    def __init__(
        self, inferencer: PageInferencer, files: SessionFiles
    ) -> None:
        self.inferencer = inferencer
        self.files = files

    def build(self) -> gr.Blocks:
        """Build the page."""
        with gr.Blocks(
            title=TITLE,
            analytics_enabled=False,
            delete_cache=(_CHECK_EVERY, MAX_AGE),
        ) as page:
            gr.HTML(render_head(TITLE, self.inferencer.classes))
            with gr.Tabs():
                with gr.Tab('Photographs'):
                    self._build_images()
                with gr.Tab('Video'):
                    self._build_video()
                with gr.Tab('Camera'):
                    self._build_camera()
            page.unload(self.end)
        return page

    def _build_images(self) -> None:
        with gr.Row():
            with gr.Column(scale=4, min_width=260):
                upload = gr.File(
                    label='Photographs',
                    file_count='multiple',
                    file_types=[f'.{x}' for x in IMAGE_TYPES],
                    height=200,
                )
                csv = _csv_button()
            with gr.Column(scale=8, min_width=300, elem_classes='fer-picture'):
                pictures = gr.Gallery(
                    label='Faces',
                    preview=True,
                    object_fit='contain',
                    height=480,
                    buttons=['download', 'fullscreen'],
                    interactive=False,
                )
            with gr.Column(scale=5, min_width=280):
                faces = gr.HTML(render_help(_HELP['images']))
        upload.change(
            self.show_images,
            upload,
            [pictures, csv, faces],
            show_progress_on=pictures,
            **_FILES,
        )

    def _build_video(self) -> None:
        with gr.Row():
            with gr.Column(scale=4, min_width=260):
                upload = gr.File(
                    label='Video',
                    file_types=[f'.{x}' for x in VIDEO_TYPES],
                    height=200,
                )
                csv = _csv_button()
            with gr.Column(scale=8, min_width=300, elem_classes='fer-picture'):
                overlay = gr.Video(
                    label='Faces',
                    height=360,
                    buttons=['download'],
                    interactive=False,
                )
                timeline = gr.Image(
                    label='Timeline',
                    buttons=['download', 'fullscreen'],
                    interactive=False,
                    visible=False,
                    elem_classes='fer-timeline',
                )
            with gr.Column(scale=5, min_width=280):
                faces = gr.HTML(render_help(_HELP['video']))
        upload.change(
            self.show_video,
            upload,
            [overlay, timeline, csv, faces],
            show_progress_on=overlay,
            **_FILES,
        )

    def _build_camera(self) -> None:
        session = gr.State()
        with gr.Row():
            with gr.Column(scale=6, min_width=280):
                camera = gr.Image(
                    label='Camera',
                    sources=['webcam'],
                    streaming=True,
                    webcam_options=gr.WebcamOptions(mirror=False),
                    height=360,
                )
            with gr.Column(scale=6, min_width=280):
                # An image of Gradio would be a file for each picture.
                picture = gr.HTML(render_picture())
            with gr.Column(scale=5, min_width=280):
                faces = gr.HTML(render_help(_HELP['camera']))
        camera.stream(
            self.show_camera,
            [camera, session],
            [picture, faces, session],
            **_CAMERA,
        )

    def show_images(
        self, paths: list[str] | None, request: gr.Request
    ) -> tuple:
        """Return pictures, table and faces of uploaded images."""
        results = ImageResults()
        if paths:
            folder = self._begin(request, paths)
            results = predict_images(self.inferencer, paths, folder)
        return (
            gr.Gallery(
                results.pictures,
                selected_index=0 if results.pictures else None,
            ),
            _csv_button(results.csv),
            self._faces(results, _HELP['images']),
        )

    def show_video(
        self,
        path: str | None,
        request: gr.Request,
        progress: gr.Progress = _PROGRESS,
    ) -> tuple:
        """Return overlay, timeline, table and faces of an uploaded video."""
        results = VideoResults()
        if path:
            folder = self._begin(request, [path])

            def report(what: str, done: int, total: int | None) -> None:
                if not self.files.is_open(request.session_hash):
                    raise SessionEndedError
                progress((done, total), desc=_STEPS[what], unit='frames')

            self.inferencer.on_frame = report
            with suppress(SessionEndedError):
                results = predict_video(self.inferencer, path, folder)
        return (
            results.overlay,
            gr.Image(results.timeline, visible=results.timeline is not None),
            _csv_button(results.csv),
            self._faces(results, _HELP['video']),
        )

    def show_camera(
        self, image: np.ndarray | None, session: CameraSession | None
    ) -> tuple:
        """Return the next picture with boxes, its faces and the session."""
        if image is None:
            return render_picture(), render_help(_HELP['camera']), session
        session = session or CameraSession(self.inferencer)
        picture, group = session(image)
        return render_picture(picture), render_faces([group]), session

    def end(self, request: gr.Request) -> None:
        """Delete the files of a session whose page was closed."""
        self.files.close(request.session_hash)

    def _begin(self, request: gr.Request, uploads: list[str]) -> str:
        self.files.open(request.session_hash)
        self.files.add_uploads(request.session_hash, uploads)
        return self.files.new_folder(request.session_hash)

    def _faces(self, results: ImageResults | VideoResults, text: str) -> str:
        if not results.groups and not results.problems:
            return render_help(text)
        problems = [self.files.hide(x) for x in results.problems]
        return render_faces(results.groups, problems)


def _csv_button(path: str | None = None) -> gr.DownloadButton:
    return gr.DownloadButton(
        'Download predictions.csv',
        path,
        visible=path is not None,
        variant='primary',
        size='md',
    )
