from .recurrent_encoder import RecurrentEncoder
from .tcn import TCN
from .tcn_transformer_encoder import TCNTransformerEncoder
from .transformer_encoder import TransformerEncoder

__all__ = [
    'RecurrentEncoder',
    'TCN',
    'TCNTransformerEncoder',
    'TransformerEncoder',
]
