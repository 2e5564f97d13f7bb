"""Extract log-mel spectra of the sound as a stream of the temporal phase.

python tools/extract_audio.py CONFIG MEDIA --out DIR
"""

import argparse

from fer_ssl.launch import add_launch_arguments, load_config, run


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Write log-mel spectra of the sound of all videos, one '
        'per frame, to a feature store.'
    )
    parser.add_argument('config', help='config of the temporal phase')
    parser.add_argument(
        'media', help='folder with one video or sound file for each video'
    )
    parser.add_argument('--out', required=True, help='folder of the store')
    parser.add_argument(
        '--split',
        nargs='+',
        help='splits of the annotation file; default: '
        'extract_dataloader.dataset.split of the config, else all',
    )
    parser.add_argument(
        '--fps',
        type=float,
        help='frames per second of the annotated frames; default: the '
        'frame rate of each video file',
    )
    parser.add_argument(
        '--mels',
        type=int,
        default=64,
        help='number of mel bands; default: %(default)s',
    )
    parser.add_argument(
        '--window',
        type=int,
        default=1024,
        help='samples per spectrum, at 16,000 per second; '
        'default: %(default)s',
    )
    parser.add_argument(
        '--types',
        nargs='+',
        help='file extensions to search for; default: those of videos and '
        'sounds',
    )
    parser.add_argument(
        '--allow-missing',
        action='store_true',
        help='treat a video without a file as one without sound',
    )
    parser.add_argument(
        '--threads',
        type=int,
        default=2,
        help='number of decoding threads; default: %(default)s',
    )
    add_launch_arguments(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    cfg = load_config(args)

    from fer_ssl.features.extract_audio import MEDIA_TYPES, extract_audio
    from fer_ssl.media.log_mel import LogMel

    extract_audio(
        cfg,
        args.media,
        args.out,
        args.split,
        args.fps,
        LogMel(window=args.window, num_mels=args.mels),
        args.types or MEDIA_TYPES,
        args.allow_missing,
        args.threads,
    )


if __name__ == '__main__':
    run(main)
