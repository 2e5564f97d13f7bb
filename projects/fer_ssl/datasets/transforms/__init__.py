from .crop_face import CropFace
from .load_clip_frames import LoadClipFrames
from .pack_clip_inputs import PackClipInputs

__all__ = ['CropFace', 'LoadClipFrames', 'PackClipInputs']
