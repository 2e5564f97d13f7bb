from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.device import get_device
from mmengine.dist import (
    barrier,
    broadcast_object_list,
    get_dist_info,
    get_rank,
)
from mmengine.registry import MODELS, init_default_scope
from torch.utils.data import DataLoader, Subset

from ..datasets.videos.base_video_dataset import BaseVideoDataset
from ..datasets.videos.feature_store import (
    FeatureStore,
    FeatureStoreWriter,
    images_digest,
)
from ..models.frame_recognizer import FrameRecognizer
from ..utils.files import file_sha256
from ..utils.progress import ProgressBar
from .stream_store import build_video_dataset, is_up_to_date


def init_distributed(launcher: str) -> None:
    """Join the processes that ``torchrun`` started, one per GPU if any.

    The processes only synchronize, so the gloo backend is enough on GPUs too.
    """
    if launcher == 'none':
        return
    if launcher != 'pytorch':
        raise ValueError(
            f'--launcher {launcher}: start feature extraction with '
            'torchrun and --launcher pytorch.'
        )
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ['LOCAL_RANK']))
    torch.distributed.init_process_group('gloo', timeout=timedelta(days=1))


def extract_features(
    cfg: Config,
    checkpoint: str,
    out: str,
    splits: Sequence[str] | None = None,
) -> FeatureStore:
    """Run the student over every frame with a face and store its features.

    Reads ``cfg.model`` (a ``FrameRecognizer``) and ``cfg.extract_dataloader``
    (a ``VideoFrameDataset`` with the student's test pipeline, its names looked
    up in scope ``mmpretrain``). A finished store of the same checkpoint,
    config and annotation is kept; any other is replaced. With several
    processes, each writes its part of the rows.

    Args:
        cfg: Config of the temporal phase.
        checkpoint: The student's checkpoint.
        out: Folder of the store.
        splits: Splits to extract. Defaults to the dataset's own choice.

    Returns:
        The finished store.
    """
    init_default_scope(cfg.get('default_scope', 'mmpretrain'))
    loader_cfg = cfg.extract_dataloader
    dataset = build_video_dataset(cfg, splits)
    model = MODELS.build(dict(cfg.model, student_checkpoint=checkpoint))
    model.to(get_device()).eval()

    recipe = dict(
        student_sha256=model.student_sha256,
        annotation_sha256=_annotation_sha256(dataset),
        split=dataset.split,
        backbone=cfg.model.backbone,
        data_preprocessor=cfg.model.get('data_preprocessor'),
        pipeline=loader_cfg.dataset.pipeline,
    )
    recipe = json.loads(json.dumps(recipe))  # tuples become lists, as on disk
    rank, world_size = get_dist_info()
    writer = FeatureStoreWriter(out)
    todo = [False]
    if rank == 0 and not is_up_to_date(out, recipe):
        todo = [True]
        dim = _features(model, pseudo_collate([dataset[0]])).shape[1]
        writer.create(len(dataset.labels), dim)
    broadcast_object_list(todo)
    if todo[0]:
        # Each process writes one contiguous part of the file.
        items = np.array_split(np.arange(len(dataset)), world_size)[rank]
        _write_items(model, dataset, items, writer, loader_cfg)
        barrier()
        if rank == 0:
            writer.finish(dict(recipe=recipe, videos=_videos(dataset)))
        barrier()
    if rank == 0:
        what = 'extracted' if todo[0] else 'up to date, nothing to do'
        print(f'{out}: {len(dataset)} faces, {what}.')
    return FeatureStore(out)


def _write_items(
    model: FrameRecognizer,
    dataset: BaseVideoDataset,
    items: np.ndarray,
    writer: FeatureStoreWriter,
    loader_cfg: dict,
) -> None:
    """Extract some items of the dataset; rank 0 shows a progress bar."""
    loader = DataLoader(
        Subset(dataset, items),
        loader_cfg.batch_size,
        num_workers=loader_cfg.get('num_workers', 0),
        collate_fn=pseudo_collate,
        pin_memory=torch.cuda.is_available(),
    )
    done = 0

    def write(features: torch.Tensor) -> None:
        nonlocal done
        rows = dataset.data_list[items[done : done + len(features)]]
        writer.write(rows, features.cpu().numpy())
        done += len(features)
        progress.update(len(features))

    previous = None
    with ProgressBar('Frames', len(items), show=get_rank() == 0) as progress:
        for batch in loader:
            # A GPU computes this batch while the previous one is written.
            features = _features(model, batch)
            if previous is not None:
                write(previous)
            previous = features
        if previous is not None:
            write(previous)
    writer.flush()


def _features(model: FrameRecognizer, batch: dict) -> torch.Tensor:
    """Compute features, float32 (B, D), of a collated batch of faces."""
    return model.student_features(model.data_preprocessor(batch)['inputs'])


def _annotation_sha256(dataset: BaseVideoDataset) -> str:
    """Hash what determines the frames: the annotation file, or the index."""
    if dataset.reader is None and dataset.folds is None:
        return file_sha256(dataset.ann_file)
    parts = json.dumps([dataset.video_names, dataset.offsets.tolist()])
    digest = hashlib.sha256(parts.encode())
    digest.update(b'\n'.join(dataset.images.tolist()))
    return digest.hexdigest()


def _videos(dataset: BaseVideoDataset) -> dict[str, dict]:
    """Describe the rows of each video, with a digest of its images."""
    return {
        name: dict(
            offset=int(first),
            num_frames=int(stop - first),
            images=images_digest(dataset.images[first:stop]),
        )
        for name, first, stop in zip(
            dataset.video_names, dataset.offsets, dataset.offsets[1:]
        )
    }
