"""Speed of data loading, compared with a plain torchvision pipeline.

This package reads the same JPEG images from files, from RecordIO and from tar
shards; the baseline reads the files with PIL and applies the same operations
with torchvision. All results are weak and strong views, uint8 (3, H, W).
"""

from __future__ import annotations

import os
import os.path as osp
import random
import shutil
import time
from collections.abc import Sequence
from typing import Callable

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import InfiniteSampler, default_collate
from mmengine.registry import DATASETS, DefaultScope
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms as tv
from torchvision.transforms import functional as tvf

from ..data_preparation.shard_writer import write_shards
from ..datasets.containers.record_io import RecordIOWriter
from ..datasets.faces.image_folder_dataset import list_images
from ..utils.tables import write_csv
from .timing import Speed, compare_rates

PLAIN = 'plain torchvision'


def make_images(folder: str, count: int, size: int) -> None:
    """Write synthetic JPEG images with about the entropy of photographs.

    Args:
        folder: Folder for the images; it is created if needed.
        count: Number of images.
        size: Side in pixels.
    """
    os.makedirs(folder, exist_ok=True)
    rng = np.random.default_rng(0)
    for number in range(count):
        coarse = rng.integers(0, 256, (size // 8, size // 8, 3), np.uint8)
        image = cv2.resize(
            coarse, (size, size), interpolation=cv2.INTER_CUBIC
        ).astype(np.int64)
        image += rng.integers(-12, 13, image.shape)
        image = np.clip(image, 0, 255).astype(np.uint8)
        path = osp.join(folder, f'{number:06d}.jpg')
        cv2.imwrite(path, image, [cv2.IMWRITE_JPEG_QUALITY, 95])


def copy_images(source: str, folder: str, count: int) -> None:
    """Copy the first images of a folder, as JPEG files.

    Args:
        source: Folder that is searched recursively.
        folder: Folder for the copies; it is created if needed.
        count: Maximum number of images.

    Raises:
        ValueError: ``source`` has no image.
    """
    os.makedirs(folder, exist_ok=True)
    names = [osp.join(source, image) for image in list_images(source)[0]]
    if not names:
        raise ValueError(f'{source}: found no image.')
    for number, name in enumerate(names[:count]):
        path = osp.join(folder, f'{number:06d}.jpg')
        if name.lower().endswith(('.jpg', '.jpeg')):
            shutil.copyfile(name, path)
        else:
            Image.open(name).convert('RGB').save(path, quality=95)


def make_formats(folder: str) -> dict[str, dict]:
    """Write the images of ``folder/images`` in every storage format.

    Returns:
        Config of the dataset, without a pipeline, by name of the format.
    """
    names = sorted(os.listdir(osp.join(folder, 'images')))
    write_csv(
        osp.join(folder, 'unlabeled.csv'),
        [dict(image=name, expression='') for name in names],
    )
    with RecordIOWriter(osp.join(folder, 'train.rec')) as records:
        for key, name in enumerate(names):
            with open(osp.join(folder, 'images', name), 'rb') as file:
                records.write(key, 0, file.read())
    shards = osp.join(folder, 'shards')
    formats = {
        'JPEG folder': dict(type='FaceDataset', ann_file='unlabeled.csv'),
        'RecordIO': dict(type='RecordIODataset'),
        'tar': dict(type='TarShardDataset', ann_file='shards/shards.json'),
    }
    for config in formats.values():
        config.update(data_root=folder, subset='unlabeled')
    write_shards(DATASETS.build(formats['JPEG folder']), [shards])
    return formats


def unlabeled_pipeline(config: Config) -> list[dict]:
    """Return the pipeline of the first dataset of ``unlabeled_dataloader``.

    ``CropFace`` is left out, because the images here have no boxes.
    """
    dataset = config.unlabeled_dataloader.dataset
    dataset = dataset.get('datasets', [dataset])[0]
    return [step for step in dataset.pipeline if step['type'] != 'CropFace']


# --------------------------------------------------------------------------
# The baseline: the same operations in torchvision
# --------------------------------------------------------------------------
class PlainDataset(Dataset):
    """Dataset of views made with PIL and torchvision alone.

    Args:
        paths: Image files.
        pipeline: Config of the package's pipeline, whose operations are
            reproduced. It must consist of ``LoadImageFromFile``, ``Resize``,
            ``MultiView`` and ``PackInputs``.

    Raises:
        ValueError: An operation has no counterpart in torchvision.
    """

    def __init__(self, paths: Sequence[str], pipeline: Sequence[dict]) -> None:
        self.paths = list(paths)
        kinds = [_plain_name(step) for step in pipeline]
        expected = ['LoadImageFromFile', 'Resize', 'MultiView', 'PackInputs']
        if kinds != expected:
            raise ValueError(
                f'The pipeline is {kinds}; only {expected} can be compared.'
            )
        self.resize = tv.Resize(tuple(pipeline[1]['scale'])[::-1])
        self.views = [
            tv.Compose(_counterparts(steps))
            for steps, count in zip(
                pipeline[2]['transforms'], pipeline[2]['num_views']
            )
            for _ in range(count)
        ]

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, idx: int) -> list[torch.Tensor]:
        with Image.open(self.paths[idx]) as file:
            image = self.resize(file.convert('RGB'))
        return [view(image) for view in self.views]


def _counterparts(steps: Sequence[dict]) -> list[Callable]:
    """Torchvision transforms for the steps of a view."""
    transforms = []
    erasing = []
    for step in steps:
        kind = _plain_name(step)
        if kind == 'RandomCrop':
            transforms.append(tv.RandomCrop(step['crop_size']))
        elif kind == 'RandomFlip' and step['direction'] == 'horizontal':
            transforms.append(tv.RandomHorizontalFlip(step['prob']))
        elif kind == 'ColorJitter':
            names = ('brightness', 'contrast', 'saturation')
            transforms.append(
                tv.ColorJitter(**{n: step.get(n, 0) for n in names})
            )
        elif kind == 'RandAugment':
            transforms.append(PlainRandAugment(step))
        elif kind == 'RandomErasing':
            # It works on tensors, so it has to follow the conversion.
            erasing.append(
                tv.RandomErasing(
                    step['erase_prob'],
                    (0.02, step['max_area_ratio']),
                    (3 / 10, 10 / 3),
                    128,
                )
            )
        else:
            raise ValueError(f'{kind} has no counterpart in torchvision.')
    return [*transforms, tv.PILToTensor(), *erasing]


class PlainRandAugment:
    """``RandAugment`` of mmpretrain on the functions of torchvision.

    Args:
        config: Config of the transform.

    Raises:
        ValueError: A policy has no counterpart in torchvision.
    """

    def __init__(self, config: dict) -> None:
        self.config = config
        for policy in config['policies']:
            if _plain_name(policy) not in _POLICIES:
                raise ValueError(
                    f'{policy["type"]} has no counterpart in torchvision.'
                )

    def __call__(self, image: Image.Image) -> Image.Image:
        config = self.config
        for policy in random.choices(
            config['policies'], k=config['num_policies']
        ):
            if random.random() > policy.get('prob', 0.5):
                continue
            value = 0.0
            if 'magnitude_range' in policy:
                level = random.gauss(
                    config['magnitude_level'], config['magnitude_std']
                )
                fraction = min(max(level / config['total_level'], 0), 1)
                low, high = policy['magnitude_range']
                value = low + fraction * (high - low)
            sign = -1 if random.random() < 0.5 else 1
            image = _POLICIES[_plain_name(policy)](image, value, sign, policy)
        return image


def _plain_name(step: dict) -> str:
    """Name in mmpretrain of a transform or of its faster ``Fast...`` form."""
    return step['type'].removeprefix('Fast')


_GRAY = [128] * 3


def _affine(image, angle=0.0, shift=(0, 0), shear=(0.0, 0.0), smooth=False):
    mode = tv.InterpolationMode.NEAREST
    if smooth:
        mode = tv.InterpolationMode.BICUBIC
    return tvf.affine(
        image, angle, list(shift), 1.0, list(shear), mode, fill=_GRAY
    )


def _shear(image, value, sign, policy):
    angle = sign * float(np.degrees(np.arctan(value)))
    is_horizontal = policy['direction'] == 'horizontal'
    shear = (angle, 0.0) if is_horizontal else (0.0, angle)
    return _affine(image, shear=shear, smooth=True)


def _translate(image, value, sign, policy):
    is_horizontal = policy['direction'] == 'horizontal'
    pixels = round(sign * value * image.size[0 if is_horizontal else 1])
    return _affine(image, shift=(pixels, 0) if is_horizontal else (0, pixels))


#: (image, magnitude, sign, policy) -> image
_POLICIES: dict[str, Callable] = {
    'AutoContrast': lambda x, v, s, p: tvf.autocontrast(x),
    'Equalize': lambda x, v, s, p: tvf.equalize(x),
    'Invert': lambda x, v, s, p: tvf.invert(x),
    'Brightness': lambda x, v, s, p: tvf.adjust_brightness(x, 1 + s * v),
    'Contrast': lambda x, v, s, p: tvf.adjust_contrast(x, 1 + s * v),
    'ColorTransform': lambda x, v, s, p: tvf.adjust_saturation(x, 1 + s * v),
    'Sharpness': lambda x, v, s, p: tvf.adjust_sharpness(x, 1 + s * v),
    'Posterize': lambda x, v, s, p: tvf.posterize(x, int(v)),
    'Solarize': lambda x, v, s, p: tvf.solarize(x, min(v, 255)),
    'Rotate': lambda x, v, s, p: _affine(x, angle=s * v),
    'Shear': _shear,
    'Translate': _translate,
}


# --------------------------------------------------------------------------
# Measuring
# --------------------------------------------------------------------------
class _Stream:
    """Endless batches of a dataset, loaded in this process or by workers."""

    def __init__(self, dataset, collate, batch_size: int, workers: int):
        loader = DataLoader(
            dataset,
            batch_size,
            sampler=InfiniteSampler(dataset, seed=0),  # same order for all
            num_workers=workers,
            collate_fn=collate,
            worker_init_fn=_use_one_thread,
        )
        self.batches = iter(loader)
        self.prefetched = 2 * workers
        # CPU time excludes other processes, but also the workers.
        self.clock = time.perf_counter if workers else time.process_time
        self.batch_size = batch_size

    def rate(self, images: int) -> float:
        """Measure images per second over the next batches."""
        # Prefetched batches were made while other variants were measured.
        for _ in range(self.prefetched + 1):
            next(self.batches)
        count = max(images // self.batch_size, 1)
        start = self.clock()
        for _ in range(count):
            next(self.batches)
        return count * self.batch_size / (self.clock() - start)


def _use_one_thread(_: int = 0) -> None:
    cv2.setNumThreads(0)
    torch.set_num_threads(1)


def compare_loading(
    folder: str,
    pipeline: Sequence[dict],
    rounds: int = 5,
    images: int = 256,
    batch_size: int = 32,
    workers: int = 0,
) -> list[Speed]:
    """Measure every storage format and plain torchvision, in alternation.

    Args:
        folder: Folder with JPEG files in ``images/``; the other formats are
            written next to it.
        pipeline: Config of the package's pipeline, see :class:`PlainDataset`.
        rounds: Number of measurements of each variant.
        images: Number of images per measurement.
        batch_size: Images per batch.
        workers: Worker processes of a loader; 0 measures in this process,
            in CPU seconds.

    Returns:
        Images per second and worker, plain torchvision first.

    Raises:
        RuntimeError: The views differ in shape or type.
    """
    formats = make_formats(folder)
    names = sorted(os.listdir(osp.join(folder, 'images')))
    paths = [osp.join(folder, 'images', name) for name in names]
    plain = PlainDataset(paths, pipeline)
    expected = [(view.shape, view.dtype) for view in plain[0]]
    streams = {PLAIN: _Stream(plain, None, batch_size, workers)}
    threads = cv2.getNumThreads(), torch.get_num_threads()
    _use_one_thread()
    try:
        with DefaultScope.overwrite_default_scope('mmpretrain'):
            for name, config in formats.items():
                dataset = DATASETS.build(dict(config, pipeline=pipeline))
                views = [(v.shape, v.dtype) for v in dataset[0]['inputs']]
                if views != expected:
                    raise RuntimeError(
                        f'{name} gives {views}, but {PLAIN} gives {expected}.'
                    )
                streams[name] = _Stream(
                    dataset, default_collate, batch_size, workers
                )
        return compare_rates(
            {
                name: lambda stream=stream: (
                    stream.rate(images) / max(workers, 1)
                )
                for name, stream in streams.items()
            },
            rounds,
        )
    finally:
        cv2.setNumThreads(threads[0])
        torch.set_num_threads(threads[1])
