"""What is trained how; tests/tools/test_compare_methods.py trains."""

import os
import threading
from pathlib import Path

import pytest

from fer_ssl.experiments import method_comparison
from fer_ssl.experiments.method_comparison import Entry, MethodComparison
from fer_ssl.visualization import plot_methods

CONFIGS = Path(__file__).parents[2] / 'configs'
DEMO = CONFIGS / 'demo/demo_methods.py'
FACES = CONFIGS / 'faces'


def faces(name):
    return Entry.parse(f'{FACES}/faces_{name}_r18.py:{name}')


@pytest.fixture
def calls(monkeypatch):
    """The trainings that are started, by method and seed."""
    calls = {}

    def train_once(train, config, folder, options, columns, variables):
        options = dict(option.split('=', 1) for option in options)
        calls[folder.parent.name, folder.name] = dict(
            options=options, columns=columns, variables=variables
        )
        seed = int(folder.name)
        scores = {name: 10.0 * seed + len(name) for name in columns}
        return dict(scores, ms_per_step=5.0)

    monkeypatch.setattr(method_comparison, 'train_once', train_once)
    return calls


def compare(entries, baseline=None, **settings):
    settings = dict(
        seeds=[0, 3],
        iterations=7,
        work_dir=Path('work'),
        train=Path('train.py'),
        **settings,
    )
    return MethodComparison(**settings).run(entries, baseline)


def test_entry(monkeypatch):
    monkeypatch.setenv('FER_SSL_METHOD', 'dash')
    entry = Entry.parse(f'{DEMO}:uda')
    assert entry == Entry(str(DEMO), 'uda', 'uda')
    assert entry.read().train_cfg.method.type == 'UDA'
    entry = Entry.parse(f'{FACES}/faces_spatial_r18.py')
    assert (entry.method, entry.name) == (None, 'faces_spatial_r18')
    assert entry.variables() == {}
    assert 'FER_SSL_METHOD' not in os.environ
    with pytest.raises(FileNotFoundError, match='demo_methods'):
        Entry.parse(f'{DEMO.parent}/demo_method.py:uda')


def test_all_start_from_the_baseline_of_their_seed(calls):
    compare([faces('uda'), faces('spatial')], faces('supervised'))
    assert list(calls)[:2] == [('supervised', '0'), ('supervised', '3')]
    assert len(calls) == 6
    weights = 'FER_SSL_BASELINE'
    assert weights not in calls['supervised', '3']['variables']
    for name in ('uda', 'spatial'):
        variables = calls[name, '3']['variables']
        path = os.path.join('work', 'supervised', '3', 'iter_7.pth')
        assert variables == {weights: path, 'FER_SSL_METHOD': name}


def test_same_steps_and_seed(calls):
    compare([faces('uda')], options=['a.b={seed}', 'c=1'])
    options = calls['uda', '3']['options']
    assert options['train_cfg.max_iters'] == '7'
    assert options['train_cfg.val_interval'] == '7'
    assert options['default_hooks.checkpoint.interval'] == '7'
    assert options['randomness.seed'] == options['a.b'] == '3'
    assert options['c'] == '1'


def test_labeled_faces_are_drawn_by_the_seed(calls):
    demo = Entry.parse(f'{DEMO}:uda')
    compare([faces('supervised_more'), faces('fixmatch'), demo])
    drawn = {
        name: [x for x in call['options'] if x.endswith('dataset.seed')]
        for (name, seed), call in calls.items()
    }
    labeled = 'train_dataloader.dataset.seed'
    unlabeled = 'train_cfg.unlabeled_dataloader.dataset.seed'
    assert drawn == dict(
        supervised_more=[labeled], fixmatch=[labeled, unlabeled], uda=[]
    )
    assert calls['fixmatch', '3']['options'][unlabeled] == '3'


def test_two_networks(calls):
    rows = compare(
        [faces('spatial'), faces('fixmatch')],
        network=['backbone.base_channels=16'],
    )
    options = calls['spatial', '0']['options']
    assert options['model.network.backbone.base_channels'] == '16'
    assert calls['fixmatch', '0']['options']['model.backbone.base_channels']
    assert [(row['method'], row['seed']) for row in rows] == [
        ('spatial student', 0),
        ('spatial teacher', 0),
        ('spatial student', 3),
        ('spatial teacher', 3),
        ('fixmatch', 0),
        ('fixmatch', 3),
    ]
    assert rows[1] == dict(
        method='spatial teacher',
        seed=0,
        macro_f1=len('teacher/macro_f1'),
        uar=len('teacher/uar'),
        accuracy=len('teacher/accuracy'),
        ms_per_step=5.0,
    )


def test_several_at_the_same_time(calls, monkeypatch):
    together = threading.Barrier(2, timeout=20)
    train_once = method_comparison.train_once

    def wait(*args):
        together.wait()
        return train_once(*args)

    monkeypatch.setattr(method_comparison, 'train_once', wait)
    rows = compare([faces('uda')], jobs=2)
    assert [row['seed'] for row in rows] == [0, 3]


def test_none_is_started_after_a_failure(calls, monkeypatch):
    started = []

    def fail(train, config, folder, *args):
        started.append(folder)
        raise RuntimeError('see log.txt')

    monkeypatch.setattr(method_comparison, 'train_once', fail)
    with pytest.raises(RuntimeError, match=r'log\.txt'):
        compare([faces('uda'), faces('dash'), faces('fixmatch')])
    assert len(started) < 6


def test_two_of_one_name(calls):
    with pytest.raises(ValueError, match='two configs are named uda'):
        compare([faces('uda')], faces('uda'))


ROWS = [
    dict(method=m, seed=s, macro_f1=f, uar=u, accuracy=a, ms_per_step=t)
    for m, s, f, u, a, t in (
        ('dash', 0, 40.0, 50.0, 60.0, 10.2),
        ('dash', 1, 44.0, 50.0, 62.0, 10.8),
        ('uda', 0, 30.0, 35.0, 40.0, 20.0),
    )
]


def test_plot_has_every_seed_and_the_mean():
    figure = plot_methods(ROWS)
    left, right = figure.axes
    names = [x.get_text() for x in left.get_yticklabels()]
    assert names == ['dash', 'uda']
    means = [x.lines[0].get_xdata()[0] for x in left.containers]
    assert means == [42, 30]
    dots = [list(x.get_xdata()) for x in left.lines if x.get_marker() == 'o']
    assert dots == [[40, 44], [30]]
    assert right.get_xlabel() == 'UAR, %'


@pytest.mark.parametrize('config', ['demo_methods.py', 'demo_meta.py'])
def test_misspelt_method(config):
    with pytest.raises(ValueError, match="FER_SSL_METHOD='fixmach' is none"):
        Entry(str(DEMO.with_name(config)), 'x', 'fixmach').read()
    assert 'FER_SSL_METHOD' not in os.environ
