import pytest
from mmengine.config import Config

from fer_ssl.utils.config_options import (
    entry_of,
    option_text,
    option_value,
    read_options,
)

NAMES = [
    'my faces',
    'faces,v2',
    "Ann's faces",
    '"quoted"',
    'a=b',
    '$HOME',
    '{v2}',
    'a (1)',
    '[old] and [new]',
    ' edges ',
    '007',
    '1e3',
    'True',
    '100%',
    'C:\\faces',
    '',
]


@pytest.mark.parametrize('name', NAMES)
def test_text_is_taken_as_typed(name):
    for text in (name, f'/data/{name}/images', f'{name}/images'):
        if text != '"quoted"':  # the one notation for any text
            assert option_value(text, 'data') == text
    path = f'/data/{name}/images'
    assert option_value(path) == path


@pytest.mark.parametrize(
    'text, entry, value',
    [
        ('faces (a,b)', None, 'faces (a,b)'),
        ('dict(type=SGD,lr=1)', dict(), 'dict(type=SGD,lr=1)'),
        ('data/faces (1,2)', ['x'], 'data/faces (1,2)'),
        (
            '[data/faces (1,2),data/b]',
            None,
            ['data/faces (1,2)', 'data/b'],
        ),
        ('C:\\my faces, v2', None, 'C:\\my faces, v2'),
    ],
)
def test_commas_that_do_not_split(text, entry, value):
    assert option_value(text, entry) == value


@pytest.mark.parametrize('entry', [None, 'text', 3, [1], True])
@pytest.mark.parametrize(
    'value',
    [*NAMES, 'None', '[a]', NAMES, [['a b', 'c,d'], ('e',)], [1, '1'], []],
)
def test_text_of_a_value_is_read_for_any_entry(value, entry):
    assert option_value(option_text(value), entry) == value


@pytest.mark.parametrize(
    'text, value',
    [
        ('16', 16),
        ('1e-3', 1e-3),
        ('-0.5', -0.5),
        ('true', True),
        ('False', False),
        ('None', None),
        ('[a,b]', ['a', 'b']),
        ('[a, my faces]', ['a', 'my faces']),
        ("['a,b', \"Ann's\"]", ['a,b', "Ann's"]),
        ('1,2', [1, 2]),
        ('a,b', ['a', 'b']),
        ('(1,2)', (1, 2)),
        ('[(1, 2), [a], b]', [(1, 2), ['a'], 'b']),
        ('[]', []),
        ('1,', [1]),
        ('word', 'word'),
    ],
)
@pytest.mark.parametrize('entry', [None, 0, 1.0, False, [3]])
def test_other_values_are_those_of_mmengine(text, value, entry):
    read = option_value(text, entry)
    assert read == value
    assert type(read) is type(value)


def test_list_in_place_of_text():
    assert option_value('[train,val]', 'train') == ['train', 'val']
    assert option_value('None', 'train') is None
    assert option_value('train,val', 'test') == 'train,val'
    assert option_value("'[train]'", 'test') == '[train]'


def test_list_of_paths():
    assert option_value('data/a,data/b c', ['x']) == ['data/a', 'data/b c']
    with pytest.raises(ValueError, match=r'a\(b,c: the brackets'):
        option_value('a(b,c', ['x'])


def test_entries_by_dotted_names():
    config = Config(dict(a=dict(b=[dict(c='text'), 2])))
    assert entry_of(config, 'a.b.0.c') == 'text'
    assert entry_of(config, 'a.b.1') == 2
    for key in ('a.x', 'a.b.7', 'a.b.c', 'a.b.1.x', 'x.y'):
        assert entry_of(config, key) is None
    options = {'a.b.0.c': '1,2', 'a.b.1': '1,2'}
    assert read_options(config, options) == {
        'a.b.0.c': '1,2',
        'a.b.1': [1, 2],
    }
