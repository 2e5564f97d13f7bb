"""Measure what a checkpoint of a config costs.

    python tools/benchmark/checkpoint.py configs/spatial_r50.py \\
        configs/mae/mae_vit_base_faces.py --folder DISK

Saves the network and its optimizers on the CPU as MMEngine does, waits until
they are on the disk, and reads them again. Prints the medians of the rounds.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from statistics import median

import torch
from mmengine.config import Config
from mmengine.optim import OptimWrapperDict, build_optim_wrapper
from mmengine.registry import MODELS, init_default_scope
from mmengine.runner.checkpoint import CheckpointLoader, save_checkpoint

from fer_ssl.launch import run
from fer_ssl.utils.tables import markdown_table

HEADS = (
    'config|weights, M|file, MB|saving, s|saving, CPU s|reading, s|'
    'reading, CPU s'
)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add('configs', nargs='+', help='configs of trainings')
    add('--folder', help='on the disk to measure; default: temporary files')
    add('--rounds', type=int, default=3)
    return parser.parse_args()


def state_of(path: str) -> tuple[int, dict]:
    """Return the number of weights and the state after a first step."""
    config = Config.fromfile(path)
    init_default_scope(config.default_scope)
    model = MODELS.build(config.model)
    optim = build_optim_wrapper(model, config.optim_wrapper)
    for weight in model.parameters():
        if weight.requires_grad:
            weight.grad = torch.zeros_like(weight)
    several = isinstance(optim, OptimWrapperDict)
    for wrapper in optim.values() if several else [optim]:
        wrapper.step()
        wrapper.zero_grad()
    weights = sum(x.numel() for x in model.parameters())
    state = dict(state_dict=model.state_dict(), optimizer=optim.state_dict())
    return weights, state


def timed(function, *args, **kwargs) -> tuple[float, float]:
    """Return the seconds and the CPU seconds of a call."""
    clock, start = time.perf_counter(), time.process_time()
    function(*args, **kwargs)
    return time.perf_counter() - clock, time.process_time() - start


def main() -> None:
    args = parse_args()
    torch.set_num_threads(1)
    rows = []
    for path in args.configs:
        weights, state = state_of(path)
        saving, reading = [], []
        with tempfile.TemporaryDirectory(dir=args.folder) as folder:
            file = os.path.join(folder, 'iter_1.pth')
            for _ in range(args.rounds):
                saving.append(timed(save_checkpoint, state, file))
                reading.append(
                    timed(CheckpointLoader.load_checkpoint, file, 'cpu')
                )
            size = os.path.getsize(file)
        times = [median(x) for x in (*zip(*saving), *zip(*reading))]
        cells = weights / 1e6, size / 1e6, *times
        rows.append([path, *(f'{x:,.1f}' for x in cells)])
    print(markdown_table(HEADS.split('|'), rows))


if __name__ == '__main__':
    run(main)
