"""Import features of another program as a stream of the temporal phase.

python tools/import_features.py CONFIG FEATURES --out DIR --rate 50 --fps 30
"""

import argparse

from fer_ssl.launch import add_launch_arguments, load_config, run


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Write features (of wav2vec 2.0, VGGish, ...) from one '
        '.npy file per video to a feature store, one row per video frame.'
    )
    parser.add_argument('config', help='config of the temporal phase')
    parser.add_argument(
        'features',
        help='folder of files <video>.npy, arrays of shape (rows, features)',
    )
    parser.add_argument('--out', required=True, help='folder of the store')
    parser.add_argument(
        '--split',
        nargs='+',
        help='splits of the annotation file; default: '
        'extract_dataloader.dataset.split of the config, else all',
    )
    parser.add_argument(
        '--rate',
        type=float,
        help='rows per second, such as 50 for wav2vec 2.0 and 1.0417 for '
        'VGGish; default: one row per video frame',
    )
    parser.add_argument(
        '--fps', type=float, help='frames per second of all videos'
    )
    parser.add_argument(
        '--media', help='folder of the videos, whose frame rates are read'
    )
    parser.add_argument(
        '--interpolation',
        choices=('nearest', 'linear'),
        default='linear',
        help='how rows are resampled; default: %(default)s',
    )
    parser.add_argument(
        '--allow-missing',
        action='store_true',
        help='treat a video without a file as one without this stream',
    )
    add_launch_arguments(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    cfg = load_config(args)

    from fer_ssl.features.import_features import import_features

    import_features(
        cfg,
        args.features,
        args.out,
        args.split,
        args.rate,
        args.fps,
        args.media,
        args.interpolation,
        args.allow_missing,
    )


if __name__ == '__main__':
    run(main)
