from .load_clip_frames import LoadClipFrames
from .pack_clip_inputs import PackClipInputs

__all__ = ['LoadClipFrames', 'PackClipInputs']
