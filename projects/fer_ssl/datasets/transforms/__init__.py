from .crop_face import CropFace
from .fast_auto_contrast import FastAutoContrast
from .fast_color_jitter import FastColorJitter
from .fast_equalize import FastEqualize
from .load_clip_frames import LoadClipFrames
from .pack_clip_inputs import PackClipInputs

__all__ = [
    'CropFace',
    'FastAutoContrast',
    'FastColorJitter',
    'FastEqualize',
    'LoadClipFrames',
    'PackClipInputs',
]
