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
    kind=None,
    cover=None,
    **options,
):
    """Write RGB images (H, W, 3) with even sides, at 10 fps or at ``times``.

    ``kind`` is the name of the format, where the file name does not tell;
    ``cover`` an RGB image that becomes the first video stream; ``options`` are
    passed to the encoder, such as ``g='5'``.
    """
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), 'w', format=kind) as media:
        if cover is not None:
            picture = media.add_stream('mjpeg', rate=10)
            picture.height, picture.width = cover.shape[:2]
            picture.pix_fmt = 'yuvj420p'
            picture.disposition = av.stream.Disposition.attached_pic.value
        stream = media.add_stream(codec[0], rate=10)
        stream.options = dict(dict(crf='10', preset='ultrafast'), **options)
        base = Fraction(1, 10 if times is None else 1000)
        stream.codec_context.time_base = base
        for i, image in enumerate(images):
            if i == 0:
                stream.height, stream.width = image.shape[:2]
                stream.pix_fmt = codec[1]
                if cover is not None:
                    frame = av.VideoFrame.from_ndarray(cover, format='rgb24')
                    frame.pts = 0
                    media.mux(picture.encode(frame) + picture.encode(None))
            frame = av.VideoFrame.from_ndarray(image, format='rgb24')
            seconds = i / 10 if times is None else times[i]
            frame.pts, frame.time_base = round(seconds / base), base
            media.mux(stream.encode(frame))
        media.mux(stream.encode(None))
    if cover is not None and path.suffix == '.mp4':
        put_cover_first(path)
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


def put_cover_first(path):
    """Move the cover of an MP4 file before its tracks."""
    data = path.read_bytes()
    tracks, cover = data.index(b'trak') - 4, data.rindex(b'udta') - 4
    path.write_bytes(data[:tracks] + data[cover:] + data[tracks:cover])


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
