"""Speed of data loading, beside a plain torchvision pipeline.

The same JPEG images are read as files, from RecordIO and from tar shards by
this package, and as files by PIL and torchvision with the same operations.
All results are weak and strong views, uint8 (3, H, W).
"""

from __future__ import annotations

import csv
import os
import os.path as osp
import random
import time
from collections.abc import Sequence
from typing import Callable

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import default_collate
from mmengine.registry import DATASETS, DefaultScope
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms as tv
from torchvision.transforms import functional as tvf

from ..data_preparation.shard_writer import write_shards
from ..datasets.containers.record_io import RecordIOWriter
from ..datasets.faces.image_folder_dataset import EXTENSIONS
from .timing import Speed, take_turns

PLAIN = 'plain torchvision'


def make_images(folder: str, count: int, size: int) -> None:
    """Write JPEG images of about the entropy of photographs.

    Args:
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
    """Copy the first images of a folder as JPEG files.

    Raises:
        ValueError: There is none.
    """
    os.makedirs(folder, exist_ok=True)
    names = []
    for path, _, files in sorted(os.walk(source)):
        names += [
            osp.join(path, file)
            for file in sorted(files)
            if file.lower().endswith(EXTENSIONS)
        ]
    if not names:
        raise ValueError(f'{source}: no image.')
    for number, name in enumerate(names[:count]):
        path = osp.join(folder, f'{number:06d}.jpg')
        if name.lower().endswith(('.jpg', '.jpeg')):
            with open(name, 'rb') as old, open(path, 'wb') as new:
                new.write(old.read())
        else:
            Image.open(name).convert('RGB').save(path, quality=95)


def make_forms(folder: str) -> dict[str, dict]:
    """Write the images of ``folder/images`` in every form.

    Returns:
        Name of the form -> config of the dataset, without a pipeline.
    """
    names = sorted(os.listdir(osp.join(folder, 'images')))
    path = osp.join(folder, 'unlabeled.csv')
    with open(path, 'w', newline='', encoding='utf-8') as file:
        writer = csv.writer(file)
        writer.writerow(('image', 'expression'))
        writer.writerows((name, '') for name in names)
    with RecordIOWriter(osp.join(folder, 'train.rec')) as records:
        for key, name in enumerate(names):
            with open(osp.join(folder, 'images', name), 'rb') as file:
                records.write(key, 0, file.read())
    shards = osp.join(folder, 'shards')
    forms = {
        'JPEG folder': dict(type='FaceDataset', ann_file='unlabeled.csv'),
        'RecordIO': dict(type='RecordIODataset'),
        'tar': dict(type='TarShardDataset', ann_file='shards/shards.json'),
    }
    for config in forms.values():
        config.update(data_root=folder, subset='unlabeled')
    write_shards(DATASETS.build(forms['JPEG folder']), [shards])
    return forms


def unlabeled_pipeline(config: Config) -> list[dict]:
    """Pipeline of a config's ``unlabeled_dataloader``; of its first data set.

    ``CropFace`` is left out, as there are no boxes here.
    """
    dataset = config.unlabeled_dataloader.dataset
    dataset = dataset.get('datasets', [dataset])[0]
    return [step for step in dataset.pipeline if step['type'] != 'CropFace']


# --------------------------------------------------------------------------
# The same operations in torchvision
# --------------------------------------------------------------------------
class PlainDataset(Dataset):
    """Images by PIL, views by torchvision: what one writes without a package.

    Args:
        paths: Image files.
        pipeline: Config of the package's pipeline; the operations are the
            same ones. It must consist of ``LoadImageFromFile``, ``Resize``,
            ``MultiView`` and ``PackInputs``.

    Raises:
        ValueError: An operation has no counterpart here.
    """

    def __init__(self, paths: Sequence[str], pipeline: Sequence[dict]) -> None:
        self.paths = list(paths)
        kinds = [_plain_name(step) for step in pipeline]
        expected = ['LoadImageFromFile', 'Resize', 'MultiView', 'PackInputs']
        if kinds != expected:
            raise ValueError(
                f'The pipeline is {kinds}; it can be compared only where it '
                f'is {expected}.'
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
    """Transforms of torchvision for the steps of a view."""
    done = []
    erase: list[Callable] = []
    for step in steps:
        kind = _plain_name(step)
        if kind == 'RandomCrop':
            done.append(tv.RandomCrop(step['crop_size']))
        elif kind == 'RandomFlip' and step['direction'] == 'horizontal':
            done.append(tv.RandomHorizontalFlip(step['prob']))
        elif kind == 'ColorJitter':
            names = ('brightness', 'contrast', 'saturation')
            done.append(tv.ColorJitter(**{n: step.get(n, 0) for n in names}))
        elif kind == 'RandAugment':
            done.append(PlainRandAugment(step))
        elif kind == 'RandomErasing':
            # Of tensors, so after the conversion.
            erase.append(
                tv.RandomErasing(
                    step['erase_prob'],
                    (0.02, step['max_area_ratio']),
                    (3 / 10, 10 / 3),
                    128,
                )
            )
        else:
            raise ValueError(f'{kind} has no counterpart in torchvision.')
    return [*done, tv.PILToTensor(), *erase]


class PlainRandAugment:
    """``RandAugment`` of mmpretrain with the functions of torchvision.

    Args:
        config: Config of the transform.

    Raises:
        ValueError: A policy has no counterpart.
    """

    def __init__(self, config: dict) -> None:
        self.config = config
        for policy in config['policies']:
            if _plain_name(policy) not in _POLICIES:
                raise ValueError(f'{policy["type"]} has no counterpart.')

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
                share = min(max(level / config['total_level'], 0), 1)
                low, high = policy['magnitude_range']
                value = low + share * (high - low)
            sign = -1 if random.random() < 0.5 else 1
            image = _POLICIES[_plain_name(policy)](image, value, sign, policy)
        return image


def _plain_name(step: dict) -> str:
    """Name of a transform in mmpretrain: ours have faster ones of some."""
    return step['type'].removeprefix('Fast')


_GREY = [128]


def _affine(image, angle=0.0, shift=(0, 0), shear=(0.0, 0.0), smooth=False):
    mode = tv.InterpolationMode.NEAREST
    if smooth:
        mode = tv.InterpolationMode.BICUBIC
    return tvf.affine(
        image, angle, list(shift), 1.0, list(shear), mode, fill=_GREY * 3
    )


def _shear(image, value, sign, policy):
    angle = sign * float(np.degrees(np.arctan(value)))
    is_flat = policy['direction'] == 'horizontal'
    shear = (angle, 0.0) if is_flat else (0.0, angle)
    return _affine(image, shear=shear, smooth=True)


def _translate(image, value, sign, policy):
    is_flat = policy['direction'] == 'horizontal'
    pixels = round(sign * value * image.size[0 if is_flat else 1])
    return _affine(image, shift=(pixels, 0) if is_flat else (0, pixels))


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
    """Endless batches of a dataset, here or by workers."""

    def __init__(self, dataset, collate, batch_size: int, workers: int):
        order = np.random.default_rng(0).permutation(len(dataset)).tolist()
        # Long enough for every round; the order is the same for all.
        self.loader = DataLoader(
            dataset,
            batch_size,
            sampler=_Endless(order),
            num_workers=workers,
            collate_fn=collate,
            worker_init_fn=_one_thread,
        )
        self.batches = iter(self.loader)
        self.ready = 2 * workers  # batches made while nobody measures
        # What else the machine does takes none of a process's own time.
        self.clock = time.perf_counter if workers else time.process_time
        self.batch_size = batch_size

    def rate(self, images: int) -> float:
        """Images per second over the next batches."""
        for _ in range(self.ready + 1):
            next(self.batches)
        count = max(images // self.batch_size, 1)
        start = self.clock()
        for _ in range(count):
            next(self.batches)
        return count * self.batch_size / (self.clock() - start)


class _Endless(torch.utils.data.Sampler):
    def __init__(self, order: list[int]) -> None:
        self.order = order

    def __iter__(self):
        while True:
            yield from self.order


def _one_thread(_: int = 0) -> None:
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
    """Measure every form and plain torchvision, in turns.

    Args:
        folder: Has ``images/`` with JPEG files; the other forms are written
            beside it.
        pipeline: Config of the package's pipeline, see :class:`PlainDataset`.
        images: Images of a measurement.
        workers: Worker processes of a loader; 0 measures in this process,
            in seconds of the processor.

    Returns:
        Images per second and worker, plain torchvision first.

    Raises:
        RuntimeError: The views differ in shape or type.
    """
    forms = make_forms(folder)
    names = sorted(os.listdir(osp.join(folder, 'images')))
    paths = [osp.join(folder, 'images', name) for name in names]
    plain = PlainDataset(paths, pipeline)
    expected = [(view.shape, view.dtype) for view in plain[0]]
    streams = {PLAIN: _Stream(plain, None, batch_size, workers)}
    threads = cv2.getNumThreads(), torch.get_num_threads()
    _one_thread()
    try:
        with DefaultScope.overwrite_default_scope('mmpretrain'):
            for name, config in forms.items():
                dataset = DATASETS.build(dict(config, pipeline=pipeline))
                views = [(v.shape, v.dtype) for v in dataset[0]['inputs']]
                if views != expected:
                    raise RuntimeError(
                        f'{name} gives {views}, {PLAIN} {expected}.'
                    )
                streams[name] = _Stream(
                    dataset, default_collate, batch_size, workers
                )
        return take_turns(
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
