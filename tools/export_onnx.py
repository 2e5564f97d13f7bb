"""Write a network as ONNX: uint8 faces in, probabilities out.

    python tools/export_onnx.py CHECKPOINT OUT.onnx --faces FOLDER

A network of both phases becomes OUT.onnx and OUT_features.onnx.
"""

from __future__ import annotations

import argparse

from fer_ssl.launch import run


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        'checkpoint', help='checkpoint, or folder in the form of a model hub'
    )
    parser.add_argument('out', help='file to write, OUT.onnx')
    parser.add_argument(
        '--config', help='config; default: the one inside the checkpoint'
    )
    parser.add_argument(
        '--network',
        choices=('student', 'teacher'),
        default='student',
        help='network of a teacher and student; default: %(default)s',
    )
    parser.add_argument(
        '--precision',
        choices=('fp32', 'fp16', 'int8'),
        default='fp32',
        help='numbers of the network that sees the faces; default: '
        '%(default)s',
    )
    parser.add_argument(
        '--faces',
        metavar='FOLDER',
        help='face images to compare with PyTorch, and for int8 to measure '
        'the ranges of the activations; default: noise',
    )
    args = parser.parse_args()
    if not args.out.endswith('.onnx'):
        parser.error(f'{args.out}: the name must end in .onnx.')
    return args


def main() -> None:
    args = parse_args()

    from fer_ssl.apis.export_onnx import export_onnx

    files = export_onnx(
        args.checkpoint,
        args.out,
        args.network,
        args.precision,
        args.faces,
        args.config,
    )
    for file in files:
        print(
            f'{file.path}: {file.precision}, opset {file.opset}, '
            f'{file.size / 1e6:.1f} MB, max difference from PyTorch '
            f'{file.difference:.1e} on {file.num_faces} faces'
        )


if __name__ == '__main__':
    run(main)
