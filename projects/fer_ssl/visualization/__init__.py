from .class_colors import class_colors
from .confusion_matrix import plot_confusion_matrix
from .estimator_comparison import plot_estimators
from .face_overlay import FaceOverlay
from .face_timeline import plot_face_timeline
from .method_comparison import plot_methods
from .pseudo_label_quality import plot_pseudo_label_quality
from .reliability import plot_reliability
from .timeline import most_changed_video, plot_timeline

__all__ = [
    'FaceOverlay',
    'class_colors',
    'most_changed_video',
    'plot_confusion_matrix',
    'plot_estimators',
    'plot_methods',
    'plot_pseudo_label_quality',
    'plot_face_timeline',
    'plot_reliability',
    'plot_timeline',
]
