import importlib.util
import logging
import re
import warnings
from pathlib import Path

import pytest

from fer_ssl.utils import terminal

#: Where a warning is written, if its ``stacklevel`` names another module.
WRITTEN_IN = {
    'mmengine.model.wrappers.distributed': 'torch.nn.parallel.distributed'
}


@pytest.mark.parametrize(
    'module, text', [*terminal.RECORDS, *terminal.WARNINGS]
)
def test_still_needed(module, text):
    """If upstream no longer has the text, remove its entry."""
    module = WRITTEN_IN.get(module, module)
    folder = Path(importlib.util.find_spec(module.split('.')[0]).origin).parent
    source = folder.joinpath(*module.split('.')[1:]).with_suffix('.py')
    # Compare words: the source breaks lines, and quotes in its own way.
    words = re.findall(r'\w+', text)[:3]
    assert ' '.join(words) in ' '.join(
        re.findall(r'\w+', re.sub(r'\\n', ' ', source.read_text()))
    )


@pytest.fixture
def log(tmp_path, monkeypatch):
    """The log file of this process, which is opened by the test."""
    monkeypatch.setattr(warnings, 'showwarning', warnings.showwarning)
    monkeypatch.setattr(terminal, '_files', [])
    monkeypatch.setattr(terminal, '_waiting', [])
    handler = logging.FileHandler(tmp_path / 'run.log')
    yield handler
    handler.close()


def warn(module, text):
    file = f'/lib/site-packages/{module.replace(".", "/")}.py'
    warnings.warn_explicit(text, UserWarning, file, 1)


def test_listed_warnings_are_in_the_log_file_alone(log, capsys):
    terminal.hold_back_warnings()
    with warnings.catch_warnings():
        warnings.simplefilter('always')
        for module, text in terminal.WARNINGS[:2]:
            warn(module, text)
        terminal._files.append(log)
        for module, text in terminal.WARNINGS[2:]:
            warn(module, text)
    assert capsys.readouterr().err == ''
    lines = Path(log.baseFilename).read_text().splitlines()
    assert len(lines) == len(terminal.WARNINGS)
    for line, (module, text) in zip(lines, terminal.WARNINGS):
        assert module.replace('.', '/') in line and text in line


def test_other_warnings_are_shown(log, monkeypatch):
    shown = []
    monkeypatch.setattr(
        warnings, 'showwarning', lambda text, *_: shown.append(str(text))
    )
    module, text = terminal.WARNINGS[1]
    terminal._files.append(log)
    terminal.hold_back_warnings()
    with warnings.catch_warnings():
        warnings.simplefilter('always')
        warn(module, 'The image is damaged.')
        warn('fer_ssl.media.video_file', text)
    assert shown == ['The image is damaged.', text]
    assert Path(log.baseFilename).read_text() == ''
