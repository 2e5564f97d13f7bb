import argparse
import os
import re
import signal
from functools import partial
from multiprocessing.connection import Client
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.device import utils as device_utils
from mmengine.registry import TASK_UTILS

from fer_ssl import launch
from fer_ssl.apis.default_checkpoint import check_checkpoint
from fer_ssl.utils.saved_config import parse_saved_config


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.setenv('LOCAL_RANK', '0')
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '0')


@pytest.fixture
def parse(tmp_path):
    config = tmp_path / 'some_config.py'
    config.write_text(
        'model = dict(head=dict(num_classes=8))\n'
        'pipeline = [dict(type="A"), dict(type="B")]\n'
    )

    def parse(*arguments, config=config):
        parser = argparse.ArgumentParser()
        parser.add_argument('config')
        launch.add_launch_arguments(parser)
        return parser.parse_args([str(config), *arguments])

    return parse


def test_options_change_the_config(parse):
    cfg = launch.load_config(
        parse('--cfg-options', 'model.head.num_classes=5', 'pipeline.1.type=C')
    )
    assert cfg.model.head.num_classes == 5
    assert [x.type for x in cfg.pipeline] == ['A', 'C']
    assert cfg.work_dir == './work_dirs/some_config'
    assert cfg.launcher == 'none'


def test_what_the_config_refuses(parse, monkeypatch):
    for variable, config in (
        ('FER_SSL_METHOD', 'demo_methods.py'),
        ('FER_SSL_METHOD', 'demo_meta.py'),
        ('FER_SSL_ENCODER', 'demo_b_va.py'),
    ):
        monkeypatch.setenv(variable, 'typo')
        words = rf"{config}: {variable}='typo' must be one of \w+, "
        with pytest.raises(ValueError, match=words):
            launch.load_config(parse(config=config))


def test_folder_with_a_quote_in_its_name(parse, monkeypatch, tmp_path):
    folder = f"{tmp_path}/Ann's faces"
    monkeypatch.setenv('FER_SSL_FACES', folder)
    cfg = launch.load_config(parse(config='faces_supervised_r18.py'))
    assert cfg.train_dataloader.dataset.data_root == folder
    cfg.dump(tmp_path / 'saved.py')
    saved = Config.fromfile(tmp_path / 'saved.py')
    assert saved.to_dict() == cfg.to_dict()


def test_data_root_reaches_the_datasets(parse, tmp_path):
    config = tmp_path / 'with_data.py'
    config.write_text(
        "data_root = 'data'\n"
        'loaders = [dict(dataset=dict(data_root=data_root))]\n'
        "other = dict(dataset=dict(data_root='elsewhere'))\n"
    )
    cfg = launch.load_config(
        parse('--cfg-options', 'data_root=mine', config=config)
    )
    assert cfg.loaders[0].dataset.data_root == 'mine'
    assert cfg.other.dataset.data_root == 'elsewhere'


@pytest.mark.parametrize(
    'name', ['my faces', 'faces,v2', "Ann's faces", '$a=1 {b}', '007']
)
def test_data_root_is_taken_as_typed(parse, tmp_path, name):
    config = tmp_path / 'with_data.py'
    config.write_text(
        "data_root = 'data'\n"
        "data = dict(data_root=data_root, split='train')\n"
        'load_from = None\n'
    )
    cfg = launch.load_config(
        parse(
            '--cfg-options',
            f'data_root={name}',
            f'data.split={name}',
            f'load_from=data/{name}.pth',
            config=config,
        )
    )
    assert cfg.data.to_dict() == dict(data_root=name, split=name)
    assert cfg.load_from == f'data/{name}.pth'


def test_data_root_that_the_config_lacks(parse):
    cfg = launch.load_config(parse('--cfg-options', 'data_root=mine'))
    assert 'data_root' not in cfg.model


@pytest.mark.parametrize(
    'loop, message',
    [
        (
            dict(type='ResumableTrainLoop', max_iters=2, max_epochs=3),
            r'train_cfg.max_epochs: ResumableTrainLoop .* counts iterations\. '
            r'Set train_cfg\.max_iters\.$',
        ),
        (
            dict(type='ResumableEpochLoop', max_iters=2),
            r'train_cfg.max_iters: .* counts epochs\. Set .*max_epochs\.$',
        ),
        (dict(by_epoch=True, max_iters=2), 'EpochBasedTrainLoop has no such'),
        (
            dict(type='MetaPseudoLabelLoop', max_iters=2, feedbak='dot'),
            'train_cfg.feedbak: .*; did you mean feedback',
        ),
        (
            dict(type='ResumableTrainLoop', by_epoch=False, max_iters=2),
            'train_cfg.by_epoch: ',
        ),
    ],
)
def test_arguments_of_the_loop(loop, message):
    with pytest.raises(ValueError, match=message):
        launch.check_loops(Config(dict(train_cfg=loop)))


