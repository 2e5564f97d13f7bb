"""tools/train.py and tools/test.py, each call in a process of its own."""

import pickle

import pytest
import torch

from tests.helpers.html_page import Page


@pytest.fixture(scope='module')
def trained(call, folder):
    call('python {tools}/train.py toy.py')
    return folder / 'work_dirs/toy/iter_2.pth'


def test_training_writes_to_the_default_folder(trained):
    assert trained.exists()


def test_resume_goes_on_from_the_latest(trained, call, folder):
    output = call(
        'python {tools}/train.py toy.py --resume '
        '--cfg-options train_cfg.max_iters=4'
    )
    assert 'resumed epoch: 0, iter: 2' in output
    assert 'Iter(train) [3/4]' in output and '[1/4]' not in output
    assert (trained.parent / 'iter_4.pth').exists()


def test_testing_writes_predictions(trained, call, folder):
    output = call(f'python {{tools}}/test.py toy.py {trained} --out out.pkl')
    assert 'acc: 1' in output
    with open(folder / 'out.pkl', 'rb') as file:
        assert len(pickle.load(file)) == 12


def test_testing_writes_a_report(trained, call, folder):
    output = call(f'python {{tools}}/test.py toy.py {trained} --report page')
    assert 'The report is in page/report.html.' in output
    page = Page(folder / 'page' / 'report.html')
    assert page.scores == {'acc': '1.0000'}  # of a metric without intervals
    assert 'Logged up to iteration 2' in page.text
    assert 'PyTorch' in page.text and 'ToyModel' in page.text


def test_report_into_a_file(trained, call, folder):
    (folder / 'file').touch()
    output = call(
        f'python {{tools}}/test.py toy.py {trained} --report file', status=1
    )
    assert 'error: file cannot be used as the folder of the results' in output


@pytest.mark.parametrize(
    'command',
    ['test.py other.py {}', 'train.py other.py --resume {}'],
)
def test_checkpoint_of_another_architecture(trained, call, folder, command):
    (folder / 'other.py').write_text(
        "_base_ = 'toy.py'\n"
        "model = dict(_delete_=True, _scope_='mmpretrain',\n"
        "    type='ImageClassifier', backbone=dict(type='LeNet5'))\n"
    )
    output = call('python {tools}/' + command.format(trained), status=1)
    error = output[output.index('error: ') :]
    assert 'iter_2.pth has a different architecture' in error
    assert 'unexpected key' in error and 'linear1.weight' in error
    assert 'missing keys' in error and 'backbone.features' in error
    assert 'Traceback' not in output


@pytest.mark.parametrize(
    'command',
    [
        'test.py toy.py {}',
        'train.py toy.py --resume {}',
        'train.py toy.py --cfg-options load_from={}',
    ],
)
def test_missing_checkpoint(trained, call, command):
    folder = trained.parent
    names = ', '.join(sorted(path.name for path in folder.glob('*.pth')))
    for path, reason in (
        (folder / 'none.pth', 'does not exist'),
        (folder, 'is a folder'),
    ):
        output = call('python {tools}/' + command.format(path), status=1)
        error = output.splitlines()[-1]
        assert error.startswith(f'error: checkpoint {path} {reason}: name one')
        assert f'{names} in {folder}' in error
        assert 'Traceback' not in output


@pytest.mark.parametrize(
    'content, error',
    [
        ({}, 'no training state'),
        (dict(meta=[]), 'no training state'),
        (dict(meta=dict(epoch=0, iter='2')), 'no training state'),
        (dict(message_hub=[]), 'no training state'),
        (dict(optimizer=[1]), 'no training state'),
        (dict(state_dict=[1]), 'this is a list'),
        ([1], 'this is a list'),
    ],
)
def test_file_without_the_state_of_a_training(
    trained, call, folder, content, error
):
    whole = torch.load(trained, weights_only=False)
    if content == {}:
        content = whole['state_dict']
    elif isinstance(content, dict):
        content = {**whole, **content}
    torch.save(content, folder / 'odd.pth')
    output = call('python {tools}/train.py toy.py --resume odd.pth', status=1)
    last = output.splitlines()[-1]
    assert last.startswith('error: odd.pth: ') and error in last
    assert 'Traceback' not in output
    options = '--cfg-options load_from=odd.pth'
    output = call(
        f'python {{tools}}/train.py toy.py {options}',
        status='is a list' in error,
    )
    assert 'Traceback' not in output
