from __future__ import annotations

import numpy as np
from mmengine.registry import DATA_SAMPLERS

from .resumable_sampler import ResumableSampler
from .seeded_draws import SeededDraws


def _labels_of(dataset) -> np.ndarray:
    """Return the class indices (N,) of a dataset, wrapped or not."""
    if isinstance(dataset, SeededDraws):
        return _labels_of(dataset.dataset)
    if hasattr(dataset, 'get_gt_labels'):
        return np.asarray(dataset.get_gt_labels())
    if hasattr(dataset, 'datasets'):
        return np.concatenate([_labels_of(d) for d in dataset.datasets])
    if hasattr(dataset, '_get_ori_dataset_idx'):
        # RepeatDataset, ClassBalancedDataset: items of the wrapped dataset
        labels = _labels_of(dataset.dataset)
        items = map(dataset._get_ori_dataset_idx, range(len(dataset)))
        return labels[np.fromiter(items, np.int64, len(dataset))]
    raise TypeError(
        f'ClassBalancedSampler needs labels, but {type(dataset).__name__} has '
        'no method `get_gt_labels`: use FaceDataset or any dataset of '
        'mmpretrain.'
    )


@DATA_SAMPLERS.register_module()
class ClassBalancedSampler(ResumableSampler):
    """Draw every class equally often: Smp() of paper A, section 3.2.1.

    Position ``p`` of the stream belongs to class ``p mod C``, so any run of
    consecutive positions (a rank's batch, or the batch of all ranks) contains
    every class equally often, or with a difference of one if the batch size is
    not a multiple of ``C``; the classes with the extra sample rotate from
    batch to batch. Within a class, the samples come in random order, each once
    per pass.

    Raises:
        ValueError: A class of ``dataset.metainfo['classes']`` has no sample.
    """

    def __init__(self, dataset, seed=None, batch_size=None) -> None:
        super().__init__(dataset, seed, batch_size)
        labels = _labels_of(dataset)
        classes = dataset.metainfo['classes']
        self._members = [
            np.flatnonzero(labels == c) for c in range(len(classes))
        ]
        empty = [
            name
            for name, members in zip(classes, self._members)
            if not len(members)
        ]
        if empty:
            raise ValueError(
                f'No labeled sample of class {", ".join(empty)} in '
                f'{getattr(dataset, "ann_file", type(dataset).__name__)}: a '
                'balanced batch cannot be drawn. Add samples, or remove the '
                'class from `classes`.'
            )
        self._orders: list[tuple] = [((), None)] * len(classes)

    def index_at(self, position: int) -> int:
        draw, label = divmod(position, len(self._members))
        members = self._members[label]
        number, place = divmod(draw, len(members))
        key = (self.seed, label, number)
        if self._orders[label][0] != key:
            rng = np.random.default_rng(key)
            self._orders[label] = (key, rng.permutation(members))
        return int(self._orders[label][1][place])
