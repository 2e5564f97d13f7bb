"""tools/ablation.py with trainings of a few iterations."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from mmengine.registry import DATASETS, MODELS, init_default_scope

from fer_ssl.evaluation import VideoPredictions
from fer_ssl.evaluation.functional.classification_scores import macro_f1
from fer_ssl.experiments.plan import read_config
from fer_ssl.experiments.study import Study

ROOT = Path(__file__).parents[2]
STUDIES = sorted((ROOT / 'configs/ablations').glob('*.yml'))
CONFIGS = dict(
    baseline='demo_baseline', spatial='demo_spatial', temporal='demo_temporal'
)
SHORT = {
    'train_cfg': dict(max_iters=2, val_interval=2),
    'default_hooks': dict(
        checkpoint=dict(interval=2), logger=dict(interval=1)
    ),
}


@pytest.fixture(scope='module')
def table_1(call, folder, synthetic_root):
    """What the tool prints for Table 1 on tiny data, and how to repeat it."""
    steps = {}
    for name, config in CONFIGS.items():
        path = str(ROOT / f'configs/demo/{config}.py')
        steps[name] = dict(train=path, cfg_options=dict(SHORT))
        steps[f'test_{name}'] = dict(test=path)
    steps['temporal']['cfg_options']['param_scheduler'] = None
    steps['features'] = dict(extract=path)
    base = ROOT / 'configs/ablations/demo_table_1.yml'
    study = dict(_base_=str(base), seeds=[0], steps=steps)
    (folder / 'tiny.yml').write_text(yaml.safe_dump(study))

    def table_1(options='', status=0):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv('FER_SSL_DEMO', str(synthetic_root))
            return call(
                'python {tools}/ablation.py tiny.yml --work-dir tiny '
                f'--jobs 2 {options}',
                status,
            )

    table_1.printed = table_1('--cost')
    return table_1


def test_table_1_is_that_of_the_logs(table_1, folder):
    with open(folder / 'tiny/tiny.csv', newline='') as file:
        rows = {row['row']: row for row in csv.DictReader(file)}
    assert list(rows) == [
        'baseline',
        'SSL',
        'SSL + temporal',
        'SSL + temporal + post-process',
    ]
    above = None
    for name, row in rows.items():
        (log,) = (folder / row['folder']).glob('*/*.json')
        score = json.loads(log.read_text())[row['score']]
        assert float(row['value']) == score
        step = '' if above is None else f' ({score - above:+.2f})'
        assert f'\n| {name} | {score:.2f}{step} |\n' in table_1.printed
        above = score
    # And that of the predictions, which are beside the logs.
    for name, file in (
        ('baseline', 'predictions.csv'),
        ('SSL', 'predictions.csv'),
        ('SSL + temporal + post-process', 'smoothed.csv'),
    ):
        row = rows[name]
        path = folder / row['folder'] / file
        predictions = VideoPredictions.from_csv(str(path))
        own = macro_f1(predictions.confusion_matrix())
        assert own == pytest.approx(float(row['value']))


def test_other_files(table_1, folder):
    out = folder / 'tiny'
    with open(out / 'tiny_cost.csv', newline='') as file:
        costs = {row['step']: row for row in csv.DictReader(file)}
    assert list(costs) == list(CONFIGS)
    assert costs['spatial']['input'] == '1 x 3 x 24 x 24'
    assert costs['temporal']['input'] == '1 x 64 x 64'
    size = {name: float(row['parameters']) for name, row in costs.items()}
    assert size['spatial'] == pytest.approx(2 * size['baseline'])
    assert float(costs['temporal']['multiply_adds']) > 0
    with open(out / 'tiny_pseudo_labels.csv', newline='') as file:
        rows = list(csv.DictReader(file))
    assert [(row['step'], row['iter']) for row in rows] == [
        ('spatial', '1'),
        ('spatial', '2'),
    ]
    assert 0 <= float(rows[0]['recall_neutral']) <= 1
    for name in ('tiny', 'tiny_pseudo_labels'):
        assert (out / f'{name}.png').read_bytes().startswith(b'\x89PNG')


def test_nothing_is_repeated(table_1, folder):
    logs = sorted((folder / 'tiny').rglob('log.txt'))
    assert len(logs) == 7
    times = [log.stat().st_mtime_ns for log in logs]
    output = table_1()
    assert output.startswith('0 steps to run, 7 already finished.')
    table = [x for x in output.splitlines() if x.startswith('| ')]
    assert len(table) == 6
    assert '\n'.join(table) in table_1.printed
    assert [log.stat().st_mtime_ns for log in logs] == times
    plan = table_1('--dry-run --only baseline --seeds 0 3').splitlines()
    assert [' (finished) ' in line for line in plan] == [
        True,
        True,
        False,
        False,
    ]


HOLD = """
import time
from pathlib import Path
from mmengine.hooks import Hook
from mmengine.registry import HOOKS, METRICS
from mmengine.testing.runner_test_case import ToyMetric


