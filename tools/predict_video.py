"""Predict the expressions of the people in a video.

    python tools/predict_video.py VIDEO --checkpoint WEIGHTS.pth --out-dir OUT

VIDEO is a video file, a folder of videos or the number of a webcam. Writes
OUT/predictions.csv, OUT/timeline.png and OUT/overlay.mp4; if there are several
videos, each of them gets a subfolder.
"""

from __future__ import annotations

import argparse
import sys

from fer_ssl.launch import run


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        'video', help='video, folder of videos, or number of a webcam'
    )
    parser.add_argument('--out-dir', required=True, help='folder to write to')
    parser.add_argument(
        '--checkpoint', help='weights; default: those of the package'
    )
    parser.add_argument(
        '--config', help='config; default: the one inside the checkpoint'
    )
    parser.add_argument(
        '--face-model',
        help='face detector: ONNX file of YuNet, or XML file of a cascade; '
        'default: the cascade of the package',
    )
    parser.add_argument(
        '--min-score',
        type=float,
        default=0.6,
        help='minimum score of a face; default: %(default)s',
    )
    parser.add_argument(
        '--detect-size',
        type=int,
        default=640,
        help='longer side in pixels of the frame that the detector sees; '
        'default: %(default)s',
    )
    parser.add_argument(
        '--search-every',
        type=int,
        metavar='N',
        help='search the full frame every N frames, and in between only near '
        'the previous faces; default: 5 with a cascade, 1 with YuNet',
    )
    parser.add_argument(
        '--boxes',
        help='CSV file with columns frame,left,top,right,bottom[,video] to '
        'use in place of a detector',
    )
    parser.add_argument(
        '--min-faces',
        type=int,
        default=5,
        help='drop tracks with fewer frames; default: %(default)s',
    )
    parser.add_argument(
        '--margin',
        type=float,
        help='margin on every side of a face, as a fraction of its longer '
        'side; default: from the config, else 0.2',
    )
    parser.add_argument(
        '--window',
        type=int,
        default=30,
        help='frames per window of the majority smoothing, or 0 for none; '
        'default: %(default)s',
    )
    parser.add_argument(
        '--seconds',
        type=float,
        help='seconds to record a webcam; default: until Ctrl-C',
    )
    parser.add_argument(
        '--batch-size',
        type=int,
        default=32,
        help='frames per batch; default: %(default)s',
    )
    parser.add_argument(
        '--device',
        help='device of the network; default: a GPU if there is one',
    )
    parser.add_argument(
        '--no-overlay', action='store_true', help='do not write overlay.mp4'
    )
    return parser.parse_args()


def face_detector(args: argparse.Namespace) -> dict:
    if args.boxes:
        return dict(type='BoxesFromCSV', path=args.boxes)
    detector = dict(min_score=args.min_score, detect_size=args.detect_size)
    if args.face_model is None:
        detector.update(type='HaarDetector')
    else:
        is_cascade = args.face_model.lower().endswith('.xml')
        detector_type = 'HaarDetector' if is_cascade else 'YuNetDetector'
        detector.update(type=detector_type, model=args.face_model)
    every = args.search_every
    if every is None:
        every = 5 if detector['type'] == 'HaarDetector' else 1
    return dict(type='NearbySearch', detector=detector, every=every)


def main() -> None:
    args = parse_args()

    from fer_ssl.apis import ExpressionInferencer

    smoothing = dict(type='MajoritySmoothing', window=args.window)
    inferencer = ExpressionInferencer(
        args.config,
        args.checkpoint,
        face_detector(args),
        post_process=smoothing if args.window else None,
        margin=args.margin,
        min_faces=args.min_faces,
        device=args.device,
    )
    result = inferencer(
        args.video,
        batch_size=args.batch_size,
        out_dir=args.out_dir,
        seconds=args.seconds,
        draw_video=not args.no_overlay,
    )
    failed = False
    for video, paths in zip(result['predictions'], result['visualization']):
        for problem in video['problems']:
            print(f'warning: {problem}', file=sys.stderr)
        failed = failed or 'faces' not in video
        if 'faces' in video:
            report(video)
            print(*paths.values(), sep='\n')
    if failed:
        raise SystemExit(1)


def report(video: dict) -> None:
    frames, faces = video['frames'], len(video['faces'])
    print(
        f'{video["video"]}: {frames} frame{"s" * (frames != 1)}, '
        f'{faces} face{"s" * (faces != 1)}'
    )
    for face in video['faces']:
        labels = sorted(face['labels'].items(), key=lambda x: -x[1])
        fractions = ', '.join(
            f'{name} {count / face["frames"]:.0%}' for name, count in labels
        )
        print(
            f'  face {face["face"]}, {face["begin"]:.1f} to '
            f'{face["end"]:.1f} s: {fractions}'
        )


if __name__ == '__main__':
    run(main)
