"""Training on several ranks, each a process of its own on the CPU."""

import multiprocessing
import os
import socket

import torch
from mmengine.config import Config
from mmengine.runner import Runner

import fer_ssl  # noqa: F401
from fer_ssl.launch import use_gloo_without_gpu
from tests.helpers.recorder import Recorder


def train_here(config):
    """Train a config in this process.

    Returns:
        Logged outputs of each iteration, and the final weights.
    """
    runner = Runner.from_cfg(Config(config))
    keep = Recorder()
    runner.register_hook(keep)
    runner.train()
    weights = runner.model
    weights = getattr(weights, 'module', weights).state_dict()
    return keep.outputs, {k: v.clone() for k, v in weights.items()}


def _train_rank(config, rank, world_size, port, path):
    os.environ.update(
        RANK=str(rank),
        LOCAL_RANK=str(rank),
        WORLD_SIZE=str(world_size),
        MASTER_ADDR='127.0.0.1',
        MASTER_PORT=str(port),
    )
    Runner._log_env = lambda *_: None  # asks compilers for their versions
    cfg = Config(dict(config, launcher='pytorch'), format_python_code=False)
    use_gloo_without_gpu(cfg)
    result = train_here(cfg._cfg_dict.to_dict())
    if rank == 0:
        torch.save(result, path)


def train_on_ranks(config, world_size, path):
    """As :func:`train_here`, on several ranks; the result of rank 0."""
    context = multiprocessing.get_context('forkserver')
    context.set_forkserver_preload([__name__, 'tests.helpers.preloaded'])
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    processes = [
        context.Process(
            target=_train_rank, args=(config, rank, world_size, port, path)
        )
        for rank in range(world_size)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(300)
    assert [process.exitcode for process in processes] == [0] * world_size
    return torch.load(path)
