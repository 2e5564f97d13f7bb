from .crop_face import CropFace
from .fast_color_jitter import FastColorJitter
from .fast_multi_view import FastMultiView
from .fast_pack_inputs import FastPackInputs
from .fast_rand_augment import FastRandAugment
from .fast_random_crop import FastRandomCrop
from .fast_random_erasing import FastRandomErasing
from .fast_random_flip import FastRandomFlip
from .label_distribution import LabelDistribution
from .load_clip_frames import LoadClipFrames
from .pack_clip_inputs import PackClipInputs

__all__ = [
    'CropFace',
    'FastColorJitter',
    'FastMultiView',
    'FastPackInputs',
    'FastRandAugment',
    'FastRandomCrop',
    'FastRandomErasing',
    'FastRandomFlip',
    'LabelDistribution',
    'LoadClipFrames',
    'PackClipInputs',
]
