from .base_feedback import BaseFeedback
from .dot_feedback import DotFeedback
from .expected_feedback import ExpectedFeedback
from .finite_difference_feedback import FiniteDifferenceFeedback
from .jvp_feedback import JvpFeedback
from .meta_batch import MetaBatch, TeacherLogits
from .per_sample_feedback import PerSampleFeedback
from .public_recipe_feedback import PublicRecipeFeedback

__all__ = [
    'BaseFeedback',
    'DotFeedback',
    'ExpectedFeedback',
    'FiniteDifferenceFeedback',
    'JvpFeedback',
    'MetaBatch',
    'PerSampleFeedback',
    'PublicRecipeFeedback',
    'TeacherLogits',
]
