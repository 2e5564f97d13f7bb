"""Crops of the faces in photographs, with a manifest.

    python tools/dataset/crop_faces.py PHOTOS OUT \\
        --model face_detection_yunet_2023mar.onnx
    python tools/dataset/crop_faces.py labels.csv OUT --image-root PHOTOS \\
        --model face_detection_yunet_2023mar.onnx --processes 8

Writes OUT/images/, OUT/faces.csv (image,source,left,top,right,bottom,score,
status) and, from a CSV file, OUT/labels.csv with the images replaced by the
crops. The model is a file of https://github.com/opencv/opencv_zoo; without
one, the Haar cascade of the package is used. Interrupted, it goes on where it
was. For data sets that give boxes use the transform CropFace.
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
        'source', help='folder, CSV file with column image, or text file'
    )
    parser.add_argument('out', help='folder to write to')
    parser.add_argument(
        '--image-root',
        default='',
        help='folder that the images of a file are relative to; default: the '
        'folder of the file',
    )
    parser.add_argument('--model', help='ONNX file of YuNet')
    parser.add_argument(
        '--min-score',
        type=float,
        default=default.min_score,
        help='faces with a lower score are none; default: %(default)s',
    )
    parser.add_argument(
        '--faces',
        choices=('largest', 'all'),
        default=default.faces,
        help='of an image; default: %(default)s',
    )
    parser.add_argument(
        '--margin',
        type=float,
        default=default.margin,
        help='added to every side, as a share of the face; '
        'default: %(default)s',
    )
    parser.add_argument(
        '--size',
        type=int,
        default=default.size,
        help='side of the crops in pixels, 0 as they are; '
        'default: %(default)s',
    )
    parser.add_argument(
        '--detect-size',
        type=int,
        default=default.detect_size,
        help='longer side of the image that the detector sees; '
        'default: %(default)s',
    )
    parser.add_argument('--processes', type=int, default=1)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    try:
        settings = CropSettings(
            args.model,
            args.min_score,
            args.detect_size,
            args.faces,
            args.margin,
            args.size,
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
        print('Stopped: the same call goes on from here.')
        raise SystemExit(130) from None


if __name__ == '__main__':
    run(main)
