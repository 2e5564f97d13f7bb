"""The mim commands, as typed in any folder after ``pip install .``."""

from importlib import metadata

import pytest


def is_installed():
    try:
        files = metadata.files('fer_ssl') or []
    except metadata.PackageNotFoundError:
        return False
    return any('.mim/tools/train.py' in str(file) for file in files)


pytestmark = pytest.mark.skipif(
    not is_installed(), reason='needs an install, as tools/run_tests.sh makes'
)


@pytest.fixture(scope='module')
def trained(call, folder):
    output = call(
        'mim train fer_ssl toy.py --gpus 0 --work-dir first '
        '--cfg-options optim_wrapper.optimizer.lr=0.02'
    )
    assert '--device cpu' in output and 'lr: 2.0000e-02' in output
    return 'first/iter_2.pth'


def test_train_resumes(trained, call):
    output = call(
        'mim train fer_ssl toy.py --work-dir first --resume '
        '--cfg-options train_cfg.max_iters=3'
    )
    assert 'resumed epoch: 0, iter: 2' in output


def test_test(trained, call):
    output = call(f'mim test fer_ssl toy.py --checkpoint {trained}')
    assert 'acc: 1' in output and 'Testing finished successfully' in output


def test_train_on_two_processes(call, folder, monkeypatch):
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '-1')
    output = call(
        'mim train fer_ssl toy.py --gpus 2 --launcher pytorch --work-dir two'
    )
    assert 'Iter(train) [2/2]' in output
    (log,) = (folder / 'two').glob('*/*.log')
    assert 'GPU number: 2' in log.read_text()


def test_amp_is_passed_on(call, monkeypatch):
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '-1')
    output = call('mim train fer_ssl toy.py --amp', status=1)
    assert 'error: --amp needs a GPU' in output


def test_configs_are_found_by_name(call):
    output = call(
        'mim train fer_ssl configs/spatial_r50.py --gpus 0 '
        '--cfg-options data_root=nowhere',
        status=1,
    )
    assert 'fer_ssl/.mim/configs/spatial_r50.py' in output
    assert 'error: ' in output and 'nowhere' in output.split('error: ')[1]


def test_run(call):
    output = call('mim run fer_ssl train toy.py --work-dir run')
    assert 'Iter(train) [2/2]' in output


def test_gridsearch(call, folder):
    name = 'optim_wrapper.optimizer.lr'
    output = call(
        'mim gridsearch fer_ssl toy.py --gpus 0 --work-dir grid '
        f'--search-args "--{name} 0.1"'
    )
    assert 'search finished successfully' in output
    assert (folder / f'grid_search_{name}_0.1/iter_2.pth').exists()


def test_search(call):
    output = call('mim search fer_ssl --config spatial_r50 --field config')
    assert 'configs/spatial_r50.py' in output
    output = call('mim search fer_ssl --config temporal_r50')
    assert "(paper's own)/macro-f1 " in output and '42.77' in output
    output = call('mim search fer_ssl --valid-config')
    assert "'va_paper'" in output and "'demo_b_va'" in output
