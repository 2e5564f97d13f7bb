from .concordance_loss import ConcordanceLoss

__all__ = ['ConcordanceLoss']
