"""Values of environment variables in configs, studies and saved configs."""

import json

import pytest
from mmengine.config import Config

from fer_ssl.utils.data_files import read_data_file
from fer_ssl.utils.environment import fill_variables, read_variable
from fer_ssl.utils.saved_config import parse_saved_config

VALUES = (
    'plain/path',
    "a b's",
    r'C:\new\tab',
    'x"y',
    'é{{y}}',
    '\'"\\',
    '表情 😀',
    '{y} %s $HOME #x',
    '\udce9',  # a file name that is not UTF-8
)


@pytest.mark.parametrize('value', VALUES)
def test_python_config(tmp_path, monkeypatch, value):
    monkeypatch.setenv('FER_X', value)
    (tmp_path / 'base.py').write_text("root = '{{$FER_X:data}}'\n")
    path = tmp_path / 'a.py'
    path.write_text(
        "_base_ = 'base.py'  # {{$FER_X:in a comment}}\n"
        'path = "{{$FER_X:data}}/{{$FER_Y:b}}"\n'
        "raw = r'{{ $FER_X:data }}'\n"
        'data = dict(root=_base_.root)\n'
    )
    config = Config.fromfile(path)
    assert config.root == config.raw == config.data.root == value
    assert config.path == f'{value}/b'
    assert config.env_variables == dict(FER_X=value)
    if value.isprintable():  # MMEngine writes UTF-8
        config.dump(tmp_path / 'saved.py')
        monkeypatch.delenv('FER_X')
        saved = Config.fromfile(tmp_path / 'saved.py')
        assert saved.to_dict() == config.to_dict()
    text = config.pretty_text
    assert parse_saved_config(text, 'x').to_dict() == config.to_dict()


@pytest.mark.parametrize('value', VALUES)
@pytest.mark.parametrize('quote', ['"', "'"])
def test_yaml(tmp_path, monkeypatch, value, quote):
    monkeypatch.setenv('FER_X', value)
    path = tmp_path / 'a.yml'
    path.write_text(f'a: {{b: {quote}{{{{$FER_X:d}}}}/c{quote}}}\n')
    assert read_data_file(path) == dict(a=dict(b=f'{value}/c'))
    assert Config.fromfile(path).a.b == f'{value}/c'


@pytest.mark.parametrize('value', VALUES)
def test_json(tmp_path, monkeypatch, value):
    monkeypatch.setenv('FER_X', value)
    path = tmp_path / 'a.json'
    path.write_text(json.dumps(dict(a='{{$FER_X:d}}', b='"')))
    assert read_data_file(path) == dict(a=value, b='"')


def test_values_as_code(tmp_path, monkeypatch):
    path = tmp_path / 'a.py'
    path.write_text("n = {{'$FER_X:3'}}\npath = f'{{$FER_Y:data}}/{n}'\n")
    assert Config.fromfile(path).n == 3
    monkeypatch.setenv('FER_X', '[1, "a"]')
    monkeypatch.setenv('FER_Y', '/some/where')
    config = Config.fromfile(path)
    assert config.n == [1, 'a']
    assert config.path == "/some/where/[1, 'a']"
    monkeypatch.setenv('FER_Y', "it's")
    with pytest.raises(ValueError, match='FER_Y="it\'s"'):
        Config.fromfile(path)


@pytest.mark.parametrize(
    'value, problem',
    [
        ('', 'is empty'),
        ('a\nb', 'line break'),
        ('a\x07', 'control character'),
        ('{{$HOME:x}}', 'MMEngine placeholder'),
        ('{{ _base_.x }}', 'MMEngine placeholder'),
        ('{{fileBasename}}', 'MMEngine placeholder'),
    ],
)
def test_values_that_are_refused(monkeypatch, value, problem):
    monkeypatch.setenv('FER_X', value)
    with pytest.raises(ValueError, match=problem) as error:
        read_variable('FER_X', 'default')
    message = str(error.value)
    assert f'FER_X={value!r}' in message and '\n' not in message


def test_a_variable_that_is_not_set():
    assert read_variable('FER_NONE', 'a') == 'a'
    with pytest.raises(ValueError, match='FER_NONE is not set and has no'):
        fill_variables("x = '{{$FER_NONE:}}'", '.py')
