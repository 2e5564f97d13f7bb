"""Cost of the spatial phase on 1 to 64 GPUs, by a formula.

Every rank has the batch of one GPU. In a step all gradients of a network are
summed over the ranks as many times as :data:`REDUCTIONS` says: those of the
student's and the teacher's step by DDP, those of the feedback on their own.
A ring of n ranks sends 2 (n - 1) / n times the size through each link, in
2 (n - 1) hops::

    reduction = 2 (n - 1) / n * size / bandwidth + 2 (n - 1) * latency
    step      = compute + reductions * reduction * (1 - hidden)
                + small * 2 (n - 1) * latency
"""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from torch import distributed

from ..utils.tables import markdown_table

#: Weights of ResNet-50 with 8 classes (configs/_base_/models/resnet50.py).
RESNET50_WEIGHTS = 23_524_424
#: Reductions of all gradients of a network in one step, by estimator: one of
#: the student's step, one of the teacher's, and what the estimator adds.
REDUCTIONS = {
    'none': 2,
    'jvp': 2,
    'finite_difference': 2,
    'dot': 3,
    'expected': 3,
    'per_sample': 3,
}


@dataclass
class Machine:
    """What a step costs, measured or assumed.

    Attributes:
        step_ms: Step of one GPU without any communication, ms.
        bandwidth: Of the slowest link of the ring, GB/s (1e9 bytes).
        latency_us: Of one hop, microseconds.
        weights: Of one network.
        bytes_per_weight: Of a gradient.
        reductions: Of all gradients, per step; see :data:`REDUCTIONS`.
        small_reductions: Of few numbers, per step: log, feedback, spread.
        hidden: Share of the reductions that runs behind computation.
    """

    step_ms: float
    bandwidth: float
    latency_us: float
    weights: int = RESNET50_WEIGHTS
    bytes_per_weight: int = 4
    reductions: int = REDUCTIONS['dot']
    small_reductions: int = 3
    hidden: float = 0.0

    def reduction_ms(self, ranks: int) -> float:
        """One reduction of all gradients, ms."""
        size = self.weights * self.bytes_per_weight
        sent = 2 * (ranks - 1) / ranks * size
        return sent / self.bandwidth / 1e6 + self._hops_ms(ranks)

    def _hops_ms(self, ranks: int) -> float:
        return 2 * (ranks - 1) * self.latency_us / 1e3

    def step_on(self, ranks: int) -> float:
        """A step, ms."""
        large = self.reductions * self.reduction_ms(ranks) * (1 - self.hidden)
        small = self.small_reductions * self._hops_ms(ranks)
        return self.step_ms + large + small


@dataclass
class Load:
    """What is trained on.

    Attributes:
        labeled: Labeled faces per GPU and step.
        unlabeled: Unlabeled faces per GPU and step.
        faces: Unlabeled faces there are.
        face_kb: Size of one of them on disk, kB (1e3 bytes).
        core_rate: Faces that one core decodes and augments per second.
    """

    labeled: int
    unlabeled: int
    faces: int
    face_kb: float
    core_rate: float


def scaling_table(
    machine: Machine, load: Load, ranks: Sequence[int]
) -> list[dict[str, float]]:
    """Costs by number of GPUs.

    Returns:
        For each: ``gpus``, ``reduction_ms`` (all of a step), ``step_ms``,
        ``efficiency`` (share of a step that is computation), ``faces_per_s``
        (unlabeled), ``epoch_h`` (all unlabeled faces once), ``read_mb_per_s``
        and ``decode_per_s`` (labeled faces too), ``cores`` (for decoding, per
        GPU).
    """
    rows = []
    for count in ranks:
        step = machine.step_on(count)
        unlabeled = count * load.unlabeled / step * 1e3
        decoded = count * (load.labeled + load.unlabeled) / step * 1e3
        rows.append(
            dict(
                gpus=count,
                reduction_ms=step - machine.step_ms,
                step_ms=step,
                efficiency=machine.step_ms / step,
                faces_per_s=unlabeled,
                epoch_h=load.faces / unlabeled / 3600,
                read_mb_per_s=decoded * load.face_kb / 1e3,
                decode_per_s=decoded,
                cores=decoded / load.core_rate / count,
            )
        )
    return rows


def describe_scaling(rows: Sequence[dict[str, float]]) -> str:
    """The rows as a Markdown table."""
    heads = {
        'gpus': 'GPUs',
        'reduction_ms': 'communication, ms',
        'step_ms': 'step, ms',
        'efficiency': 'efficiency, %',
        'faces_per_s': 'unlabeled faces/s',
        'epoch_h': 'epoch, h',
        'read_mb_per_s': 'reading, MB/s',
        'decode_per_s': 'decoding, faces/s',
        'cores': 'cores per GPU',
    }
    lines = []
    for row in rows:
        shown = dict(row, efficiency=100 * row['efficiency'])
        gpus = shown.pop('gpus')
        cells = [f'{shown[key]:,.1f}' for key in heads if key in shown]
        lines.append([gpus, *cells])
    return markdown_table(list(heads.values()), lines, text_columns=0)


# --------------------------------------------------------------------------
# The small end, measured
# --------------------------------------------------------------------------
def measure_link(seconds: float = 2.0, weights: int = 4_000_000):
    """Bandwidth and latency between two processes with gloo.

    Args:
        seconds: How long to measure, about.
        weights: Numbers in the large reduction.

    Returns:
        GB/s of the formula above, and microseconds of a hop.
    """
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    context = torch.multiprocessing.get_context('spawn')
    queue = context.SimpleQueue()
    processes = [
        context.Process(
            target=_time_reductions, args=(rank, port, seconds, weights, queue)
        )
        for rank in range(2)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    if any(process.exitcode for process in processes):
        raise RuntimeError('two processes could not talk to each other')
    large, small = queue.get()
    # Of two ranks: size / bandwidth + 2 * latency.
    latency = small / 2
    return weights * 4 / (large - small) / 1e9, latency * 1e6


def _time_reductions(rank, port, seconds, weights, queue) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group(
        'gloo',
        init_method=f'tcp://127.0.0.1:{port}',
        rank=rank,
        world_size=2,
    )
    times = []
    for size in (weights, 1):
        numbers = torch.ones(size)
        for _ in range(3):
            distributed.all_reduce(numbers)
        start = time.perf_counter()
        distributed.all_reduce(numbers)
        one = time.perf_counter() - start
        # both ranks must agree on how often
        count = torch.tensor([max(int(seconds / 2 / one), 3)])
        distributed.broadcast(count, 0)
        start = time.perf_counter()
        for _ in range(int(count)):
            distributed.all_reduce(numbers)
        times.append((time.perf_counter() - start) / int(count))
    if rank == 0:
        queue.put(times)
    distributed.destroy_process_group()


def trained_weights_of(config: Config) -> int:
    """Number of weights of the student of a config that are trained."""
    init_default_scope(config.get('default_scope', 'mmpretrain'))
    student = MODELS.build(config.model.network)
    return sum(x.numel() for x in student.parameters() if x.requires_grad)
