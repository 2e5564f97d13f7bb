"""Links of the Markdown files work on a Git host.

``python -m sphinx -W`` checks those of the site while it builds the site.
"""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob('*.md'), *ROOT.glob('docs/**/*.md')]
NAMES = [path.relative_to(ROOT).as_posix() for path in PAGES]


def without_code(text):
    text = re.sub(r'^(```+).*?^\1$', '', text, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r'`[^`\n]*`', '', text)


def links(text):
    found = re.findall(r'\]\(\s*([^)\s]+)\s*\)', without_code(text))
    return [link for link in found if '://' not in link]


def anchors(path):
    """Anchors that Git hosts make of the headings of a page."""
    text = re.sub(
        r'^(```+).*?^\1$',
        '',
        path.read_text(),
        flags=re.DOTALL | re.MULTILINE,
    )
    found = []
    for heading in re.findall(r'^#+ (.+)$', text, re.MULTILINE):
        slug = re.sub(r'[^\w\- ]', '', heading.lower()).replace(' ', '-')
        count = sum(x == slug or x.startswith(f'{slug}-') for x in found)
        found.append(f'{slug}-{count}' if slug in found else slug)
    return found


def broken(path):
    faults = []
    for link in links(path.read_text()):
        file, _, anchor = link.partition('#')
        target = path.parent / file if file else path
        if not target.exists():
            faults.append(link)
        elif anchor and anchor not in anchors(target):
            faults.append(link)
    return faults


@pytest.mark.parametrize('path', PAGES, ids=NAMES)
def test_links(path):
    assert broken(path) == []


def test_a_broken_link_is_found(tmp_path):
    page = tmp_path / 'page.md'
    page.write_text(
        '# The `one` page\n[a](none.md) [b](#the-one-page) [c](#other)\n'
        '```\n[d](none.md)\n# other\n```\n[e](https://none.md)\n'
    )
    assert broken(page) == ['none.md', '#other']


@pytest.mark.parametrize('path', PAGES, ids=NAMES)
def test_linked_files_are_below_docs(path):
    # The site is built from docs/ and these two files.
    for link in links(path.read_text()):
        target = (path.parent / link.partition('#')[0]).resolve()
        if path.parent != ROOT and not target.is_relative_to(ROOT / 'docs'):
            assert target.name in ('CHANGELOG.md', 'CONTRIBUTING.md')
