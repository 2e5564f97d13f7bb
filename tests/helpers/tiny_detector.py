"""A face detector for tests: a tiny network with the outputs of YuNet.

It detects red areas. The ONNX file is written by hand, since the
package ``onnx`` is not a dependency and no model may be downloaded.
"""

import math
import struct

FLOAT, INT64 = 1, 7  # TensorProto.DataType


def varint(number):
    data = b''
    while number > 127:
        data += bytes([number & 127 | 128])
        number >>= 7
    return data + bytes([number])


def message(*pairs):
    """Encode (field number, value) pairs as a protocol buffer."""
    data = b''
    for number, value in pairs:
        if isinstance(value, int):
            data += varint(number << 3) + varint(value)
        else:
            value = value.encode() if isinstance(value, str) else value
            data += varint(number << 3 | 2) + varint(len(value)) + value
    return data


def node(op_type, inputs, output, **attributes):
    fields = [(1, name) for name in inputs] + [(2, output), (4, op_type)]
    for name, value in attributes.items():
        parts = [(1, name)]
        if isinstance(value, int):
            parts += [(3, value), (20, 2)]
        else:
            parts += [(8, number) for number in value] + [(20, 7)]
        fields.append((5, message(*parts)))
    return message(*fields)


def tensor(name, shape, values, data_type=FLOAT):
    code = 'f' if data_type == FLOAT else 'q'
    data = struct.pack(f'<{len(values)}{code}', *values)
    sizes = [(1, size) for size in shape]
    return message(*sizes, (2, data_type), (8, name), (9, data))


def value(name, shape):
    sizes = [
        (1, message((1, size) if isinstance(size, int) else (2, size)))
        for size in shape
    ]
    tensor_type = message((1, FLOAT), (2, message(*sizes)))
    return message((1, name), (2, message((1, tensor_type))))


def write_red_face_detector(path, stride=32, side=64):
    """Write a detector of faces of ``side`` pixels at red ``stride`` cells."""
    nodes, tensors, outputs = [], [], []
    for s in (8, 16, 32):
        nodes.append(
            node(
                'AveragePool',
                ['input'],
                f'mean_{s}',
                kernel_shape=[s, s],
                strides=[s, s],
            )
        )
        red = [-1 / 255, -1 / 255, 1 / 255] if s == stride else [0] * 3
        heads = dict(
            cls=(red, [0 if s == stride else -1]),
            obj=(red, [0 if s == stride else -1]),
            bbox=([0] * 12, [0.5, 0.5] + [math.log(side / s)] * 2),
            kps=([0] * 30, [0] * 10),
        )
        for name, (weights, bias) in heads.items():
            output, size = f'{name}_{s}', len(bias)
            tensors += [
                tensor(f'{output}_w', (size, 3, 1, 1), weights),
                tensor(f'{output}_b', (size,), bias),
                tensor(f'{output}_s', (3,), (1, -1, size), INT64),
            ]
            convolved, turned = f'{output}_conv', f'{output}_turned'
            nodes += [
                node(
                    'Conv',
                    [f'mean_{s}', f'{output}_w', f'{output}_b'],
                    convolved,
                    kernel_shape=[1, 1],
                ),
                node('Transpose', [convolved], turned, perm=[0, 2, 3, 1]),
                node('Reshape', [turned, f'{output}_s'], output),
            ]
            outputs.append(value(output, (1, 'n', size)))
    graph = message(
        *[(1, x) for x in nodes],
        (2, 'red'),
        *[(5, x) for x in tensors],
        (11, value('input', (1, 3, 'height', 'width'))),
        *[(12, x) for x in outputs],
    )
    opset = message((2, 13))
    path.write_bytes(message((1, 8), (7, graph), (8, opset)))
    return str(path)
