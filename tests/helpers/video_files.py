"""Writes videos for tests with PyAV, with times and a display matrix."""

from fractions import Fraction

import numpy as np

# Display matrices as a container stores them (16.16 and 2.30 fixed point).
IDENTITY = (1, 0, 0, 0, 1, 0, 0, 0, 16384)
LOSSLESS = ('ffv1', 'bgr0')
#: Written by phones held upright: the image is shown turned to the right.
TURN_RIGHT = (0, 1, 0, -1, 0, 0, 0, 0, 16384)
TURN_LEFT = (0, -1, 0, 1, 0, 0, 0, 0, 16384)
TURN_AROUND = (-1, 0, 0, 0, -1, 0, 0, 0, 16384)
MIRROR = (-1, 0, 0, 0, 1, 0, 0, 0, 16384)


def write_frames(
    path,
    images,
    times=None,
    matrix=None,
    codec=('libx264', 'yuv420p'),
    **options,
):
    """Write RGB images (H, W, 3) with even sides, at 10 fps or at ``times``.

    ``options`` are passed to the encoder, such as ``g='5'``.
    """
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), 'w') as media:
        stream = media.add_stream(codec[0], rate=10)
        stream.options = dict(dict(crf='10', preset='ultrafast'), **options)
        stream.codec_context.time_base = Fraction(1, 1000)
        for i, image in enumerate(images):
            if i == 0:
                stream.height, stream.width = image.shape[:2]
                stream.pix_fmt = codec[1]
            frame = av.VideoFrame.from_ndarray(image, format='rgb24')
            seconds = i / 10 if times is None else times[i]
            frame.pts, frame.time_base = (
                round(1000 * seconds),
                Fraction(1, 1000),
            )
            media.mux(stream.encode(frame))
        media.mux(stream.encode(None))
    if matrix is not None:
        set_matrix(path, matrix)
    return str(path)


def set_matrix(path, matrix):
    """Replace the display matrix in the header of an MP4 file."""
    data = path.read_bytes()
    begin = data.index(b'tkhd') + 4 + 40
    numbers = 65536 * np.array(matrix)
    data = data[:begin] + numbers.astype('>i4').tobytes() + data[begin + 36 :]
    path.write_bytes(data)


def gray(level, size=(64, 96)):
    return np.full((*size, 3), level, np.uint8)


def corners(size=(64, 96)):
    """Red at the top left, green at the top right, blue at the bottom left."""
    image = gray(40, size)
    side = min(size) // 4
    image[:side, :side] = (255, 0, 0)
    image[:side, -side:] = (0, 255, 0)
    image[-side:, :side] = (0, 0, 255)
    return image
