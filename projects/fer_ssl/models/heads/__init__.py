from .temporal_frame_head import TemporalFrameHead

__all__ = ['TemporalFrameHead']