@pytest.mark.parametrize(
    'loader, message',
    [
        (dict(batch_sizes=3), r'\.batch_sizes: .*; did you mean batch_size'),
        (dict(batch_size=0), r'\.batch_size=0: must be a positive integer'),
        (dict(batch_size='x'), r"\.batch_size='x': must be a positive"),
    ],
)
def test_arguments_of_a_loader(loader, message):
    with pytest.raises(ValueError, match=f'^unlabeled_dataloader{message}'):
        launch.check_loops(Config(dict(unlabeled_dataloader=loader)))
    loader = dict(dataset={}, batch_size=2, num_batch_per_epoch=3)
    launch.check_loops(Config(dict(val_dataloader=loader)))


def test_schedule_after_the_end_of_the_training():
    warm_up = dict(type='LinearLR', by_epoch=False, end=100)
    cosine = dict(type='CosineAnnealingLR', by_epoch=False, begin=100)
    loop = dict(type='SemiSupervisedLoop', max_iters=100)
    for schedules, place in (
        ([warm_up, cosine], 'param_scheduler.1'),
        (cosine, 'param_scheduler'),
        (dict(teacher=warm_up, student=[cosine]), 'param_scheduler.student.0'),
    ):
        cfg = Config(dict(train_cfg=loop, param_scheduler=schedules))
        message = (
            rf'^{re.escape(place)}\.begin=100: CosineAnnealingLR would begin '
            r'after .*, train_cfg\.max_iters=100\. Train longer'
        )
        with pytest.raises(ValueError, match=message):
            launch.check_schedules(cfg)
        cfg.train_cfg.max_iters = 101
        launch.check_schedules(cfg)
    cfg = dict(
        train_cfg=dict(type='ResumableEpochLoop', max_epochs=2),
        param_scheduler=[dict(type='CosineAnnealingLR', begin=2)],
    )
    with pytest.raises(ValueError, match=r'train_cfg\.max_epochs=2'):
        launch.check_schedules(Config(cfg))
    launch.check_schedules(Config(dict(train_cfg=loop)))


def test_text_in_the_place_of_a_number(parse, capsys):
    options = '--cfg-options', 'model.head.num_classes=abc'
    launch.load_config(parse(*options))
    assert (
        "warning: --cfg-options model.head.num_classes: 'abc' is text, but "
        'the config has the number'
    ) in capsys.readouterr().err
    launch.load_config(parse('--cfg-options', 'model.head.num_classes=7'))
    assert not capsys.readouterr().err


def test_yaml_that_would_run_code(parse, tmp_path):
    marker, path = tmp_path / 'marker', tmp_path / 'a.yml'
    path.write_text(f'a: 1\nb: !!python/object/apply:os.mkdir ["{marker}"]\n')
    message = r'a\.yml:2: not valid YAML for data: .*apply:os\.mkdir'
    for read in (
        launch.read_config_file,
        lambda x: launch.load_config(parse(config=x)),
    ):
        with pytest.raises(ValueError, match=message):
            read(path)
    assert not marker.exists()


def test_loops_with_their_arguments():
    for loop in (
        dict(type='ResumableTrainLoop', max_iters=2, val_interval=1),
        dict(type='mmengine.runner.IterBasedTrainLoop', max_iters=2),
        dict(type='MetaPseudoLabelLoop', max_iters=2, unlabeled_dataloader={}),
        dict(by_epoch=False, max_iters=2),
        None,
    ):
        cfg = dict(train_cfg=loop, val_cfg=dict(fp16=True), test_cfg={})
        launch.check_loops(Config(cfg))


@pytest.mark.parametrize(
    'component, message',
    [
        (dict(type='FixMach'), "type='FixMach': .*; did you mean FixMatch"),
        (
            dict(type='FixMatch', treshold=0.9),
            "FixMatch has no argument 'treshold'; did you mean threshold",
        ),
        (dict(type='FixMatch', wight=1.0), "'wight'; did you mean weight"),
    ],
)
def test_misspelled_component(component, message):
    sizes = dict(num_classes=2, num_labeled=4, num_unlabeled=8, max_iters=9)
    with pytest.raises(SystemExit, match=f'^error: .*{message}'):
        launch.run(lambda: TASK_UTILS.build({**component, **sizes}))


