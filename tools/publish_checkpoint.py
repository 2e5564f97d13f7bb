"""Make a small checkpoint for inference from one of a training.

python tools/publish_checkpoint.py work_dirs/RUN/iter_4000.pth OUT.pth --half

OUT.safetensors in place of OUT.pth writes that format.
"""

import argparse
import os

from fer_ssl.launch import run


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Keep the weights, the config and the classes of a '
        'checkpoint, and drop optimizers and logs.'
    )
    parser.add_argument('checkpoint', help='checkpoint of a training')
    parser.add_argument('out', help='file to write: .pth or .safetensors')
    parser.add_argument(
        '--half', action='store_true', help='store the weights as float16'
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()

    from fer_ssl.apis.publish_checkpoint import publish_checkpoint

    publish_checkpoint(args.checkpoint, args.out, args.half)
    print(f'{args.out}: {os.path.getsize(args.out) / 1e6:.1f} MB')


if __name__ == '__main__':
    run(main)
