"""Strict reader of an HTML page."""

import base64
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

VOID = {'meta', 'img', 'br', 'hr', 'link', 'input'}
SOURCES = ('src', 'href', 'srcset', 'data', 'poster', 'action')


class Page(HTMLParser):
    """An HTML page, whose tags must be closed in order.

    Attributes:
        scores: Text of each ``<data>`` in a cell with ``data-key``.
        values: Its ``value``, as a number.
        text: All text, without style.
        sources: Everything that the page refers to.
        figures: The SVG figures in it, as text.
    """

    def __init__(self, path):
        super().__init__()
        self.open, self.sources, self.texts = [], [], []
        self.scores, self.values, self.tags = {}, {}, []
        self.key = None
        self.html = path.read_text(encoding='utf-8')
        self.feed(self.html)
        self.close()
        assert self.open == [], f'not closed: {self.open}'
        self.text = re.sub(r'\s+', ' ', ' '.join(self.texts))
        prefix = 'data:image/svg+xml;base64,'
        self.figures = [
            base64.b64decode(x.removeprefix(prefix)).decode()
            for x in self.sources
            if x.startswith(prefix)
        ]
        for figure in self.figures:
            for element in ElementTree.fromstring(figure).iter():
                self.sources += [
                    value
                    for name, value in element.attrib.items()
                    if name.endswith('href')
                ]
        style = ' '.join(re.findall(r'<style>(.*?)</style>', self.html, re.S))
        self.sources += re.findall(r'url\((.*?)\)|@import', style)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append(tag)
        self.sources += [attrs[x] for x in SOURCES if x in attrs]
        if tag not in VOID:
            self.open.append(tag)
        if tag == 'td':
            self.key = attrs.get('data-key')
        elif tag == 'data' and self.key:
            self.values[self.key] = float(attrs['value'])

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f'{tag} closed at {self.getpos()}'

    def handle_data(self, data):
        if self.open and self.open[-1] == 'style':
            return
        self.texts.append(data)
        if self.key and self.open and self.open[-1] == 'data':
            self.scores[self.key] = data
