"""Plot how a masked autoencoder reconstructs partly masked faces.

    python tools/analysis/plot_reconstructions.py CONFIG CHECKPOINT --out X.png

The faces are evenly spaced items of the config's training set, without
augmentation, or those given by ``--images``.
"""

from __future__ import annotations

import argparse

import cv2
import mmcv
import torch
from mmengine.config import Config
from mmengine.registry import DATASETS, MODELS, init_default_scope
from mmengine.runner import load_checkpoint

from fer_ssl.launch import find_config, read_config_file, run
from fer_ssl.utils.files import save_figure
from fer_ssl.visualization.reconstructions import plot_reconstructions


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('config', help='config of the masked autoencoder')
    parser.add_argument('checkpoint', help='checkpoint to load')
    parser.add_argument('--count', type=int, default=8, help='number of faces')
    parser.add_argument(
        '--out', default='reconstructions.png', help='image file to write'
    )
    return parser.parse_args()


def spaced_images(cfg: Config, count: int) -> list[str]:
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    rows = range(0, len(dataset), max(len(dataset) // count, 1))
    return [dataset.get_data_info(row)['img_path'] for row in rows[:count]]


def main() -> None:
    args = parse_args()
    cfg = read_config_file(find_config(args.config))
    init_default_scope(cfg.default_scope)
    model = MODELS.build(cfg.model).eval()
    load_checkpoint(model, args.checkpoint, map_location='cpu')
    size = model.backbone.img_size[::-1]
    faces = []
    for path in spaced_images(cfg, args.count):
        face = mmcv.imread(path, channel_order='rgb')
        faces.append(cv2.resize(face, size, interpolation=cv2.INTER_AREA))
    # Mean and std, with which the plot undoes the normalization.
    pixels = torch.tensor(
        [cfg.model.data_preprocessor.mean, cfg.model.data_preprocessor.std]
    )
    images = torch.tensor(faces).permute(0, 3, 1, 2).float()
    images = (images - pixels[0, :, None, None]) / pixels[1, :, None, None]
    torch.manual_seed(0)  # always the same masks
    save_figure(plot_reconstructions(model, images, pixels), args.out)
    print(args.out)


if __name__ == '__main__':
    run(main)
