"""Versions and names that occur in more than one file."""

import re
from pathlib import Path

import yaml

import fer_ssl

ROOT = Path(__file__).parents[1]


def test_version():
    citation = yaml.safe_load((ROOT / 'CITATION.cff').read_text())
    assert citation['version'] == fer_ssl.__version__
    changes = (ROOT / 'CHANGELOG.md').read_text()
    released = re.findall(r'^## (\d\S+)', changes, re.MULTILINE)
    assert released[0] == fer_ssl.__version__


def test_cited_papers_are_those_of_the_metafiles():
    citation = yaml.safe_load((ROOT / 'CITATION.cff').read_text())
    cited = {x['url'] for x in citation['references']}
    papers = {
        collection['Paper']
        for path in ROOT.glob('configs/**/metafile.yml')
        for collection in yaml.safe_load(path.read_text())['Collections']
        if 'Paper' in collection
    }
    assert cited <= papers
    for reference in citation['references']:
        (identifier,) = reference['identifiers']
        assert identifier['value'].removeprefix('arXiv:') in reference['url']


def test_one_version_of_ruff():
    hooks = yaml.safe_load((ROOT / '.pre-commit-config.yaml').read_text())
    (version,) = [
        x['rev']
        for x in hooks['repos']
        if x['repo'].endswith('/ruff-pre-commit')
    ]
    pins = (ROOT / 'requirements/constraints.txt').read_text()
    assert f'\nruff=={version.removeprefix("v")}\n' in pins
