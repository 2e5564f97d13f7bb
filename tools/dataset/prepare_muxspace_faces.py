"""Convert a clone of muxspace/facial_expressions to a faces CSV.

    git clone https://github.com/muxspace/facial_expressions CLONE
    python tools/dataset/prepare_muxspace_faces.py CLONE OUT --buckets 40-99

Writes OUT/labels.csv, OUT/images/ and OUT/report.txt. See
docs/data_preparation.md.
"""

from __future__ import annotations

import argparse

from fer_ssl.data_preparation.muxspace_faces import prepare_muxspace_faces
from fer_ssl.launch import describe_error, run


def parse_buckets(text: str) -> range:
    """Parse ``'FIRST-LAST'`` or a single number."""
    first, _, last = text.partition('-')
    return range(int(first), int(last or first) + 1)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('clone', help='folder of the clone')
    parser.add_argument('out', help='folder to write to')
    parser.add_argument(
        '--size',
        type=int,
        default=112,
        help='side of the images in pixels; default: %(default)s',
    )
    parser.add_argument(
        '--buckets',
        type=parse_buckets,
        default='0-99',
        metavar='FIRST-LAST',
        help='keep only people whose names hash to these of the buckets 0-99 '
        '(val is 40-54); 40-99 selects the faces of docs/results.md',
    )
    args = parser.parse_args()
    try:
        report = prepare_muxspace_faces(
            args.clone, args.out, args.size, args.buckets
        )
    except (FileNotFoundError, ValueError) as error:
        parser.exit(1, f'error: {describe_error(error)}\n')
    print(f'\n{report.summary()}\nAll names: {args.out}/report.txt')


if __name__ == '__main__':
    run(main)
