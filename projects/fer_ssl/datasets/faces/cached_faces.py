from __future__ import annotations

import numpy as np
import torch
from mmengine.logging import print_log
from mmengine.registry import DATASETS
from torch import Tensor
from torch.utils.data import Dataset


@DATASETS.register_module()
class CachedFaces(Dataset):
    """Faces of another dataset, read once and kept in memory.

    Every item is read when the dataset is built, and its images become one
    uint8 tensor (N, C, H, W). A loader without workers then spends almost no
    time on a batch. The random views of the faces are made from whole batches
    (see :class:`BatchView`), so the pipeline of the dataset must have no
    random step. 30,000 gray faces of 48 x 48 pixels take 70 MB.

    Args:
        dataset: Config of the dataset; its pipeline ends with ``PackInputs``
            and gives images of one size.
        without: Config of a dataset of the same pipeline. Faces that have the
            same pixels as one of its faces are left out, so that a training
            does not contain images of the validation set. The log says how
            many they are.

    Raises:
        ValueError: The images differ in size or number of channels, also from
            those of ``without``, or all are left out.

    Example:
        >>> dataset = dict(
        ...     type='CachedFaces',
        ...     dataset=dict(
        ...         type='FERPlusDataset',
        ...         data_root='data/FERPlus',
        ...         pipeline=[
        ...             dict(type='LoadImageFromFile', color_type='grayscale'),
        ...             dict(type='PackInputs'),
        ...         ],
        ...     ),
        ... )
    """

    def __init__(self, dataset: dict, without: dict | None = None) -> None:
        source = DATASETS.build(dataset)
        self.metainfo = source.metainfo
        self.source = getattr(source, 'source', type(source).__name__)
        self.images, self.samples = _read(source)
        if without is not None:
            other, _ = _read(DATASETS.build(without))
            self._leave_out(other)

    def _leave_out(self, other: Tensor) -> None:
        shape, found = (tuple(x.shape[1:]) for x in (self.images, other))
        if found != shape:
            raise ValueError(
                f'{self.source}: the faces of `without` have the shape '
                f'{found}, not {shape}, so none could be the same: give both '
                'datasets the same pipeline.'
            )
        known = {image.numpy().tobytes() for image in other}
        keep = [
            i
            for i, image in enumerate(self.images)
            if image.numpy().tobytes() not in known
        ]
        if not keep:
            raise ValueError(
                f'{self.source}: every face is also in `without`: give it '
                'another dataset.'
            )
        print_log(
            f'{self.source}: {len(self) - len(keep)} of {len(self)} faces are '
            'also in `without` and are left out.',
            'current',
        )
        self.images = self.images[keep]
        self.samples = [self.samples[i] for i in keep]

    def full_init(self) -> None:
        """Do nothing: mmengine's dataset wrappers call it."""

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> dict:
        return dict(
            inputs=self.images[index], data_samples=self.samples[index]
        )

    def get_gt_labels(self) -> np.ndarray:
        """Return the class index of every face, (N,), -1 if unknown."""
        return torch.cat([x.gt_label for x in self.samples]).numpy()

    def get_cat_ids(self, index: int) -> list[int]:
        """Return the class of a face, for mmengine's ClassBalancedDataset."""
        return self.samples[index].gt_label.tolist()


def _read(dataset) -> tuple[Tensor, list]:
    """Read all images, uint8 (N, C, H, W), and their data samples."""
    images, samples = [], []
    for index in range(len(dataset)):
        item = dataset[index]
        images.append(item['inputs'])
        samples.append(item['data_samples'])
    sizes = {tuple(image.shape) for image in images}
    if len(sizes) > 1:
        raise ValueError(
            f'{type(dataset).__name__}: the faces have {len(sizes)} sizes, '
            f'such as {sorted(sizes)[:2]}, but CachedFaces needs one. Add a '
            'Resize to the pipeline.'
        )
    return torch.stack(images), samples
