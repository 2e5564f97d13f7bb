from __future__ import annotations

from dataclasses import dataclass, field

from ..evaluation.face_predictions import FacePredictions
from ..media.media_sources import MediaSource


@dataclass
class InferenceResult:
    """What is known about an image or a video after its prediction.

    Attributes:
        source: The image, video or webcam.
        faces: Predictions; ``None`` if it cannot be read.
        problems: Messages about what was wrong with it.
        written: Paths of the files that were written.
        is_stopped: Whether Ctrl-C has stopped its prediction.
    """

    source: MediaSource
    faces: FacePredictions | None = None
    problems: list[str] = field(default_factory=list)
    written: dict[str, str] = field(default_factory=dict)
    is_stopped: bool = False

    def to_dict(self) -> dict:
        """Return names, numbers and lists only, such as for JSON."""
        if self.source.kind == 'image':
            entry: dict = dict(image=self.source.name)
            if self.faces is not None:
                entry['faces'] = self.faces.describe_faces()
        else:
            entry = dict(video=self.source.stem)
            if self.faces is not None:
                entry['frames'] = len(self.faces.frames)
                entry['faces'] = self.faces.summary()
        return dict(entry, problems=list(self.problems))
