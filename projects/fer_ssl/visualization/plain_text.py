"""Names of videos, classes and methods in plots, as they are."""

from __future__ import annotations


def plain_text(name: object) -> str:
    r"""Return a text that matplotlib shows as ``name``.

    matplotlib would set what is between two ``$`` as a formula, or fail at it,
    unless they follow a ``\``, which it does not show. A legend leaves out
    labels that begin with ``_``, hence the space of no width.
    """
    text = str(name).replace('$', r'\$')
    return f'\u200b{text}' if text.startswith('_') else text
