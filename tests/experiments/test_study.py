"""Plans of study files, and the errors of faulty ones."""

from pathlib import Path

import pytest
import yaml

from fer_ssl.experiments.plan import read_config
from fer_ssl.experiments.study import Study

CONFIG = """
start = '{{$FER_SSL_BASELINE:nothing}}'
encoder = dict(type='Transformer', layers=2)
val_evaluator = dict(type='MacroF1Metric', out_file='work_dirs/x/val.csv')
test_evaluator = [
    dict(type='MacroF1Metric', out_file='work_dirs/x/raw.csv'),
    dict(type='MacroF1Metric'),
]
randomness = dict(seed=0)
"""
STUDY = """
seeds: [0, 1]
differences: above
columns:
  F1: {score: macro_f1}
rows:
  before: {step: test_a}
  after: {step: test_b, width: 3, encoder: {}}
  other: {step: test_b, width: 3, encoder: {_delete_: true, type: TCN}}
steps:
  a: {train: x.py}
  test_a: {test: x.py, checkpoint: '{a}'}
  b:
    train: y.py
    cfg_options: {encoder: '{encoder}', neck.width: '{width}'}
    env: {FER_SSL_BASELINE: '{a}'}
  test_b: {test: y.py, checkpoint: '{b}'}
"""


@pytest.fixture
def study(tmp_path):
    """Function that reads the study after a change of its values."""
    for name in 'xy':
        (tmp_path / f'{name}.py').write_text(CONFIG)

    def study(place='', value=None):
        content = yaml.safe_load(STUDY)
        *path, last = place.split('.')
        target = content
        for key in path:
            target = target[key]
        if place:
            target[last] = value
        file = tmp_path / 'study.yml'
        file.write_text(yaml.safe_dump(content, sort_keys=False))
        return Study(str(file))

    return study


def names(plan):
    return [step.title for step in plan.steps.values()]


def test_order_and_shared_steps(study):
    plan = study().plan(seeds=[0])
    assert names(plan) == [
        *('a', 'test_a'),
        *('b_3', 'test_b_3'),
        *('b_other_3', 'test_b_other_3'),
    ]
    keys = list(plan.steps)
    first = {step.title: step.key for step in plan.steps.values()}
    for step in plan.steps.values():
        assert all(keys.index(x) < keys.index(step.key) for x in step.after)
    assert plan.steps[first['b_other_3']].after == [first['a']]
    assert [cell.step for cell in plan.cells] == [
        first[x] for x in ('test_a', 'test_b_3', 'test_b_other_3')
    ]
    both = study().plan()
    assert len(both.steps) == 12
    assert {step.seed for step in both.steps.values()} == {0, 1}
    assert names(study().plan(only=['before'], seeds=[7])) == ['a', 'test_a']


def test_options_and_variables_of_a_step(study):
    plan = study().plan(seeds=[5])
    steps = {step.title: step for step in plan.steps.values()}
    a, b = steps['a'], steps['b_other_3']
    assert b.options == {
        'encoder._delete_': True,
        'encoder.type': 'TCN',
        'neck.width': 3,
        'randomness.seed': 5,
        'val_evaluator.out_file': '{folder}/val.csv',
    }
    assert b.env == dict(FER_SSL_BASELINE=f'{{{a.key}}}')
    # A test writes what the config writes, but next to its log.
    test = steps['test_a']
    assert test.options == {'test_evaluator.0.out_file': '{folder}/raw.csv'}
    assert (test.kind, test.checkpoint) == ('test', f'{{{a.key}}}')
    # Without a value an option changes nothing.
    assert 'encoder.type' not in steps['b_3'].options


def test_a_change_renames_a_step_and_those_behind_it(study, tmp_path):
    def keys(plan):
        return {step.title: step.key for step in plan.steps.values()}

    before = keys(study().plan(seeds=[0]))
    assert keys(study().plan(seeds=[0])) == before
    changed = keys(study('steps.b.cfg_options.more', 1).plan(seeds=[0]))
    same = {name for name in before if before[name] == changed[name]}
    assert same == {'a', 'test_a'}
    (tmp_path / 'x.py').write_text(CONFIG + 'extra = 1\n')
    changed = keys(study().plan(seeds=[0]))
    assert not set(before.values()) & set(changed.values())


def test_a_variable_of_the_shell_counts(study, monkeypatch):
    before = set(study().plan(seeds=[0]).steps)
    monkeypatch.setenv('FER_SSL_BASELINE', 'other.pth')
    after = set(study().plan(seeds=[0]).steps)
    assert not before & after
    monkeypatch.setenv('FER_SSL_UNUSED', '1')
    assert set(study().plan(seeds=[0]).steps) == after


