"""Accuracy, size and speed of a classifier in PyTorch and as ONNX."""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import torch

from ..apis.export_onnx import ExportedFile, export_onnx
from ..apis.face_folder import MAX_FACES, read_faces
from ..apis.face_input import FaceInput
from ..apis.face_networks import FaceNetwork, FrameByFrame
from ..apis.load_network import LoadedNetwork, class_names, load_network
from ..apis.onnx_file import OnnxFile
from ..apis.onnx_networks import OnnxFrameByFrame
from ..apis.onnx_precision import PRECISIONS
from ..datasets.faces.face_dataset import FaceDataset
from ..evaluation.calibration import saved_calibration
from ..evaluation.functional.classification_scores import (
    confusion_matrix,
    macro_f1,
)
from .timing import compare_rates

_BATCHES = 1, 64


@dataclass
class _Variant:
    """A network that predicts faces, and the faces as it takes them."""

    network: FaceNetwork
    inputs: list[torch.Tensor]
    file: ExportedFile | None = None


def compare_variants(
    checkpoint: str,
    root: str,
    split: str = 'val',
    ranges: str = 'train',
    rounds: int = 5,
) -> list[dict]:
    """Compare a classifier in PyTorch with its exports.

    All variants are timed in alternation. The accuracy is over all faces, and
    the ranges of the activations of int8 are those on 256 other faces.

    Args:
        checkpoint: Checkpoint of a classifier.
        root: Folder with ``labels.csv`` and ``images``, see ``FaceDataset``.
        split: Split to predict.
        ranges: Split of the faces for int8.
        rounds: Number of measurements of the speed.

    Returns:
        One row per variant: size in MB, largest difference of a probability
        from PyTorch, accuracy and macro-F1 in percent, and for batches of 1
        and 64 faces the median, over the rounds, of the speed divided by that
        of PyTorch.
    """
    loaded = load_network(checkpoint)
    classes = class_names(loaded.cfg, loaded.checkpoint, loaded.model)
    with loaded.building():
        face_input = FaceInput.from_config(loaded.cfg)
    paths, labels = _faces(loaded, classes, root, split)
    images = read_faces(paths, face_input)
    others, _ = _faces(loaded, classes, root, ranges)
    with tempfile.TemporaryDirectory() as folder:
        faces = Path(folder, 'faces')
        faces.mkdir()
        chosen = np.linspace(0, len(others) - 1, MAX_FACES).astype(int)
        for index in np.unique(chosen):
            link = faces / f'{index}{Path(others[index]).suffix}'
            os.symlink(os.path.abspath(others[index]), link)
        variants = {'PyTorch': _pytorch(loaded, face_input, images)}
        for precision in PRECISIONS:
            path = str(Path(folder, f'{precision}.onnx'))
            (file,) = export_onnx(
                checkpoint, path, precision=precision, faces=str(faces)
            )
            variants[f'onnxruntime {precision}'] = _Variant(
                OnnxFrameByFrame(OnnxFile(path)),
                _inputs_of_file(face_input, images),
                file,
            )
        rows = _rows(variants, labels, len(classes))
        _add_speeds(rows, variants, rounds)
    rows[0]['MB'] = f'{os.path.getsize(loaded.path) / 1e6:.1f}'
    return rows


def _faces(
    loaded: LoadedNetwork, classes: tuple[str, ...], root: str, split: str
) -> tuple[list[str], np.ndarray]:
    """Return the paths and labels of the annotated faces of a split."""
    wanted = loaded.cfg.test_dataloader.dataset
    dataset = FaceDataset(
        ann_file='labels.csv',
        data_root=root,
        metainfo=dict(classes=classes),
        ignore_classes=wanted.get('ignore_classes', ()),
        split=split,
        test_mode=True,
    )
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    infos = [info for info in infos if info['gt_label'] >= 0]
    labels = np.array([int(info['gt_label']) for info in infos])
    return [info['img_path'] for info in infos], labels


def _pytorch(
    loaded: LoadedNetwork, face_input: FaceInput, images: np.ndarray
) -> _Variant:
    inputs = [
        torch.from_numpy(face_input.to_network(image)) for image in images
    ]
    classifier = getattr(loaded.model, 'student', loaded.model)
    network = FrameByFrame(loaded.model, classifier)
    network.calibration = saved_calibration(loaded.checkpoint, loaded.path)
    return _Variant(network, inputs)


def _inputs_of_file(
    face_input: FaceInput, images: np.ndarray
) -> list[torch.Tensor]:
    """Return faces as ExpressionInferencer passes them to a file."""
    gray = face_input.gray
    if gray is not None and gray.first:
        images = [face_input.to_network(image) for image in images]
        return [torch.from_numpy(image) for image in images]
    return list(torch.from_numpy(images).permute(0, 3, 1, 2).contiguous())


def _rows(
    variants: dict[str, _Variant], labels: np.ndarray, num_classes: int
) -> list[dict]:
    rows, expected = [], None
    for name, variant in variants.items():
        with torch.no_grad():
            scores = variant.network.run_stills(variant.inputs)
        expected = scores if expected is None else expected
        counts = confusion_matrix(labels, scores.argmax(axis=1), num_classes)
        accuracy = 100 * np.trace(counts) / counts.sum()
        size = 0 if variant.file is None else variant.file.size / 1e6
        rows.append(
            {
                'variant': name,
                'MB': f'{size:.1f}',
                'max difference': f'{np.abs(scores - expected).max():.1e}',
                'accuracy': f'{accuracy:.2f}',
                'macro-F1': f'{macro_f1(counts):.2f}',
            }
        )
    return rows


def _add_speeds(
    rows: list[dict], variants: dict[str, _Variant], rounds: int
) -> None:
    """Add the speed of each variant as a multiple of that of PyTorch."""
    for batch in _BATCHES:
        # Long enough to time: about a second of the slowest variant.
        count = 2 * batch if batch > 1 else 64
        speeds = compare_rates(
            {
                name: partial(_rate, variant, batch, count)
                for name, variant in variants.items()
            },
            rounds,
        )
        for row, speed in zip(rows, speeds):
            row[f'speed, {batch} at once'] = f'{median(speed.ratios):.2f}'


@torch.no_grad()
def _rate(variant: _Variant, batch: int, count: int) -> float:
    """Return the faces per second in batches."""
    inputs = variant.inputs[:count]
    start = time.perf_counter()
    for first in range(0, len(inputs), batch):
        variant.network.run_stills(inputs[first : first + batch])
    return len(inputs) / (time.perf_counter() - start)
