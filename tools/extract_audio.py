"""Log-mel spectra of the sound, a stream for the temporal phase.

python tools/extract_audio.py CONFIG MEDIA --out DIR
"""

import argparse

from fer_ssl.launch import add_launch_arguments, load_config, run


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Write log-mel spectra of the sound of all videos, one '
        'for each frame, into a store'
    )
    parser.add_argument('config', help='config of the temporal phase')
    parser.add_argument(
        'media', help='folder with a video or a sound file per video'
    )
    parser.add_argument('--out', required=True, help='folder of the store')
    parser.add_argument(
        '--split',
        nargs='+',
        help='splits of the annotation file; default: what '
        'extract_dataloader.dataset.split says, else all',
    )
    parser.add_argument(
        '--fps',
        type=float,
        help='frames per second of the frames that are annotated; default: '
        'what each video file says',
    )
    parser.add_argument(
        '--mels', type=int, default=64, help='number of mel bands'
    )
    parser.add_argument(
        '--window',
        type=int,
        default=1024,
        help='samples of a spectrum, at 16,000 per second',
    )
    parser.add_argument(
        '--types',
        nargs='+',
        help='file name extensions to look for; default: videos and sounds',
    )
    parser.add_argument(
        '--allow-missing',
        action='store_true',
        help='take a video without a file as one without sound',
    )
    parser.add_argument(
        '--threads', type=int, default=2, help='threads that decode'
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
