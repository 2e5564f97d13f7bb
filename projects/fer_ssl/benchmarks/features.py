"""Speed and memory of cached features: extraction, training, loading."""

from __future__ import annotations

import multiprocessing
import os
import os.path as osp
import resource
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
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
from ..utils.tables import markdown_table, write_csv
from .loader import make_images
from .timing import Speed, compare_rates


def make_videos(folder: str, videos: int, frames: int, size: int) -> dict:
    """Write videos as JPEG frames with a frames CSV.

    Args:
        folder: Folder to write to.
        videos: Number of videos.
        frames: Number of frames per video.
        size: Side of a frame in pixels.

    Returns:
        Arguments of the video datasets.
    """
    for video in range(videos):
        name = _video_name(video)
        make_images(osp.join(folder, 'frames', name), frames, size)
    return _write_frames_csv(folder, videos, frames)


def _write_frames_csv(folder: str, videos: int, frames: int) -> dict:
    """Write the annotation alone; see :func:`make_videos`."""
    os.makedirs(folder, exist_ok=True)
    write_csv(
        osp.join(folder, 'frames.csv'),
        [
            dict(
                video=_video_name(video),
                frame=frame + 1,
                image=_image_name(video, frame),
                expression=ABAW_EXPRESSIONS[frame % len(ABAW_EXPRESSIONS)],
            )
            for video in range(videos)
            for frame in range(frames)
        ],
    )
    return dict(data_root=folder, ann_file='frames.csv')


def _video_name(video: int) -> str:
    return f'video{video:05d}'


def _image_name(video: int, frame: int) -> str:
    return f'{_video_name(video)}/{frame:06d}.jpg'


def make_store(folder: str, videos: int, frames: int, dim: int) -> dict:
    """Write an annotation and a feature store of zeros, without any image.

    Args:
        folder: Folder to write to.
        videos: Number of videos.
        frames: Number of frames per video.
        dim: Dimensions of a feature.

    Returns:
        Arguments of ``VideoClipDataset``.
    """
    files = _write_frames_csv(folder, videos, frames)
    store = osp.join(folder, 'store')
    writer = FeatureStoreWriter(store)
    writer.create(videos * frames, dim)
    entries = {}
    for video in range(videos):
        rows = np.arange(video * frames, (video + 1) * frames)
        writer.write(rows, np.zeros((frames, dim), np.float32))
        images = [_image_name(video, i).encode() for i in range(frames)]
        entries[_video_name(video)] = dict(
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
    """Save a checkpoint of a student with random weights; return its path."""
    init_default_scope(cfg.get('default_scope', 'mmpretrain'))
    backbone = MODELS.build(dict(cfg.model, student_checkpoint=None)).backbone
    weights = {f'backbone.{k}': v for k, v in backbone.state_dict().items()}
    torch.save(dict(state_dict=weights), path)
    return path


def compare_extraction(
    cfg: Config, checkpoint: str, folder: str, rounds: int
) -> list[Speed]:
    """Compare the whole extraction with the network alone, in frames/s.

    Args:
        cfg: Config of the temporal phase with ``extract_dataloader``.
        checkpoint: Checkpoint of the student.
        folder: Folder for the feature stores.
        rounds: Number of measurements of each variant.

    Returns:
        First the network on batches that are already on the device, then the
        extraction, which also starts its workers and loads the student.
    """
    init_default_scope(cfg.get('default_scope', 'mmpretrain'))
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
        features.cpu()  # synchronizes with the device
        return len(dataset) / (time.perf_counter() - start)

    def extraction() -> float:
        out = osp.join(folder, f'store{next(count)}')
        start = time.perf_counter()
        extract_features(cfg, checkpoint, out)
        return len(dataset) / (time.perf_counter() - start)

    network()  # warm-up: kernels are selected
    return compare_rates(
        {'network': network, 'extraction': extraction}, rounds
    )


def compare_training(
    cfg: Config, checkpoint: str, store: str, steps: int, rounds: int
) -> list[Speed]:
    """Compare temporal training on features with training on frames.

    Args:
        cfg: Config of the temporal phase; ``extract_dataloader`` defines how
            images are read, and ``train_dataloader`` how clips are.
        checkpoint: Checkpoint of the student.
        store: Feature store of that student.
        steps: Number of steps per measurement.
        rounds: Number of measurements of each variant.

    Returns:
        Frames per second: first of reading frames and running the student,
        then of reading features.
    """
    init_default_scope(cfg.get('default_scope', 'mmpretrain'))
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
        next(streams[name])  # the first batch opens files
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
        loss.item()  # synchronizes with the device
        return frames / (time.perf_counter() - start)

    return compare_rates({k: lambda k=k: rate(k) for k in streams}, rounds)


# --------------------------------------------------------------------------
# Memory
# --------------------------------------------------------------------------
@dataclass
class Footprint:
    """Time and memory that a dataset of clips takes in its own process.

    Attributes:
        frames: Number of frames of all videos.
        start_s: Time to build the dataset, in seconds.
        start_mb: Resident memory added by building the dataset, in MB.
        items_mb: Resident memory added after clips have been read, in MB.
        item_us: CPU time per clip, in microseconds.
    """

    frames: int
    start_s: float
    start_mb: float
    items_mb: float
    item_us: float


def measure_footprint(arguments: dict, window: int, items: int) -> Footprint:
    """Build a ``VideoClipDataset`` and read clips, in a new process.

    Args:
        arguments: Arguments of the dataset.
        window: Number of frames per clip.
        items: Number of clips to read, spread over all videos.
    """
    # A forked process would share the memory that is to be measured.
    spawn = multiprocessing.get_context('spawn')
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        return pool.submit(_footprint, arguments, window, items).result()


def _resident_mb() -> float:
    """Current resident memory; the peak would be that of the imports."""
    pages = Path('/proc/self/statm').read_text().split()[1]
    return int(pages) * resource.getpagesize() / 2**20


def _footprint(arguments: dict, window: int, items: int) -> Footprint:
    init_default_scope('mmpretrain')
    config = dict(
        type='VideoClipDataset',
        window=window,
        pipeline=[dict(type='PackClipInputs')],
    )
    # Warm-up on a small store: the first clip imports everything.
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
    return Footprint(
        len(dataset.labels),
        start_s,
        built - before,
        _resident_mb() - before,
        item_us,
    )


def describe_footprints(footprints: list[Footprint]) -> str:
    """Make a table of footprints."""
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
