"""Cache the student's features of every frame for the temporal phase.

python tools/extract_features.py CONFIG CHECKPOINT --out DIR
torchrun --nproc_per_node 4 tools/extract_features.py CONFIG CHECKPOINT \
    --out DIR --launcher pytorch
"""

import argparse

from fer_ssl.launch import add_launch_arguments, load_config, run


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Write the student's features of all frames to a store on "
        'which the temporal phase trains and tests.'
    )
    parser.add_argument('config', help='config of the temporal phase')
    parser.add_argument('checkpoint', help="the student's checkpoint")
    parser.add_argument('--out', required=True, help='folder of the store')
    parser.add_argument(
        '--split',
        nargs='+',
        help='splits of the annotation file; default: '
        'extract_dataloader.dataset.split of the config, else all',
    )
    parser.add_argument(
        '--batch-size',
        type=int,
        help='faces per batch; default: from the config',
    )
    add_launch_arguments(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    cfg = load_config(args)

    from fer_ssl.features.extract_features import (
        extract_features,
        init_distributed,
    )

    init_distributed(args.launcher)
    extract_features(
        cfg, args.checkpoint, args.out, args.split, args.batch_size
    )


if __name__ == '__main__':
    run(main)