def test_misspelled_argument_that_a_hook_reports():
    def main():
        try:
            TASK_UTILS.build(dict(type='IoUTracker', gap=1))
        except TypeError as error:
            raise TypeError(f'{error} in hook') from None

    with pytest.raises(SystemExit, match="IoUTracker has no argument 'gap'"):
        launch.run(main)


def test_error_inside_a_component_keeps_its_traceback():
    class Broken:
        def __init__(self, size):
            self.__class__(seed=size)

    class Missing:
        def __init__(self):
            {}['gap']

    with pytest.raises(TypeError, match="keyword argument 'seed'"):
        launch.run(lambda: TASK_UTILS.build(dict(type=Broken, size=1)))
    with pytest.raises(KeyError, match='gap'):
        launch.run(lambda: TASK_UTILS.build(dict(type=Missing)))


def test_missing_start_weights(tmp_path):
    file = tmp_path / 'weights.pth'
    part = dict(
        type='Wrapper',
        parts=[dict(init_cfg=dict(type='Pretrained', checkpoint=str(file)))],
    )
    model = Config(dict(model=part)).model
    with pytest.raises(FileNotFoundError, match='model.parts.0.init_cfg: .*'):
        launch.check_start_weights(model)
    file.touch()
    launch.check_start_weights(model)
    model.parts[0].init_cfg.checkpoint = 'https://some.where/weights.pth'
    launch.check_start_weights(model)


def test_work_dir(parse):
    cfg = launch.load_config(parse('--work-dir', 'here'))
    assert cfg.work_dir == 'here'


def test_typo_in_the_config_path_names_the_nearest(parse, tmp_path):
    args = parse(config=tmp_path / 'sme_config.py')
    with pytest.raises(FileNotFoundError, match='mean some_config.py'):
        launch.load_config(args)


@pytest.mark.parametrize(
    'key, hint',
    [
        ('modle.head.num_classes', 'did you mean model'),
        ('model.head.num_clases', 'did you mean num_classes'),
        ('rndomness.seed', 'did you mean randomness'),
    ],
)
def test_new_key_is_warned_of(parse, capsys, key, hint):
    launch.load_config(parse('--cfg-options', f'{key}=3'))
    assert hint in capsys.readouterr().err


@pytest.mark.parametrize('key', ['randomness.seed', 'model.head.num_classes'])
def test_known_key_is_not_warned_of(parse, capsys, key):
    launch.load_config(parse('--cfg-options', f'{key}=3'))
    assert capsys.readouterr().err == ''


def test_list_index_beyond_the_end_is_refused(parse):
    with pytest.raises(ValueError, match='--cfg-options'):
        launch.load_config(parse('--cfg-options', 'pipeline.7.type=C'))


def test_option_without_value_is_refused(parse, capsys):
    with pytest.raises(SystemExit):
        parse('--cfg-options', 'model.head.num_classes')
    assert 'is not key=value' in capsys.readouterr().err


@pytest.mark.parametrize('option', [('--gpus', '0'), ('--device', 'cpu')])
def test_cpu_hides_the_gpus(parse, option):
    launch.load_config(parse(*option))
    assert os.environ['CUDA_VISIBLE_DEVICES'] == '-1'


def test_several_gpus_need_a_launcher(parse):
    launch.load_config(parse('--gpus', '2', '--launcher', 'pytorch'))
    with pytest.raises(ValueError, match='--launcher pytorch'):
        launch.load_config(parse('--gpus', '2'))


def optimizer():
    return dict(type='SGD', lr=0.1)


@pytest.mark.parametrize(
    'wrapper, parts',
    [
        (dict(optimizer=optimizer()), ['']),
        (dict(type='OptimWrapper', optimizer=optimizer()), ['']),
        (
            dict(
                constructor='MultiOptimWrapperConstructor',
                teacher=dict(type='OptimWrapper', optimizer=optimizer()),
                student=dict(optimizer=optimizer()),
            ),
            ['teacher', 'student'],
        ),
    ],
)
def test_amp_reaches_every_wrapper(monkeypatch, wrapper, parts):
    monkeypatch.setattr(device_utils, 'DEVICE', 'cuda')
    cfg = Config(dict(optim_wrapper=wrapper))
    launch.enable_amp(cfg)
    for part in parts:
        wrapped = cfg.optim_wrapper[part] if part else cfg.optim_wrapper
        assert wrapped.type == 'AmpOptimWrapper'
        assert wrapped.loss_scale == 'dynamic'
    assert ('type' in cfg.optim_wrapper) == (parts == [''])


