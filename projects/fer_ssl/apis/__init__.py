"""Interfaces for users. Imports are deferred until they are needed."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .expression_inferencer import ExpressionInferencer

__all__ = ['ExpressionInferencer']


def __getattr__(name: str) -> Any:
    # Importing torch here would delay every `mim` command.
    if name == 'ExpressionInferencer':
        from .expression_inferencer import ExpressionInferencer

        return ExpressionInferencer
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
