"""Speed and memory of cached features: extraction, training, start-up."""

from __future__ import annotations

import csv
import os
import os.path as osp
import resource
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.device import get_device
from mmengine.registry import (
    DATASETS,
    MODELS,
    DefaultScope,
    init_default_scope,
)
from torch.utils.data import DataLoader

from ..datasets.videos.feature_store import FeatureStoreWriter, images_digest
from ..features.extract_features import extract_features
from ..labels import ABAW_EXPRESSIONS
from ..utils.tables import markdown_table
from .loader import make_images
from .timing import Speed, take_turns


def make_videos(folder: str, videos: int, frames: int, size: int) -> dict:
    """Write videos as JPEG frames with a frames CSV.

    Args:
        videos: Number of videos.
        frames: Frames of each.
        size: Side in pixels.

    Returns:
        Arguments of the video data sets.
    """
    for video in range(videos):
        name = _video_name(video)
        make_images(osp.join(folder, 'frames', name), frames, size)
    return write_frames_csv(folder, videos, frames, '{:06d}.jpg', first=0)


def write_frames_csv(
    folder: str,
    videos: int,
    frames: int,
    file: str = '{:05d}.jpg',
    first: int = 1,
) -> dict:
    """Write the annotation alone; see :func:`make_videos`.

    Args:
        file: Form of the name of an image.
        first: Number of the first image of a video.
    """
    os.makedirs(folder, exist_ok=True)
    path = osp.join(folder, 'frames.csv')
    with open(path, 'w', newline='', encoding='utf-8') as table:
        writer = csv.writer(table)
        writer.writerow(('video', 'frame', 'image', 'expression'))
        for video in range(videos):
            name = _video_name(video)
            writer.writerows(
                (
                    name,
                    frame + 1,
                    f'{name}/{file.format(frame + first)}',
                    ABAW_EXPRESSIONS[frame % len(ABAW_EXPRESSIONS)],
                )
                for frame in range(frames)
            )
    return dict(data_root=folder, ann_file='frames.csv')


def _video_name(number: int) -> str:
    return f'video{number:05d}'


def make_store(folder: str, videos: int, frames: int, dim: int) -> dict:
    """Write an annotation and a store of zeros, without any image.

    Returns:
        Arguments of ``VideoClipDataset``.
    """
    files = write_frames_csv(folder, videos, frames)
    store = osp.join(folder, 'store')
    writer = FeatureStoreWriter(store)
    writer.create(videos * frames, dim)
    entries = {}
    for video in range(videos):
        name = _video_name(video)
        rows = np.arange(video * frames, (video + 1) * frames)
        writer.write(rows, np.zeros((frames, dim), np.float32))
        images = [f'{name}/{i + 1:05d}.jpg'.encode() for i in range(frames)]
        entries[name] = dict(
            offset=int(rows[0]),
            num_frames=frames,
            images=images_digest(np.array(images)),
        )
    writer.flush()
    recipe = dict(student_sha256='0' * 64)
    writer.finish(dict(recipe=recipe, videos=entries))
    return dict(files, feature_store=store)


# --------------------------------------------------------------------------
# Extraction and training
# --------------------------------------------------------------------------
def save_random_student(cfg: Config, path: str) -> str:
    """Checkpoint of a student with random weights."""
    init_default_scope(cfg.get('default_scope', 'mmaction'))
    backbone = MODELS.build(dict(cfg.model, student_checkpoint=None)).backbone
    weights = {f'backbone.{k}': v for k, v in backbone.state_dict().items()}
    torch.save(dict(state_dict=weights), path)
    return path


def compare_extraction(
    cfg: Config, checkpoint: str, folder: str, rounds: int
) -> list[Speed]:
    """Frames per second of the network alone and of the whole extraction.

    Args:
        cfg: Config of the temporal phase; ``extract_dataloader`` is read.
        checkpoint: The student's.
        folder: Where stores are written.

    Returns:
        The network on batches that are on the device already comes first.
        The extraction starts its workers and loads the student, too.
    """
    init_default_scope(cfg.get('default_scope', 'mmaction'))
    model = MODELS.build(dict(cfg.model, student_checkpoint=checkpoint))
    model.to(get_device()).eval()
    loader = cfg.extract_dataloader
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        dataset = DATASETS.build(dict(loader.dataset, test_mode=True))
    batches = [
        model.data_preprocessor(batch)['inputs']
        for batch in DataLoader(
            dataset, loader.batch_size, collate_fn=pseudo_collate
        )
    ]
    count = iter(range(10**6))

    def network() -> float:
        start = time.perf_counter()
        for batch in batches:
            features = model.student_features(batch)
        features.cpu()  # waits for the device
        return len(dataset) / (time.perf_counter() - start)

    def extraction() -> float:
        out = osp.join(folder, f'store{next(count)}')
        start = time.perf_counter()
        extract_features(cfg, checkpoint, out)
        return len(dataset) / (time.perf_counter() - start)

    network()  # chooses its kernels
    return take_turns({'network': network, 'extraction': extraction}, rounds)


