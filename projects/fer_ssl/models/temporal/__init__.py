from .stream_fusion_encoder import StreamFusionEncoder
from .transformer_encoder import TransformerEncoder

__all__ = ['StreamFusionEncoder', 'TransformerEncoder']