@pytest.mark.parametrize(
    'place, value, message',
    [
        (
            'sedes',
            [1],
            r'study\.yml: sedes: unknown key \(did you mean seeds\?\)\.',
        ),
        ('differences', 'below', 'differences: must be above or last'),
        ('seeds', 3, 'seeds: must be a list'),
        ('rows', {}, 'rows: must map at least one name'),
        ('rows.after', 3, 'rows.after: must be a mapping'),
        (
            'rows.before.stpe',
            'a',
            r'rows.before.stpe: no step uses {stpe} \(did you mean step\?',
        ),
        ('rows.before.a', 1, 'rows.before.a: is the name of a step'),
        ('steps.a.cfg_option', {}, 'steps.a.cfg_option: .*mean cfg_options?'),
        ('steps.a.test', 'x.py', 'steps.a: needs one of train, test'),
        ('steps.a.checkpoint', 'x', 'steps.a.checkpoint: a test and an'),
        ('steps.test_a.checkpoint', '{A}', 'steps.test_a.checkpoint: {A} is'),
        ('steps.b.env.X', '{test_b}', 'steps.test_b: needs its own result'),
        (
            'rows.before.step',
            'test_c',
            r"no step 'test_c' \(did you mean test_",
        ),
        ('columns.F1', {}, "row 'before', column 'F1': .* sets 'score'"),
        (
            'steps.b.env.X',
            '{widht}',
            'steps.b.env.X: {widht} is neither a step.*',
        ),
        (
            'steps.a.cfg_options',
            {'test_evaluator.7.out_file': 'x'},
            'steps.a: cfg_options: ',
        ),
    ],
)
def test_faulty_study(study, place, value, message):
    with pytest.raises(ValueError, match=message):
        study(place, value).plan()


def test_option_that_the_command_line_cannot_hold(study):
    faulty = study('steps.b.cfg_options.own', [dict(type='EMAHook')])
    with pytest.raises(ValueError, match=r'steps\.b\.cfg_options\.own: '):
        faulty.plan()


@pytest.mark.parametrize(
    'value',
    [
        [1, 2.5],
        'words',
        'two words',
        'a,b',
        "Ann's $data = 1",
        '007',
        ['a b', 'c,d'],
        None,
        True,
        [[1], [2]],
        [],
    ],
)
def test_options_keep_their_values(study, value):
    steps = study('steps.b.cfg_options.own', value).plan().steps.values()
    values = [x.options['own'] for x in steps if 'own' in x.options]
    assert values == [value] * 4


def test_number_where_the_config_has_text(study):
    options = {'start': 0, 'encoder': '{encoder}', 'neck.width': '{width}'}
    study = study('steps.b.cfg_options', options)
    steps = study.plan(seeds=[0]).steps.values()
    assert {x.options['start'] for x in steps if 'start' in x.options} == {'0'}


def test_study_runs_no_code(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / 'study.yml'
    path.write_text(
        'seeds: [0]\nrows: {r: {x: !!python/object/apply:os.mkdir [ran]}}\n'
    )
    with pytest.raises(ValueError, match=r'study\.yml:2: .*apply:os\.mkdir'):
        Study(str(path))
    (tmp_path / 'base.py').write_text("import os\nos.mkdir('ran')\n")
    path.write_text('_base_: base.py\n')
    with pytest.raises(ValueError, match=r'base\.py: data is read from'):
        Study(str(path))
    assert not (tmp_path / 'ran').exists()


def test_options_that_a_config_refuses(study, tmp_path):
    text = "if start == 'b': raise ValueError('no b')\n"
    (tmp_path / 'y.py').write_text(CONFIG + text)
    faulty = study('steps.b.env', dict(FER_SSL_BASELINE='b'))
    with pytest.raises(ValueError, match=r'steps\.b: .*y\.py: no b'):
        faulty.plan()


def test_unknown_option_is_named_once(study, capsys):
    options = {'randomnes.seed': 1, 'encoder.layers': 3}
    study('steps.a.cfg_options', options).plan()
    lines = capsys.readouterr().err.splitlines()
    (warning,) = [line for line in lines if 'randomnes.seed' in line]
    assert 'did you mean randomness?' in warning
    assert not any('encoder.layers' in line for line in lines)


def test_data_root_reaches_the_datasets(tmp_path):
    path = tmp_path / 'z.py'
    path.write_text(
        "data_root = 'data'\n"
        'val_dataloader = dict(dataset=dict(data_root=data_root))\n'
    )
    config = read_config(path, {}, dict(data_root='mine'))
    assert config.val_dataloader.dataset.data_root == 'mine'


def test_example_of_the_docs(study, tmp_path):
    docs = Path(__file__).parents[2] / 'docs/ablation.md'
    example = docs.read_text().split('```yaml\n')[1].split('```')[0]
    config = str(docs.parents[1] / 'configs/faces/faces_supervised_r18.py')
    file = tmp_path / 'example.yml'
    file.write_text(example.replace('faces_supervised_r18.py', config))
    plan = Study(str(file)).plan(seeds=[0])
    assert [step.title for step in plan.steps.values()] == [
        *('faces_0.01', 'test_0.01', 'faces_0.03', 'test_0.03')
    ]
    assert len(plan.cells) == 4


def test_missing_files(study, tmp_path):
    message = r'study\.yml: steps.a.train: config z\.py does not exist'
    with pytest.raises(FileNotFoundError, match=message):
        study('steps.a.train', 'z.py')
    with pytest.raises(FileNotFoundError, match='config nothing.yml does not'):
        Study('nothing.yml')
    (tmp_path / 'broken.yml').write_text('steps: [')
    with pytest.raises(ValueError, match=r'broken\.yml: not valid YAML'):
        Study(str(tmp_path / 'broken.yml'))
    with pytest.raises(
        ValueError, match="no row 'x'; the rows are before, af"
    ):
        study().plan(only=['x'])
