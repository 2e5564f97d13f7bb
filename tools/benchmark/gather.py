"""Measure how an evaluation on several processes collects its predictions.

    python tools/benchmark/gather.py --predictions 1000000

Runs MacroF1Metric on the CPU with gloo, on random predictions of 8 classes:
images, images that are written to a file, single frames of videos, and windows
of 32 frames. Prints the time and the memory of rank 0.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Iterator

import numpy as np
import torch
from mmengine.dist import barrier
from torch import distributed
from torch.multiprocessing import start_processes

from fer_ssl.evaluation import MacroF1Metric
from fer_ssl.launch import run
from fer_ssl.utils.tables import markdown_table

CLASSES = tuple('ABCDEFGH')
#: Frames of a window by the name of the case; None for images.
CASES = {
    'images': None,
    'images, written': None,
    'frames of videos': 1,
    'windows of 32 frames': 32,
}
FRAMES = 5000  # of a video
BATCH = 64


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add('--predictions', type=int, default=1_000_000, help='of all processes')
    add('--processes', type=int, default=2)
    return parser.parse_args()


def samples(
    window: int | None, rank: int, args: argparse.Namespace
) -> Iterator[dict]:
    """Yield every ``args.processes``-th data sample, from number ``rank``."""
    size = args.predictions // (window or 1)
    scores = torch.rand(997, window or 1, len(CLASSES)).softmax(-1)
    for i in range(rank, size, args.processes):
        pred_score = scores[i % len(scores)]
        if window is None:
            label = torch.tensor([i % len(CLASSES)])
            path = f'faces/{i:08d}.jpg'
            yield dict(pred_score=pred_score[0], gt_label=label, img_path=path)
        else:
            video, start = divmod(i * window, FRAMES // window * window)
            yield dict(video=f'{video}', start=start, pred_score=pred_score)


def evaluate(
    rank: int, name: str, folder: str, args: argparse.Namespace
) -> None:
    """Evaluate one case as one rank; rank 0 saves the row of the table."""
    torch.set_num_threads(1)
    distributed.init_process_group(
        'gloo',
        f'file://{folder}/link',
        rank=rank,
        world_size=args.processes,
    )
    window = CASES[name]
    meta = dict(classes=CLASSES)
    if window is not None:
        length = FRAMES // window * window
        count = -(-args.predictions // length)
        labels = np.arange(length) % len(CLASSES)
        meta['videos'] = {f'{video}': labels for video in range(count)}
    written = f'{folder}/out.csv' if 'written' in name else None
    metric = MacroF1Metric(out_file=written, collect_dir=f'{folder}/parts')
    metric.dataset_meta = meta
    start = time.process_time()
    batch = []
    for sample in samples(window, rank, args):
        batch.append(sample)
        if len(batch) == BATCH:
            metric.process(None, batch)
            batch = []
    metric.process(None, batch)
    kept = time.process_time() - start
    barrier()  # the ranks share the cores
    before = peak_memory()
    clock, start = time.perf_counter(), time.process_time()
    scores = metric.evaluate(args.predictions // (window or 1))
    row = kept, time.process_time() - start, time.perf_counter() - clock
    row += before, peak_memory() - before, scores['macro_f1']
    if rank == 0:
        torch.save(row, f'{folder}/row.pth')
    distributed.destroy_process_group()


def peak_memory() -> float:
    """Return the largest memory that this process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def main() -> None:
    args = parse_args()
    rows = []
    for name in CASES:
        with tempfile.TemporaryDirectory() as folder:
            given = name, folder, args
            start_processes(
                evaluate, given, args.processes, start_method='fork'
            )
            row = torch.load(f'{folder}/row.pth')
        rows.append([name, *(f'{x:,.1f}' for x in row)])
    heads = (
        f'{args.predictions:,} predictions|keeping, CPU s|evaluate, CPU s|'
        'evaluate, s|memory before, MB|more at the peak, MB|macro-F1, %'
    )
    print(markdown_table(heads.split('|'), rows))


if __name__ == '__main__':
    run(main)
