from .feedback_loss_hook import FeedbackLossHook

__all__ = ['FeedbackLossHook']
