"""The queue with scripts that only record their calls."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from fer_ssl.experiments.plan import Step
from fer_ssl.experiments.step_queue import StepQueue
from fer_ssl.utils.config_options import option_value

SCRIPT = """
import json, os, sys, time
words = dict(x.split('=', 1) for x in sys.argv[1:] if '=' in x)
start = time.time()
if 'sleep' in words:
    print('started', flush=True)
time.sleep(float(words.get('sleep', 0)))
folder = words.get('--work-dir') or words['--out'] + '/..'
if 'fail' in words:
    sys.exit('no luck')
os.makedirs(folder, exist_ok=True)
open(folder + '/last_checkpoint', 'w').write('/elsewhere/iter_2.pth')
json.dump(
    dict(words=sys.argv[1:], start=start, end=time.time(),
         gpu=os.environ.get('CUDA_VISIBLE_DEVICES'),
         student=os.environ.get('FER_SSL_STUDENT')),
    open(folder + '/ran.json', 'w'),
)
"""


@pytest.fixture
def tools(tmp_path):
    folder = tmp_path / 'tools'
    folder.mkdir()
    for name in ('train', 'test', 'extract_features'):
        (folder / f'{name}.py').write_text(SCRIPT)
    return folder


def make(name, kind='train', after=(), **kwargs):
    values = dict(checkpoint=None, options={}, env={})
    values.update(kwargs)
    keys = [step.key for step in after]
    return Step(name, [], 0, kind, 'c.py', digest='d', after=keys, **values)


def queue_of(steps, tools, slots=(None,)):
    said = []
    steps = {step.key: step for step in steps}
    work_dir = tools.parent / 'out'
    queue = StepQueue(steps, work_dir, tools, slots, said.append)
    queue.said = said
    return queue


def ran(queue, step):
    return json.loads((queue.folder(step) / 'ran.json').read_text())


def test_order_and_what_a_step_gets(tools):
    a = make('a', options={'x.y': [1, 2], 'z': '{folder}/p.csv'})
    store = make('store', 'extract', [a], checkpoint=f'{{{a.key}}}')
    b = make(
        'b',
        'test',
        [a, store],
        checkpoint=f'{{{a.key}}}',
        env=dict(FER_SSL_STUDENT=f'{{{store.key}}}'),
    )
    c = make('c', 'test', [b], checkpoint=f'{{{b.key}}},{{{b.key}}}')
    queue = queue_of([a, store, b, c], tools)
    queue.run()
    out = queue.work_dir / 'seed_0'
    weights = str(out / 'a-d/iter_2.pth')
    assert ran(queue, a)['words'] == [
        'c.py',
        f'--work-dir={out}/a-d',
        '--resume',
        '--cfg-options',
        'x.y=[1,2]',
        f'z={out}/a-d/p.csv',
    ]
    assert ran(queue, store)['words'][1] == weights
    assert ran(queue, b)['words'] == ['c.py', weights, f'--work-dir={out}/b-d']
    assert ran(queue, b)['student'] == str(out / 'store-d/features')
    csv = str(out / 'b-d/predictions.csv')
    assert ran(queue, c)['words'][1] == f'{csv},{csv}'
    assert ran(queue, a)['end'] < ran(queue, store)['start']
    assert ran(queue, store)['end'] < ran(queue, b)['start']
    assert queue.said[0] == '4 steps to run, 0 already finished.'

    again = queue_of([a, store, b, c], tools)
    before = ran(queue, a)
    again.run()
    assert again.said == ['0 steps to run, 4 already finished.']
    assert ran(again, a) == before


def test_one_process_on_each_gpu(tools):
    steps = [make(name, options=dict(sleep=0.6)) for name in 'abcd']
    queue = queue_of(steps, tools, ['4', '7'])
    queue.run()
    runs = [ran(queue, step) for step in steps]
    assert sorted(run['gpu'] for run in runs) == ['4', '4', '7', '7']
    for gpu in '47':
        first, second = sorted(
            (run['start'], run['end']) for run in runs if run['gpu'] == gpu
        )
        assert first[1] < second[0]
    start = sorted(run['start'] for run in runs)
    assert start[1] < min(run['end'] for run in runs), 'not at once'


def test_failure_stops_only_what_needs_it(tools):
    bad = make('bad', options=dict(fail=1))
    needs = make('needs', 'test', [bad], checkpoint=f'{{{bad.key}}}')
    more = make('more', 'test', [needs], checkpoint='x')
    good = make('good')
    queue = queue_of([bad, needs, more, good], tools)
    queue.run()
    log = queue.log(bad)
    assert queue.failed == {
        bad.key: f'failed, see {log}',
        needs.key: f'needs {bad.key}',
        more.key: f'needs {needs.key}',
    }
    assert log.read_text() == 'no luck\n'
    assert queue.is_done(good) and not queue.is_done(bad)
    again = queue_of([bad, needs, more, good], tools)
    again.run()
    assert again.said[0] == '3 steps to run, 1 already finished.'


CALL = """
import sys
from pathlib import Path
from fer_ssl.experiments.plan import Step
from fer_ssl.experiments.step_queue import StepQueue
step = Step(
    'slow', [], 0, 'train', 'c.py', None, dict(sleep=60), {}, 'd', []
)
tools = Path(sys.argv[1])
StepQueue({step.key: step}, tools.parent / 'out', tools, [None]).run()
"""


def test_one_call_at_a_time(tools):
    """A step that outlives a killed call blocks other calls."""
    call = subprocess.Popen(
        [sys.executable, '-c', CALL, str(tools)], start_new_session=True
    )
    step = make('slow', options=dict(sleep=60))
    log = queue_of([step], tools).log(step)
    try:
        deadline = time.monotonic() + 60
        # The file alone is there before the process of the step is.
        while not (log.exists() and log.read_text()):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.kill(call.pid, signal.SIGKILL)
        call.wait()
        with pytest.raises(ValueError, match='is running there'):
            queue_of([step], tools).run()
    finally:
        os.killpg(call.pid, signal.SIGKILL)
    fast = make('fast')
    queue = queue_of([fast], tools)
    deadline = time.monotonic() + 10
    while not queue.is_done(fast):  # until the killed process is gone
        try:
            queue.run()
        except ValueError:
            assert time.monotonic() < deadline


def test_folder_that_is_a_file(tools, tmp_path):
    (tmp_path / 'file').touch()
    queue = StepQueue({}, tmp_path / 'file', tools, [None])
    with pytest.raises(ValueError, match='cannot be used as the folder'):
        queue.run()


def test_any_names(tools, tmp_path):
    name = "Ann's {v2}, $x=1"
    first = make('first')
    second = make(
        'second',
        after=[first],
        options=dict(
            data_root=f'data/{name}',
            load_from=f'{{{first.key}}}',
            split=['1', 'a b'],
        ),
        env=dict(FER_SSL_STUDENT=name),
    )
    steps = {step.key: step for step in (first, second)}
    queue = StepQueue(steps, tmp_path / name, tools, [None], lambda _: None)
    queue.run()
    folder = queue.folder(second)
    ran = json.loads((folder / 'ran.json').read_text())
    assert ran['student'] == name
    words = ran['words'][ran['words'].index('--cfg-options') + 1 :]
    options = dict(word.split('=', 1) for word in words)
    checkpoint = str(queue.folder(first) / 'iter_2.pth')
    assert option_value(options['data_root'], 'data') == f'data/{name}'
    assert option_value(options['load_from']) == checkpoint
    assert option_value(options['split'], 'train') == ['1', 'a b']
    # The command can be pasted into a shell.
    command = queue.mim_command(second).replace('mim train', 'printenv')
    command = command.split(' fer_ssl')[0] + ' FER_SSL_STUDENT'
    shown = subprocess.run(
        ['bash', '-c', command], capture_output=True, text=True
    )
    assert shown.stdout == f'{name}\n'
