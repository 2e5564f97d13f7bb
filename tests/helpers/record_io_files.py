"""RecordIO files byte by byte as MXNet and dmlc-core write them."""

import struct

import cv2
import numpy as np

MAGIC = 0xCED7230A


def frame(record):
    """A record with its frames: ``RecordIOWriter::WriteRecord`` of dmlc."""
    magic = struct.pack('<I', MAGIC)
    out, begin = b'', 0
    for i in range(0, len(record) // 4 * 4, 4):
        if record[i : i + 4] == magic:
            kind = 1 if begin == 0 else 2
            out += magic + struct.pack('<I', kind << 29 | i - begin)
            out += record[begin:i]
            begin = i + 4
    kind = 3 if begin else 0
    out += magic + struct.pack('<I', kind << 29 | len(record) - begin)
    return out + record[begin:] + bytes(-len(record) % 4)


def pack(labels, identity, image=b''):
    """``mxnet.recordio.pack``: IRHeader, further labels, image."""
    if isinstance(labels, (int, float)):
        return struct.pack('<IfQQ', 0, labels, identity, 0) + image
    head = struct.pack('<IfQQ', len(labels), 0, identity, 0)
    return head + struct.pack(f'<{len(labels)}f', *labels) + image


def jpeg(value, size=112):
    """An image of one gray value."""
    pixels = np.full((size, size, 3), value, np.uint8)
    return cv2.imencode('.jpg', pixels)[1].tobytes()


def write_ms1m(folder, people=(3, 1, 4), name='train', images=None):
    """Files as InsightFace ships them.

    Keys 1 .. N are the images, those of a person one after another; then a
    record without image per person; key 0 is written last and holds the first
    key after the images and the first key after the people.

    Returns:
        The images by key.
    """
    records, ranges, key = [], [], 1
    images = dict(images or {})
    for person, count in enumerate(people):
        ranges.append((float(key), float(key + count)))
        for _ in range(count):
            images.setdefault(key, jpeg(key * 7 % 256))
            records.append((key, pack(float(person), key, images[key])))
            key += 1
    bound = key
    for pair in ranges:
        records.append((key, pack(pair, key)))
        key += 1
    records.append((0, pack((float(bound), float(key)), 0)))
    write_records(folder, records, name)
    (folder / 'property').write_text(f'{len(people)},112,112')
    return images


def write_records(folder, records, name='train'):
    """``(key, record)`` pairs into ``.rec`` and ``.idx``."""
    folder.mkdir(parents=True, exist_ok=True)
    data, lines = b'', ''
    for key, record in records:
        lines += f'{key}\t{len(data)}\n'
        data += frame(record)
    (folder / f'{name}.rec').write_bytes(data)
    (folder / f'{name}.idx').write_text(lines)


def put_sizes(file, keys, queue):
    """Read records in a process of its own and send their sizes back."""
    queue.put([len(file.read(key).image) for key in keys])