def test_amp_is_refused_where_it_cannot_work(monkeypatch):
    cfg = Config(dict(optim_wrapper=dict(optimizer=optimizer(), type='Own')))
    monkeypatch.setattr(device_utils, 'DEVICE', 'cpu')
    with pytest.raises(ValueError, match='needs a GPU'):
        launch.enable_amp(cfg)
    monkeypatch.setattr(device_utils, 'DEVICE', 'cuda')
    with pytest.raises(ValueError, match='optimizer wrapper Own'):
        launch.enable_amp(cfg)


@pytest.mark.parametrize('wrapper', [None, dict(type='Separate')])
def test_gloo_gets_no_cuda_device(monkeypatch, wrapper):
    backends = []
    monkeypatch.setattr(
        torch.distributed, 'init_process_group', backends.append
    )
    monkeypatch.setattr(device_utils, 'DEVICE', 'cpu')
    cfg = Config(dict(launcher='pytorch', model_wrapper_cfg=wrapper))
    launch.use_gloo_without_gpu(cfg)
    assert backends == ['gloo']
    assert cfg.model_wrapper_cfg.device_ids is None
    kind = wrapper['type'] if wrapper else 'MMDistributedDataParallel'
    assert cfg.model_wrapper_cfg.type == kind


def test_gloo_is_only_for_the_cpu(monkeypatch):
    monkeypatch.setattr(device_utils, 'DEVICE', 'cuda')
    cfg = Config(dict(launcher='pytorch'))
    launch.use_gloo_without_gpu(cfg)
    assert 'model_wrapper_cfg' not in cfg


def test_run_shows_only_the_message_of_our_errors(parse, tmp_path):
    args = parse(config=tmp_path / 'missing.py')
    with pytest.raises(SystemExit, match='^error: config .*missing.py'):
        launch.run(lambda: launch.load_config(args))


def test_run_keeps_the_traceback_of_other_errors():
    with pytest.raises(ValueError, match='invalid literal'):
        launch.run(lambda: int('x'))


class Raises(torch.utils.data.Dataset):
    """Data set that calls a function for each sample."""

    def __init__(self, function, *arguments):
        self.call = partial(function, *arguments)

    def __len__(self):
        return 1

    def __getitem__(self, _):
        return self.call()


@pytest.mark.parametrize(
    'function, arguments, text',
    [
        (open, ['/none/a.jpg'], "No such file or directory: '/none/a.jpg'"),
        (check_checkpoint, ['/none/a.pth'], '/none/a.pth does not exist'),
        (parse_saved_config, [5, 'a.pth'], 'a.pth: its config is int'),
    ],
)
def test_errors_of_workers_are_one_line(function, arguments, text):
    loader = torch.utils.data.DataLoader(
        Raises(function, *arguments), num_workers=1
    )
    with pytest.raises(SystemExit) as stop:
        launch.run(lambda: list(loader))
    (line,) = stop.value.code.splitlines()
    assert line.startswith('error: ') and text in line
    assert 'Caught' not in line


def test_other_errors_of_workers_keep_their_traceback():
    loader = torch.utils.data.DataLoader(Raises(int, 'x'), num_workers=1)
    with pytest.raises(ValueError, match='Original Traceback'):
        launch.run(lambda: list(loader))


def end_worker():
    os.kill(os.getpid(), signal.SIGKILL)


def connect_to_nobody():
    Client('/none/socket', 'AF_UNIX')


@pytest.mark.parametrize('num_workers', [0, 1])
def test_a_lost_worker_is_one_line(num_workers):
    # In this process, as if the worker that had the socket were gone.
    function = end_worker if num_workers else connect_to_nobody
    loader = torch.utils.data.DataLoader(
        Raises(function), num_workers=num_workers
    )

    def main():
        with launch.results_in('work_dirs/x'):
            list(loader)

    with pytest.raises(SystemExit) as stop:
        launch.run(main)
    (line,) = stop.value.code.splitlines()
    assert line.startswith('error: DataLoader worker (')
    assert 'num_workers' in line and 'work_dirs' not in line


def test_strict_loading_keeps_other_errors():
    def load_checkpoint(filename, strict):
        assert strict
        raise RuntimeError('CUDA error')

    runner = SimpleNamespace(load_checkpoint=load_checkpoint)
    launch.load_strictly(runner)
    with pytest.raises(RuntimeError, match='CUDA error'):
        runner.load_checkpoint('x.pth')
