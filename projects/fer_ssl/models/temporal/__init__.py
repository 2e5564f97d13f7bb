from .transformer_encoder import TransformerEncoder

__all__ = ['TransformerEncoder']
