import ast
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from fer_ssl.apis.publish_checkpoint import publish_checkpoint
from fer_ssl.utils.safe_load import safe_load
from fer_ssl.utils.safetensors_file import is_safetensors
from tests.helpers.forked_script import run_script

TOOL = Path(__file__).parents[2] / 'tools/publish_checkpoint.py'


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / 'iter_2.pth'
    torch.save(
        dict(
            meta=dict(
                cfg='model = 1\n',
                dataset_meta=dict(classes=('a', 'b')),
                iter=2,
            ),
            state_dict={
                'weight': torch.tensor([0.1, -3.0]),
                'norm.num_batches_tracked': torch.tensor(70_000),
            },
            ema_state_dict={'weight': torch.tensor([9.0, 9.0])},
            optimizer=dict(state={}),
            message_hub={},
        ),
        path,
    )
    return str(path)


@pytest.mark.parametrize('half', [False, True])
@pytest.mark.parametrize('suffix', ['pth', 'safetensors'])
def test_kept_entries(checkpoint, tmp_path, half, suffix):
    target = tmp_path / f'made/small.{suffix}'
    publish_checkpoint(checkpoint, str(target), half)
    small = safe_load(str(target))
    assert is_safetensors(target) == (suffix == 'safetensors')
    assert small.keys() == {'meta', 'state_dict'}
    assert small['meta']['cfg'] == 'model = 1\n'
    assert tuple(small['meta']['dataset_meta']['classes']) == ('a', 'b')
    weight = small['state_dict']['weight']
    assert weight.dtype == (torch.float16 if half else torch.float32)
    torch.testing.assert_close(
        weight.float(), torch.tensor([0.1, -3.0]), rtol=1e-3, atol=0
    )
    assert small['state_dict']['norm.num_batches_tracked'] == 70_000


def test_hostile_config_is_not_passed_on(checkpoint, tmp_path):
    """A key that would close its string literal and append code."""
    trace = tmp_path / 'trace'
    key = f"x': open({str(trace)!r}, 'w')); y = dict(z='"
    whole = torch.load(checkpoint, weights_only=True)
    whole['meta']['cfg'] = f'model = {{{key!r}: 1}}\n'
    torch.save(whole, checkpoint)
    target = tmp_path / 'small.pth'
    publish_checkpoint(checkpoint, str(target))
    text = torch.load(target, weights_only=True)['meta']['cfg']
    assert ast.literal_eval(text.partition(' = ')[2]) == {key: 1}
    assert Config.fromstring(text, '.py').model == {key: 1}
    assert not trace.exists()


@pytest.mark.parametrize(
    'change, error',
    [
        (dict(meta=[1]), 'no cfg, dataset_meta in it'),
        (dict(meta=dict(cfg=1, dataset_meta={})), 'its config is int'),
        (
            dict(meta=dict(cfg="custom_imports = 'mine'", dataset_meta={})),
            'imports mine, which is code. A published .* contains no code',
        ),
        (dict(state_dict=[1]), 'this is a list'),
        (dict(state_dict={'a': 1}), 'a in its weights is not a tensor'),
    ],
)
def test_unusual_content(checkpoint, tmp_path, change, error):
    whole = torch.load(checkpoint, weights_only=True)
    torch.save({**whole, **change}, checkpoint)
    with pytest.raises(ValueError, match=error):
        publish_checkpoint(checkpoint, str(tmp_path / 'small.pth'))
    assert not (tmp_path / 'small.pth').exists()


def test_tool(checkpoint, tmp_path):
    done = run_script(TOOL, checkpoint, 'small.pth', '--half', cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith('small.pth: 0.0 MB\n')
    assert (tmp_path / 'small.pth').is_file()


def test_bad_checkpoints(checkpoint, tmp_path):
    target = str(tmp_path / 'small.pth')
    with pytest.raises(FileNotFoundError, match='no such checkpoint'):
        publish_checkpoint(str(tmp_path / 'no.pth'), target)
    large = torch.load(checkpoint, weights_only=True)
    large['state_dict']['weight'][0] = 1e6
    torch.save(large, checkpoint)
    with pytest.raises(ValueError, match='weight is not finite'):
        publish_checkpoint(checkpoint, target, half=True)
    del large['meta']['cfg']
    torch.save(large, checkpoint)
    with pytest.raises(ValueError, match='no cfg in it'):
        publish_checkpoint(checkpoint, target)
    assert not Path(target).exists()
