from .recurrent_encoder import RecurrentEncoder
from .stream_fusion_encoder import StreamFusionEncoder
from .tcn import TCN
from .tcn_transformer_encoder import TCNTransformerEncoder
from .transformer_encoder import TransformerEncoder

__all__ = [
    'RecurrentEncoder',
    'StreamFusionEncoder',
    'TCN',
    'TCNTransformerEncoder',
    'TransformerEncoder',
]