def compare_training(
    cfg: Config, checkpoint: str, store: str, steps: int, rounds: int
) -> list[Speed]:
    """Frames per second of temporal training on frames and on features.

    Args:
        cfg: Config of the temporal phase; ``extract_dataloader`` says how
            images are read, ``train_dataloader`` the clips.
        checkpoint: The student's.
        store: Its features.
        steps: Steps of a measurement.

    Returns:
        Reading frames and running the student comes first.
    """
    init_default_scope(cfg.get('default_scope', 'mmaction'))
    model = MODELS.build(dict(cfg.model, student_checkpoint=checkpoint))
    model.to(get_device()).train()
    optimizer = torch.optim.SGD(model.cls_head.parameters(), lr=1e-3)
    images = [
        step
        for step in cfg.extract_dataloader.dataset.pipeline
        if 'PackInputs' not in step['type']
    ]
    clips = cfg.train_dataloader
    pack = [dict(type='PackClipInputs')]
    load = dict(type='LoadClipFrames', transforms=images)

    def stream(**changes):
        dataset = DATASETS.build(dict(clips.dataset, **changes))
        loader = DataLoader(
            dataset,
            clips.batch_size,
            shuffle=True,
            num_workers=clips.get('num_workers', 0),
            collate_fn=pseudo_collate,
            drop_last=True,
        )
        while True:
            yield from loader

    streams = {
        'frames': stream(feature_store=None, pipeline=[load, *pack]),
        'features': stream(feature_store=store, pipeline=pack),
    }

    def rate(name: str) -> float:
        next(streams[name])  # what a first batch has to open
        start = time.perf_counter()
        frames = 0
        for _ in range(steps):
            batch = model.data_preprocessor(next(streams[name]), True)
            losses = model(**batch, mode='loss')
            loss, _ = model.parse_losses(losses)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            frames += batch['inputs'].shape[0] * batch['inputs'].shape[1]
        loss.item()  # waits for the device
        return frames / (time.perf_counter() - start)

    return take_turns({k: lambda k=k: rate(k) for k in streams}, rounds)


# --------------------------------------------------------------------------
# Memory
# --------------------------------------------------------------------------
@dataclass
class Footprint:
    """What a data set of clips takes, in a process of its own.

    Attributes:
        frames: Of all videos.
        start_s: Until the data set is there, seconds.
        start_mb: Resident memory that the data set adds to the process, MB.
        items_mb: The same after clips have been read, MB.
        item_us: One clip, microseconds of the processor.
    """

    frames: int
    start_s: float
    start_mb: float
    items_mb: float
    item_us: float


def measure_footprint(arguments: dict, window: int, items: int) -> Footprint:
    """Build a ``VideoClipDataset`` and read clips, in a new process.

    Args:
        arguments: Those of the data set.
        window: Frames of a clip.
        items: Clips to read, spread over all videos.
    """
    context = torch.multiprocessing.get_context('spawn')
    queue = context.SimpleQueue()
    process = context.Process(
        target=_footprint, args=(arguments, window, items, queue)
    )
    process.start()
    process.join()
    if process.exitcode:
        raise RuntimeError(f'the data set failed: {arguments}')
    return Footprint(*queue.get())


def _resident_mb() -> float:
    """Of this process now; the peak would be that of the imports."""
    pages = Path('/proc/self/statm').read_text().split()[1]
    return int(pages) * resource.getpagesize() / 2**20


def _footprint(arguments, window, items, queue) -> None:
    init_default_scope('mmaction')
    config = dict(
        type='VideoClipDataset',
        window=window,
        pipeline=[dict(type='PackClipInputs')],
    )
    # Everything is imported by the first clip, of a small set.
    with tempfile.TemporaryDirectory() as folder:
        small = make_store(folder, 1, window, 8)
        DATASETS.build(dict(config, **small))[0]
    before, start = _resident_mb(), time.perf_counter()
    dataset = DATASETS.build(dict(config, **arguments))
    start_s, built = time.perf_counter() - start, _resident_mb()
    chosen = np.linspace(0, len(dataset) - 1, items).astype(int).tolist()
    start = time.process_time()
    for index in chosen:
        dataset[index]
    item_us = (time.process_time() - start) / items * 1e6
    queue.put(
        (
            len(dataset.labels),
            start_s,
            built - before,
            _resident_mb() - before,
            item_us,
        )
    )


def describe_footprints(footprints: list[Footprint]) -> str:
    """Table of all footprints."""
    head = ['frames', 'start, s', 'memory added, MB']
    head += ['after reading, MB', 'per clip, us']
    lines = [
        (
            f'{one.frames:,}',
            f'{one.start_s:.2f}',
            f'{one.start_mb:.1f}',
            f'{one.items_mb:.1f}',
            f'{one.item_us:.0f}',
        )
        for one in footprints
    ]
    return markdown_table(head, lines, text_columns=0)
