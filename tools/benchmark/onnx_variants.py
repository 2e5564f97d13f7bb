"""Compare a classifier in PyTorch with its exports to ONNX.

    python tools/benchmark/onnx_variants.py CHECKPOINT data/faces

data/faces has labels.csv and images. The faces of split=val are scored, and
the ranges of the activations of int8 are those on faces of split=train. The
speeds are multiples of that of PyTorch, measured in alternation.
"""

from __future__ import annotations

import argparse

from fer_ssl.benchmarks.onnx_variants import compare_variants
from fer_ssl.launch import run
from fer_ssl.utils.tables import markdown_table


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('checkpoint', help='checkpoint of a classifier')
    parser.add_argument('root', help='folder with labels.csv and images')
    parser.add_argument(
        '--split', default='val', help='split to score; default: %(default)s'
    )
    parser.add_argument(
        '--ranges',
        default='train',
        help='split of the faces for int8; default: %(default)s',
    )
    parser.add_argument(
        '--rounds',
        type=int,
        default=9,
        help='measurements of the speed; default: %(default)s',
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    rows = compare_variants(
        args.checkpoint, args.root, args.split, args.ranges, args.rounds
    )
    print(markdown_table(list(rows[0]), [row.values() for row in rows]))


if __name__ == '__main__':
    run(main)
