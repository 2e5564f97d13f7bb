"""Crop the faces from photographs and write a manifest.

    python tools/dataset/crop_faces.py PHOTOS OUT
    python tools/dataset/crop_faces.py labels.csv OUT --image-root PHOTOS \\
        --processes 8

Writes OUT/images/, OUT/faces.csv (image,source,left,top,right,bottom,score,
status) and, if the source is a CSV file, OUT/labels.csv with the crops in
place of the images. After an interruption, the same command continues. For
data sets with boxes, use the transform CropFace.
"""

from __future__ import annotations

import argparse

from fer_ssl.data_preparation.face_cropper import (
    CropSettings,
    FaceCropper,
    list_sources,
)
from fer_ssl.launch import describe_error, run


def parse_args() -> argparse.Namespace:
    default = CropSettings()
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        'source',
        help='folder, CSV file with a column image, or text file with one '
        'image per line',
    )
    parser.add_argument('out', help='folder to write to')
    parser.add_argument(
        '--image-root',
        default='',
        help='base folder of the images listed in a file; default: the folder '
        'of the file',
    )
    parser.add_argument(
        '--model',
        help='another ONNX file of YuNet; default: that of the package',
    )
    parser.add_argument(
        '--min-score',
        type=float,
        default=default.min_score,
        help='drop detections with a lower score; default: %(default)s',
    )
    parser.add_argument(
        '--faces',
        choices=('largest', 'all'),
        default=default.faces,
        help='faces to keep from each image; default: %(default)s',
    )
    parser.add_argument(
        '--margin',
        type=float,
        default=default.margin,
        help='margin on every side, as a fraction of the size of the face; '
        'default: %(default)s',
    )
    parser.add_argument(
        '--size',
        type=int,
        default=default.size,
        help='side of the crops in pixels, or 0 to keep the resolution; '
        'default: %(default)s',
    )
    parser.add_argument(
        '--processes',
        type=int,
        default=1,
        help='number of worker processes; default: %(default)s',
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    try:
        settings = CropSettings(
            args.model,
            args.min_score,
            faces=args.faces,
            margin=args.margin,
            size=args.size,
        )
        sources = list_sources(args.source, args.image_root)
        cropper = FaceCropper(sources, args.out, settings, args.processes)
        counts = cropper.run()
        for status, count in counts.most_common():
            print(f'{status}: {count}')
        if args.source.endswith('.csv') and args.faces == 'largest':
            count = cropper.write_labels(args.source)
            print(f'{args.out}/labels.csv: {count} rows')
    except (OSError, ValueError) as error:
        raise SystemExit(f'error: {describe_error(error)}') from None
    except KeyboardInterrupt:
        print('Stopped. Run the same command to continue.')
        raise SystemExit(130) from None


if __name__ == '__main__':
    run(main)
