from __future__ import annotations

import random

import numpy as np
import torch
from mmengine.registry import DATASETS
from torch.utils.data import Dataset

from ...utils.seeds import mixed_seed


@DATASETS.register_module()
class SeededDraws(Dataset):
    """Wrapper that makes random augmentations depend on the draw only.

    A draw is ``(index, seed, position)`` of a :class:`ResumableSampler`. The
    global generators of Python, NumPy and PyTorch are seeded with it, so a
    sample does not depend on whether the run was resumed, on the worker
    process or on the number of ranks.

    Args:
        dataset: Config of a dataset; its attributes are also attributes of the
            wrapper.
        stream: Number that distinguishes the datasets of a run.
    """

    def __init__(self, dataset: dict, stream: int = 0) -> None:
        self.dataset = DATASETS.build(dataset)
        self.stream = stream

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, draw: tuple[int, int, int]):
        index, seed, position = draw
        seed = mixed_seed(seed, self.stream, position)
        random.seed(seed)
        np.random.seed(seed)
        torch.default_generator.manual_seed(seed)
        return self.dataset[index]

    def __setattr__(self, name: str, value) -> None:
        own = name in ('dataset', 'stream')
        object.__setattr__(self if own else self.dataset, name, value)

    def __getattr__(self, name: str):
        if name == 'dataset':  # not set yet, while unpickling
            raise AttributeError(name)
        return getattr(self.dataset, name)
