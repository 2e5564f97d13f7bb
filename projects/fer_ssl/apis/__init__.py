"""What scripts call. Nothing is imported before it is used."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .expression_inferencer import ExpressionInferencer

__all__ = ['ExpressionInferencer']


def __getattr__(name: str) -> Any:
    # `mim train` reads the options of a script without waiting for torch.
    if name == 'ExpressionInferencer':
        from .expression_inferencer import ExpressionInferencer

        return ExpressionInferencer
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
