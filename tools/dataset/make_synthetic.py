"""Make the synthetic faces and videos on which configs/demo trains."""

import argparse
import time

from fer_ssl.data_preparation.synthetic import (
    SyntheticSettings,
    make_synthetic,
)
from fer_ssl.launch import run


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        '--out',
        default='data/synthetic',
        help='folder to write to; default: %(default)s',
    )
    parser.add_argument(
        '--seed',
        type=int,
        default=0,
        help='seed of all random draws; default: %(default)s',
    )
    parser.add_argument(
        '--processes',
        type=int,
        default=2,
        help='number of worker processes; default: %(default)s',
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    settings = SyntheticSettings()
    start = time.time()
    if not make_synthetic(args.out, settings, args.seed, args.processes):
        print(f'{args.out} is up to date.')
        return
    train, val = settings.videos
    print(
        f'{args.out}: {sum(settings.labeled)} labeled and '
        f'{settings.unlabeled} unlabeled faces, {train} + {val} videos '
        f'with sound, {time.time() - start:.0f} s.'
    )


if __name__ == '__main__':
    run(main)
