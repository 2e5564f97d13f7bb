"""Guards against non-finite values, collapse, full disks and dead workers."""

import errno
import logging
import os
import signal
import time

import pytest
import torch
from mmengine.fileio import LocalBackend
from mmengine.hooks import Hook
from mmengine.registry import TRANSFORMS

from fer_ssl.engine import PseudoLabelCollapseHook

MIXUP = dict(augments=dict(type='Mixup', alpha=0.8), probs=1.0)


class CallBefore(Hook):
    """Calls a function with the runner before an iteration."""

    def __init__(self, iteration, function):
        self.iteration = iteration
        self.function = function

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if batch_idx == self.iteration:
            self.function(runner)


@pytest.mark.parametrize('network', ['student', 'teacher'])
def test_nan_stops_and_saves_the_weights(
    spatial_config, build_runner, network
):
    """The error names network, loss, iteration and a file of the weights."""

    def poison(runner):
        head = getattr(runner.model, network).head.fc
        head.weight.data.fill_(float('nan'))

    config = spatial_config
    config.train_cfg.pseudo_label = 'argmax'
    config.train_cfg.consistency = dict(weight=0.0)
    runner = build_runner(config)
    runner.register_hook(CallBefore(2, poison))
    with pytest.raises(FloatingPointError) as caught:
        runner.train()
    message = str(caught.value)
    loss = dict(student='loss', teacher='loss_supervised')[network]
    assert message.startswith(f'{network}/{loss} is nan at iteration 3')
    path = f'{config.work_dir}/nonfinite_iter_3_rank_0.pth'
    assert path in message
    saved = torch.load(path)
    assert saved['state_dict'][f'{network}.head.fc.weight'].isnan().all()
    assert saved['meta']['iter'] == 2
    # --resume does not go on from it.
    assert 'last_checkpoint' not in os.listdir(config.work_dir)


def test_infinite_feedback_stops(spatial_config, build_runner):
    def explode(runner):
        after = runner.train_loop.feedback.after_student_step
        runner.train_loop.feedback.after_student_step = lambda *args: [
            f * float('inf') for f in after(*args)
        ]

    runner = build_runner(spatial_config)
    runner.register_hook(CallBefore(1, explode))
    with pytest.raises(
        FloatingPointError, match='student/feedback is -?inf at iteration 2'
    ):
        runner.train()


@pytest.mark.parametrize('share, warned', [(0.97, True), (0.93, False)])
def test_collapse_warns(spatial_config, build_runner, share, warned):
    hook = PseudoLabelCollapseHook(interval=2)
    runner = build_runner(spatial_config)
    records = []
    handler = logging.Handler()
    handler.emit = records.append
    runner.logger.addHandler(handler)
    for number in range(2):
        runner.train_loop._iter = number
        shares = {'a': torch.tensor(share), 'b': torch.tensor(1 - share)}
        outputs = {f'pseudo_label/fraction_{k}': v for k, v in shares.items()}
        hook.after_train_iter(runner, number, outputs=outputs)
    messages = [r.getMessage() for r in records if 'collapsed' in r.msg]
    assert len(messages) == warned
    for message in messages:
        assert '97.0% of the pseudo-labels' in message


def test_full_disk_keeps_the_checkpoint_before(
    spatial_config, build_runner, monkeypatch
):
    config = spatial_config
    config.default_hooks.checkpoint.update(
        type='SafeCheckpointHook', interval=2, max_keep_ckpts=1
    )
    runner = build_runner(config)
    put = LocalBackend.put

    def full(self, content, filepath):
        put(self, content[:100], filepath)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    runner.register_hook(
        CallBefore(
            2, lambda runner: monkeypatch.setattr(LocalBackend, 'put', full)
        )
    )
    kept = f'{config.work_dir}/iter_2.pth'
    with pytest.raises(OSError) as caught:
        runner.train()
    assert 'checkpoint of iteration 4 cannot be written' in str(caught.value)
    assert 'No space left' in str(caught.value)
    assert f'{kept} is intact, and --resume' in str(caught.value)
    monkeypatch.undo()
    names = [n for n in os.listdir(config.work_dir) if '.pth' in n]
    assert names == ['iter_2.pth']
    resumed = build_runner(config, resume=True)
    resumed.train()
    assert resumed.iter == 6


