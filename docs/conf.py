"""Settings of the site: python -m sphinx -W --keep-going docs site."""

import re
import sys
import warnings
from pathlib import Path

DOCS = Path(__file__).parent
ROOT = DOCS.parent
sys.path.insert(0, str(DOCS))  # reference.py

import reference  # noqa: E402
from mmcv.transforms.utils import cache_randomness  # noqa: E402

project = 'fer_ssl'
author = 'The fer_ssl contributors'
copyright = author
scope = {}
exec((ROOT / 'projects/fer_ssl/version.py').read_text(), scope)
version = release = scope['__version__']

extensions = [
    'myst_parser',
    'sphinx.ext.autodoc',
    'sphinx.ext.napoleon',
    'sphinx_copybutton',
]
exclude_patterns = ['_static']

smartquotes = False  # messages and code must be searchable verbatim
myst_heading_anchors = 4  # [text](page.md#heading), as Git hosts make them
myst_enable_extensions = ['colon_fence', 'deflist']

# Constructors are described with their classes, types with the arguments.
autodoc_typehints = 'description'
autodoc_typehints_description_target = 'documented'
autodoc_member_order = 'bysource'
autodoc_default_options = {'members': True, 'show-inheritance': True}
python_use_unqualified_type_names = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True  # fields of a dataclass are described once
add_module_names = False
# Warnings of the packages that autodoc imports, not of the documentation.
warnings.filterwarnings('ignore', category=UserWarning, module='mmcv')

# The theme that OpenMMLab's descends from: see requirements/docs.txt.
html_theme = 'sphinx_rtd_theme'
html_theme_options = {
    'navigation_depth': 3,
    'collapse_navigation': False,
    'style_external_links': True,
}
html_title = f'fer_ssl {version}'
html_static_path = ['_static']
html_css_files = ['site.css']
html_show_sphinx = False
html_show_sourcelink = False
copybutton_prompt_text = r'^\$ '
copybutton_prompt_is_regexp = True


def fill_in(app, page, source):
    """Put in what reference.py makes, and the pages of the files at the root.

    A comment ``<!-- generated: NAME ARGUMENTS -->`` stands for what
    ``reference.NAME`` returns.
    """
    text = re.sub(
        r'<!-- generated: (\w+)(.*?) -->',
        lambda found: getattr(reference, found[1])(*found[2].split()),
        source[0],
    )
    for name in ('CHANGELOG', 'CONTRIBUTING'):
        text = text.replace(f'](../{name}.md', f']({name.lower()}.md')
    source[0] = text


def method_of_class(self, instance, owner=None):
    """``Class.method``, where mmcv's decorator wants an instance."""
    return (
        self.func if instance is None else of_instance(self, instance, owner)
    )


of_instance = cache_randomness.__get__
cache_randomness.__get__ = method_of_class


def setup(app):
    app.connect('source-read', fill_in)