@HOOKS.register_module()
class Hold(Hook):
    priority = 'VERY_LOW'  # after the checkpoint

    def after_train_iter(self, runner, batch_idx, **kwargs):
        while batch_idx == 3 and not Path('go').exists():
            time.sleep(0.05)


@METRICS.register_module()
class Half(ToyMetric):
    def compute_metrics(self, results):
        return dict(acc=0.5)
"""
STUDY = """
columns: {acc: {score: acc}}
rows:
  broken: {step: test, kind: Missing}
  held: {step: test, kind: mmengine.testing.runner_test_case.ToyModel}
steps:
  toy:
    train: held.py
    cfg_options: {model.type: '{kind}'}
  test:
    test: held.py
    checkpoint: '{toy}'
"""


def test_failure_and_resume_after_a_kill(call, folder, monkeypatch):
    monkeypatch.setenv('PYTHONPATH', str(folder), prepend=os.pathsep)
    toy = (folder / 'toy.py').read_text()
    (folder / 'hold.py').write_text(HOLD)
    (folder / 'held.py').write_text(
        toy.replace("['fer_ssl']", "['fer_ssl', 'hold']")
        .replace('max_iters=2', 'max_iters=6')
        .replace("toys + 'ToyMetric'", "'Half'")
        + "custom_hooks = [dict(type='Hold')]\n"
    )
    (folder / 'held.yml').write_text(STUDY)
    words = ['ablation.py', 'held.yml', '--work-dir', 'held', '--jobs', '2']
    killed = subprocess.Popen(
        [sys.executable, ROOT / 'tools' / words[0], *words[1:]],
        cwd=folder,
        env=dict(os.environ, OMP_NUM_THREADS='1'),
        stdout=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 120
    try:
        while not list(folder.glob('held/*/toy_*ToyModel*/iter_4.pth')):
            assert time.monotonic() < deadline and killed.poll() is None
            time.sleep(0.1)
    finally:
        killed.send_signal(signal.SIGTERM)
        killed.communicate()
    assert killed.returncode == 143
    (first,) = folder.glob('held/*/toy_*ToyModel*')
    assert not (first / 'step.json').exists()

    (folder / 'go').touch()
    output = call('python {tools}/' + ' '.join(words), status=1)
    assert '4 steps to run, 0 already finished.\n' in output
    log = (first / 'log.txt').read_text()
    assert 'resumed epoch: 0, iter: 4' in log
    (last,) = first.glob('iter_6.pth')
    assert '| held | 0.500 |' in output
    # The one that fails does not stop the other, and its log is named.
    assert '| broken | missing |' in output
    (bad,) = (
        x
        for x in output.splitlines()
        if x.startswith('- ') and 'failed, ' in x
    )
    assert (
        "type='Missing': no component"
        in (folder / bad.split('see ')[1]).read_text()
    )
    assert 'needs seed_0/toy_Missing-' in output


@pytest.mark.parametrize('path', STUDIES, ids=lambda path: path.stem)
def test_shipped_studies(path, synthetic_root, monkeypatch):
    """Variables, options and configs are there, and what they name."""
    monkeypatch.setenv('FER_SSL_DEMO', str(synthetic_root))
    plan = Study(str(path)).plan(seeds=[0])
    assert all(cell.step in plan.steps for cell in plan.cells)
    for step in plan.steps.values():
        config = read_config(Path(step.config), step.env, step.options)
        init_default_scope(config.default_scope)
        head = config.model.get('cls_head')
        if step.kind == 'train' and head:
            MODELS.build(head.temporal_encoder)
        data = config.train_dataloader.dataset
        if step.kind == 'train' and 'labeled_ratio' in data:
            labels = DATASETS.build(data).get_gt_labels()
            assert set(labels) == set(range(8))
