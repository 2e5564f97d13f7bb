"""Plot the timeline of one video and the confusion matrix of all videos.

Reads CSV files written by ``MacroF1Metric(out_file=...)``::

    python tools/analysis/plot_predictions.py raw.csv smoothed.csv \
        --out-dir work_dirs/plots
"""

from __future__ import annotations

import argparse
from pathlib import Path

from fer_ssl.evaluation import VideoPredictions
from fer_ssl.launch import run
from fer_ssl.utils.files import save_figure
from fer_ssl.visualization import (
    most_changed_video,
    plot_confusion_matrix,
    plot_timeline,
)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('raw', help='CSV file of the predictions')
    parser.add_argument(
        'smoothed',
        nargs='?',
        help='CSV file of the same predictions after post-processing, used '
        'for the confusion matrix',
    )
    parser.add_argument(
        '--video',
        help='video of the timeline; default: the one that smoothing changes '
        'most, or the longest',
    )
    parser.add_argument(
        '--out-dir', default='.', type=Path, help='folder to write to'
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    predictions = {'raw': VideoPredictions.from_csv(args.raw)}
    if args.smoothed:
        predictions['smoothed'] = VideoPredictions.from_csv(args.smoothed)
    raw, last = predictions['raw'], list(predictions.values())[-1]
    video = args.video or most_changed_video(raw, last)
    if video not in raw or video not in last:
        raise SystemExit(
            f'error: video {video} is not in the predictions. {args.raw} has '
            + ', '.join(x.name for x in raw)
            + '.'
        )
    args.out_dir.mkdir(parents=True, exist_ok=True)
    # Names of videos may contain folders.
    timeline = args.out_dir / f'timeline_{video.replace("/", "_")}.png'
    by_name = {name: videos[video] for name, videos in predictions.items()}
    save_figure(plot_timeline(by_name, raw.classes), timeline)
    matrix = args.out_dir / 'confusion_matrix.png'
    figure = plot_confusion_matrix(last.confusion_matrix(), last.classes)
    save_figure(figure, matrix)
    print(timeline, matrix, sep='\n')


if __name__ == '__main__':
    run(main)