def test_a_resumed_checkpoint_removes_no_foreign_files(
    spatial_config, build_runner, tmp_path
):
    """The checkpoint lists outdated files, but may come from anyone."""
    config = spatial_config
    config.train_cfg.val_interval = 3
    config.default_hooks.checkpoint.update(
        type='SafeCheckpointHook',
        interval=3,
        max_keep_ckpts=1,
        save_best='student/macro_f1',
        rule='greater',
    )
    config.train_cfg.max_iters = 3
    build_runner(config).train()
    latest = f'{config.work_dir}/iter_3.pth'
    foreign = tmp_path / 'diploma'
    (foreign / 'thesis').mkdir(parents=True)
    (foreign / 'best_of_my_life.pth').touch()
    step = f'{foreign}/iter_1'
    (foreign / 'iter_1.pth').touch()
    for best in (foreign / 'thesis', foreign / 'best_of_my_life.pth'):
        checkpoint = torch.load(latest, weights_only=False)
        info = checkpoint['message_hub']['runtime_info']
        info.update(
            best_ckpt=str(best),
            best_score=-1.0,
            keep_ckpt_ids=[f'/../../diploma/{os.path.basename(step)}'],
        )
        torch.save(checkpoint, tmp_path / 'hostile.pth')
        config.train_cfg.max_iters = 6
        resumed = build_runner(
            config, resume=True, load_from=str(tmp_path / 'hostile.pth')
        )
        resumed.train()
        assert resumed.iter == 6
    names = sorted(os.listdir(foreign))
    assert names == ['best_of_my_life.pth', 'iter_1.pth', 'thesis']


@TRANSFORMS.register_module()
class KillWorker:
    """Transform that kills its process as the out-of-memory killer does."""

    def __init__(self):
        self.seen = 0

    def __call__(self, results):
        self.seen += 1
        if self.seen > 20:
            os.kill(os.getpid(), signal.SIGKILL)
        return results


def test_dead_worker_is_an_error(spatial_config, build_runner):
    loader = spatial_config.train_dataloader
    loader.num_workers = 1
    loader.dataset.pipeline.insert(1, dict(type='KillWorker'))
    end = '(killed by signal|exited unexpectedly)'
    with pytest.raises(RuntimeError, match=f'worker .*{end}'):
        build_runner(spatial_config).train()


def test_corrupt_image_is_skipped_and_counted(spatial_config, build_runner):
    """The corrupt image is in the middle of the unlabeled faces."""
    dataset = spatial_config.train_cfg.unlabeled_dataloader.dataset
    dataset.on_unreadable = 'skip'
    runner = build_runner(spatial_config)
    unlabeled = runner.train_loop.unlabeled_dataloader.dataset
    path = unlabeled.get_data_info(len(unlabeled) // 2)['img_path']
    with open(path, 'wb') as file:
        file.write(b'no image')
    runner.train()
    assert runner.iter == 6
    assert unlabeled.num_unreadable >= 1


def test_corrupt_image_stops_by_default(spatial_config, build_runner):
    runner = build_runner(spatial_config)
    unlabeled = runner.train_loop.unlabeled_dataloader.dataset
    path = unlabeled.get_data_info(len(unlabeled) // 2)['img_path']
    with open(path, 'wb') as file:
        file.write(b'no image')
    with pytest.raises(Exception, match=path):
        runner.train()


def test_start_does_not_depend_on_the_iteration(spatial_config, build_runner):
    """The first batch at iteration 90,000 comes as fast as that at 0."""
    loop = build_runner(spatial_config).train_loop
    seconds = []
    for iteration in (0, 90_000):
        loop._iter = iteration
        start = time.process_time()
        loop.resume_data()
        next(loop.dataloader_iterator)
        seconds.append(time.process_time() - start)
    assert seconds[1] - seconds[0] < 2


def test_batch_that_cannot_be_split(spatial_config, build_runner):
    spatial_config.train_cfg.accumulation = 4
    with pytest.raises(ValueError, match='batch_size=6 .* accumulation=4'):
        build_runner(spatial_config).train()


@pytest.mark.parametrize(
    'change, message',
    [
        (dict(optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1))), 'each'),
        ({'model.data_preprocessor.batch_augments': MIXUP}, 'mixes labels'),
        ({'train_cfg.accumulation': 0}, 'accumulation=0'),
    ],
)
def test_parts_that_do_not_fit(spatial_config, build_runner, change, message):
    if 'optim_wrapper' in change:
        spatial_config.optim_wrapper = change['optim_wrapper']
        spatial_config.param_scheduler = None
        change = {}
    with pytest.raises(ValueError, match=message):
        build_runner(spatial_config, **change).train()


def test_soft_labels_need_a_feedback_that_takes_them(
    spatial_config, build_runner
):
    spatial_config.train_cfg.pseudo_label = 'soft'
    with pytest.raises(ValueError, match="feedback='expected'"):
        build_runner(spatial_config).train()


def test_unknown_feedback(spatial_config, build_runner):
    spatial_config.train_cfg.feedback = 'dots'
    with pytest.raises(KeyError, match='DotsFeedback'):
        build_runner(spatial_config).train()
