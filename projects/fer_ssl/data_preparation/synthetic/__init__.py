from .generator import SyntheticSettings, make_synthetic

__all__ = ['SyntheticSettings', 'make_synthetic']
