import csv
import gc

import numpy as np
import pytest
import torch.utils.data
from mmengine.logging import MMLogger
from mmengine.registry import DefaultScope
from PIL import Image

import fer_ssl  # noqa: F401  (repairs other packages before a test imports them)

CLASSES = ('neutral', 'anger', 'happiness')
# A loader that is garbage collected waits this long for each of its workers,
# because the message to exit rarely reaches them.
torch.utils.data._utils.MP_STATUS_CHECK_INTERVAL = 0.2


def restore_scope_and_logger():
    """Restore MMEngine's current scope and logger after a test."""
    managers = DefaultScope, MMLogger
    before = [dict(manager._instance_dict) for manager in managers]
    yield
    for manager, instances in zip(managers, before):
        manager._instance_dict.clear()
        manager._instance_dict.update(instances)


@pytest.fixture(autouse=True, scope='module')
def frozen_heap():
    """Exempt imported code from garbage collection, which data sets run."""
    gc.collect()
    gc.freeze()


restore_after_module = pytest.fixture(
    restore_scope_and_logger, autouse=True, scope='module'
)
restore_after_test = pytest.fixture(restore_scope_and_logger, autouse=True)


def write_annotation(root, name, header, rows):
    """Write a CSV file; returns the arguments of its data set."""
    with open(root / name, 'w', newline='') as file:
        csv.writer(file).writerows([header, *rows])
    return dict(
        ann_file=name,
        data_root=str(root),
        metainfo=dict(classes=CLASSES),
    )


@pytest.fixture
def write_videos(tmp_path):
    """Function that writes ``frames.csv`` and a face per frame.

    A video is a string with one character per frame: '0', '1', '2' the class,
    '?' a face without annotation, '.' no face (not annotated either).
    """

    def write(videos, size=32, split='train', root=tmp_path):
        rng = np.random.default_rng(0)
        rows = []
        for video, frames in videos.items():
            (root / 'frames' / video).mkdir(parents=True, exist_ok=True)
            for i, kind in enumerate(frames, start=1):
                image = f'{video}/{i:05d}.png'
                pixels = rng.integers(0, 256, (size, size, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(root / 'frames' / image)
                expression = CLASSES[int(kind)] if kind.isdigit() else ''
                rows.append(
                    (video, i, '' if kind == '.' else image, expression, split)
                )
        header = ('video', 'frame', 'image', 'expression', 'split')
        return write_annotation(root, 'frames.csv', header, rows)

    return write


@pytest.fixture
def write_faces(tmp_path):
    """Function that writes ``labels.csv`` and its images.

    Rows are ``(image, expression, split)``; the pixels carry the class, so
    that a network can learn it.
    """

    def write(rows, size=32, root=tmp_path):
        rng = np.random.default_rng(0)
        (root / 'images').mkdir(parents=True, exist_ok=True)
        for image, expression, _ in rows:
            pixels = rng.integers(0, 128, (size, size, 3), dtype=np.uint8)
            if expression in CLASSES:
                channel = CLASSES.index(expression)
                pixels[size // 4 : size // 2, :, channel] += 127
            Image.fromarray(pixels).save(root / 'images' / image)
        header = ('image', 'expression', 'split')
        return write_annotation(root, 'labels.csv', header, rows)

    return write


@pytest.fixture(scope='session')
def synthetic_root(tmp_path_factory):
    """Data root of about a hundred synthetic faces, shared by all tests."""
    from fer_ssl.data_preparation.synthetic import (
        SyntheticSettings,
        make_synthetic,
    )

    root = tmp_path_factory.mktemp('synthetic')
    make_synthetic(root, SyntheticSettings.tiny(), seed=0)
    return root
