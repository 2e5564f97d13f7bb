"""The HTML parts of the page: its head, and faces as bar charts."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import jinja2
from markupsafe import Markup
from matplotlib.colors import to_hex

from ..visualization.class_colors import class_colors


@dataclass
class Bar:
    """A class, its value in [0, 1] and its color, such as ``#f2b825``."""

    name: str
    value: float
    color: str


@dataclass
class Card:
    """A face: its name, the class with the largest value, and all classes."""

    name: str
    label: str
    bars: Sequence[Bar]
    note: str = ''


@dataclass
class Group:
    """The faces of an image or a video."""

    title: str
    cards: list[Card] = field(default_factory=list)


def make_card(name: str, values: Mapping[str, float], note: str = '') -> Card:
    """Make the card of a face.

    Args:
        name: Such as ``'Face 1'``.
        values: Value in [0, 1] of every class.
        note: Text next to the label.
    """
    bars = [
        Bar(*item, color)
        for item, color in zip(values.items(), _hex_colors(list(values)))
    ]
    return Card(name, max(values, key=values.__getitem__), bars, note)


def render_faces(groups: Sequence[Group], problems: Sequence[str] = ()) -> str:
    """Render the faces of images or a video, below messages, as HTML."""
    template = _TEMPLATES.get_template('faces.html.j2')
    return template.render(groups=groups, problems=problems)


def render_head(title: str, classes: Sequence[str]) -> str:
    """Render the head of the page, with a legend of the classes, as HTML."""
    template = _TEMPLATES.get_template('head.html.j2')
    colors = list(zip(classes, _hex_colors(classes)))
    return template.render(title=title, classes=colors)


def render_help(text: str) -> str:
    """Render what is shown in place of faces as long as there are none."""
    return str(Markup('<p class="fer-note">{}</p>').format(text))


def render_picture(jpeg: bytes | None = None) -> str:
    """Render a JPEG file, or the place for one, as HTML."""
    image = ''
    if jpeg is not None:
        # Decoded at once, the next picture replaces it without flicker.
        source = f'data:image/jpeg;base64,{b64encode(jpeg).decode()}'
        image = f'<img src="{source}" decoding="sync" alt="Faces">'
    return f'<div class="fer-live">{image}</div>'


def _hex_colors(classes: Sequence[str]) -> list[str]:
    return [to_hex(color) for color in class_colors(classes)]


_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
