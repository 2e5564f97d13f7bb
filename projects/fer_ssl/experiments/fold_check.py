"""Check of folds and data before a cross-validation trains anything."""

from __future__ import annotations

import inspect

from mmengine.config import Config
from mmengine.registry import DATASETS, init_default_scope
from mmengine.utils import import_modules_from_strings

from ..datasets.videos.abaw_annotation import is_annotated
from ..datasets.videos.base_video_dataset import BaseVideoDataset
from ..datasets.videos.video_folds import read_folds
from ..utils.config_types import class_of


def check_folds(config: Config, folds_file: str) -> None:
    """Check that each fold can be scored.

    Only the annotation is read, neither images nor features.

    Args:
        config: Config whose ``test_dataloader`` reads the videos.
        folds_file: Absolute path of the CSV file ``video,fold``.

    Raises:
        FileNotFoundError: The annotation does not exist.
        ValueError: The data set has no folds, the folds are of other videos,
            or a fold has no annotated frame, or none for one of several tasks.
    """
    if config.get('custom_imports'):
        import_modules_from_strings(**config.custom_imports)
    init_default_scope(config.default_scope)
    options = dict(config.test_dataloader.dataset)
    kind = class_of(options, DATASETS)
    if not (inspect.isclass(kind) and issubclass(kind, BaseVideoDataset)):
        raise ValueError(
            f'{config.filename}: {options["type"]} has no folds. Use a config '
            'of VideoClipDataset or VideoFrameDataset.'
        )
    options.pop('feature_store', None)
    options.update(folds=folds_file, split=None, pipeline=[], lazy_init=True)
    videos = DATASETS.build(options).read_videos()
    known: dict[str, set[str]] = {}  # folds with labels, by task
    folds = read_folds(folds_file)
    for name, fold in folds.items():
        labels = videos[name].labels
        for task in labels.dtype.names or ('',):
            own = labels[task] if task else labels
            known.setdefault(task, set())
            if is_annotated(own).any():
                known[task].add(fold)
    for task, found in known.items():
        empty = sorted(set(folds.values()) - found)
        if empty:
            what = f' for {task}' if task else ''
            raise ValueError(
                f'{folds_file}: no frame of fold {empty[0]} is annotated'
                f'{what}, so the fold cannot be scored. Make other folds by '
                'tools/abaw/make_folds.py.'
            )
