"""Predict the expressions of the people in images, videos or a webcam.

    python tools/predict.py photo.jpg --out-dir OUT
    python tools/predict.py PHOTOS 'clips/*.mp4' --out-dir OUT
    find PHOTOS -name '*.jpg' | python tools/predict.py - --out-dir OUT
    python tools/predict.py 0 --live

An input is an image, a video, a folder of these, a pattern, the number of a
webcam, or - for a list of paths on standard input, one a line. Images give
OUT/predictions.csv and copies with boxes in OUT/overlay/; a video gives
OUT/predictions.csv, OUT/timeline.png and OUT/overlay.mp4, in a subfolder if
there are several inputs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from fer_ssl.compat import leave_triton_out
from fer_ssl.launch import add_network_arguments, run

if TYPE_CHECKING:
    from fer_ssl.apis import ExpressionInferencer


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        'inputs',
        nargs='+',
        metavar='INPUT',
        help='image, video, folder, pattern, number of a webcam, or -',
    )
    parser.add_argument(
        '--out-dir', help='folder to write to; not needed with --live'
    )
    add_network_arguments(parser)
    parser.add_argument(
        '--live',
        action='store_true',
        help='show a webcam, or a video, in a window while it is predicted, '
        'and write nothing',
    )
    parser.add_argument(
        '--min-score',
        type=float,
        default=0.6,
        help='minimum score of a face, in [0, 1]; default: %(default)s',
    )
    parser.add_argument(
        '--detect-size',
        type=int,
        default=640,
        help='longer side in pixels of the frame that the detector sees; '
        'default: %(default)s',
    )
    parser.add_argument(
        '--face-model',
        help='another ONNX file of YuNet; default: that of the package',
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
        help='frames over which probabilities are averaged, or 0 for no '
        'smoothing; default: %(default)s',
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
        '--no-overlay',
        action='store_true',
        help='draw neither images nor overlay.mp4',
    )
    args = parser.parse_args()
    if args.live == bool(args.out_dir):
        parser.error('give either --out-dir or --live.')
    return args


def list_inputs(words: list[str]) -> Iterator[str]:
    for word in words:
        if word == '-':
            yield from filter(None, map(str.strip, sys.stdin))
        else:
            yield word


def build_inferencer(args: argparse.Namespace) -> ExpressionInferencer:
    if not (args.config or args.checkpoint):
        leave_triton_out()  # other networks might need it
    from fer_ssl.apis import ExpressionInferencer

    detector = dict(
        type='YuNetDetector',
        min_score=args.min_score,
        detect_size=args.detect_size,
        model=args.face_model,
    )
    if args.boxes:
        detector = dict(type='BoxesFromCSV', path=args.boxes)
    smoothing = dict(type='ProbabilitySmoothing', window=args.window)
    return ExpressionInferencer(
        args.config,
        args.checkpoint,
        detector,
        post_process=smoothing if args.window else None,
        margin=args.margin,
        min_faces=args.min_faces,
        device=args.device,
    )


def main() -> None:
    args = parse_args()
    inputs = list(list_inputs(args.inputs))
    inferencer = build_inferencer(args)
    if args.live:
        from fer_ssl.apis.live import show_live

        show_live(inferencer, inputs, args.window)
        return
    failed = has_images = False
    for result in inferencer.stream(
        inputs[0] if len(inputs) == 1 else inputs,
        batch_size=args.batch_size,
        out_dir=args.out_dir,
        seconds=args.seconds,
        draw=not args.no_overlay,
    ):
        entry = result['predictions']
        for problem in entry['problems']:
            print(f'warning: {problem}', file=sys.stderr)
        failed = failed or 'faces' not in entry
        has_images = has_images or 'image' in entry
        if 'faces' in entry:
            (report_image if 'image' in entry else report_video)(entry)
            for path in result['visualization'].values():
                print(path)
    if has_images:
        print(Path(args.out_dir, 'predictions.csv'))
    if failed:
        raise SystemExit(1)


def report_image(entry: dict) -> None:
    faces = ', '.join(
        f'{face["label"]} {face["score"]:.0%}' for face in entry['faces']
    )
    print(f'{entry["image"]}: {faces or "no face"}')


def report_video(entry: dict) -> None:
    frames, faces = entry['frames'], len(entry['faces'])
    print(
        f'{entry["video"]}: {frames} frame{"s" * (frames != 1)}, '
        f'{faces} face{"s" * (faces != 1)}'
    )
    for face in entry['faces']:
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
