"""Write a network as a folder in the form of a model hub.

    python tools/export_hub.py CHECKPOINT FOLDER --license apache-2.0

Writes config.json, model.safetensors, README.md (the model card) and, if the
packages of fer_ssl[onnx] are installed, model.onnx.
"""

from __future__ import annotations

import argparse

from fer_ssl.launch import run


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('checkpoint', help='checkpoint of a training')
    parser.add_argument('folder', help='folder to write')
    parser.add_argument(
        '--license',
        default='unknown',
        help='license of the weights as hubs spell it, such as apache-2.0; '
        'default: %(default)s',
    )
    parser.add_argument(
        '--half', action='store_true', help='store the weights as float16'
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()

    from fer_ssl.apis.hub_folder import write_hub_folder

    written = write_hub_folder(
        args.checkpoint, args.folder, args.license, args.half
    )
    print(*written, sep='\n')


if __name__ == '__main__':
    run(main)
