"""Several ranks, each a process of its own on the CPU."""

import os
import socket

import torch
from mmengine.config import Config
from mmengine.runner import Runner

import fer_ssl  # noqa: F401
from fer_ssl.launch import use_gloo_without_gpu
from tests.helpers.fork_server import fork_server
from tests.helpers.recorder import Recorder


def train_here(config):
    """Train a config in this process.

    Returns:
        Logged outputs of each iteration, and the final weights, with the state
        of a semi-supervised method under ``method``.
    """
    runner = Runner.from_cfg(Config(config))
    keep = Recorder()
    runner.register_hook(keep)
    runner.train()
    weights = runner.model
    weights = getattr(weights, 'module', weights).state_dict()
    method = getattr(runner.train_loop, 'method', None)
    if method is not None:
        weights.update(method.state_dict(prefix='method.'))
    return keep.outputs, {k: v.clone() for k, v in weights.items()}


def _call_as_rank(function, args, rank, world_size, port, path):
    os.environ.update(
        RANK=str(rank),
        LOCAL_RANK=str(rank),
        WORLD_SIZE=str(world_size),
        MASTER_ADDR='127.0.0.1',
        MASTER_PORT=str(port),
    )
    torch.save(function(*args), f'{path}.{rank}')


def run_on_ranks(function, args, world_size, path):
    """Call a function of a helper module on several ranks.

    Returns:
        What the function returned on each rank.
    """
    context = fork_server()
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    processes = [
        context.Process(
            target=_call_as_rank,
            args=(function, args, rank, world_size, port, path),
        )
        for rank in range(world_size)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(300)
    assert [process.exitcode for process in processes] == [0] * world_size
    return [
        torch.load(f'{path}.{rank}', weights_only=False)
        for rank in range(world_size)
    ]


def _train_as_rank(config):
    Runner._log_env = lambda *_: None  # runs compilers
    cfg = Config(dict(config, launcher='pytorch'), format_python_code=False)
    use_gloo_without_gpu(cfg)
    return train_here(cfg._cfg_dict.to_dict())


def train_on_ranks(config, world_size, path):
    """Train a config on several ranks.

    Returns:
        What :func:`train_here` returns, on rank 0.
    """
    return run_on_ranks(_train_as_rank, (config,), world_size, path)[0]
