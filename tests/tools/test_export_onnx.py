"""The scripts of the export, in a folder outside the checkout."""

import csv

import numpy as np
import pytest
import torch

from tests.helpers.onnx_networks import image_classifier
from tests.helpers.tiny_networks import CLASSES, write_checkpoint

pytest.importorskip('av')
onnx = pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')

from tests.helpers.video_files import gray, write_frames  # noqa: E402

TOOL = 'python {tools}/export_onnx.py'
PREDICT = 'python {tools}/predict_video.py clip.mp4 --boxes boxes.csv'


@pytest.fixture(scope='module')
def files(folder):
    path, _ = write_checkpoint(folder / 'tiny.pth', image_classifier())
    content = torch.load(path)
    content['meta']['dataset_meta'] = dict(classes=CLASSES)
    torch.save(content, path)
    write_frames(folder / 'clip.mp4', [gray(30 * i) for i in range(8)])
    rows = ''.join(f'{t},5,5,40,40\n' for t in range(1, 9))
    (folder / 'boxes.csv').write_text('frame,left,top,right,bottom\n' + rows)
    return folder


def scores(path):
    with open(path, newline='') as file:
        rows = list(csv.DictReader(file))
    return np.array([[float(row[x]) for x in CLASSES] for row in rows])


def test_export_and_prediction(call, files):
    text = call(f'{TOOL} tiny.pth tiny.onnx')
    assert 'tiny.onnx: fp32, opset 18, 0.0 MB, max difference' in text
    assert 'on 16 faces' in text and 'Warning' not in text
    call(f'{PREDICT} --checkpoint tiny.pth --out-dir a --no-overlay')
    call(f'{PREDICT} --checkpoint tiny.onnx --out-dir b --no-overlay')
    found = scores(files / 'b/predictions.csv')
    expected = scores(files / 'a/predictions.csv')
    assert len(found) == 8 and expected.std(axis=0).max() > 0.01
    np.testing.assert_allclose(found, expected, atol=1.1e-4)


def test_safetensors_and_hub_folder(call, files):
    call('python {tools}/publish_checkpoint.py tiny.pth tiny.safetensors')
    text = call('python {tools}/export_hub.py tiny.safetensors hub')
    assert 'hub/model.safetensors\n' in text and 'hub/config.json\n' in text
    for name, weights in (('c', 'tiny.pth'), ('d', 'hub')):
        call(f'{PREDICT} --checkpoint {weights} --out-dir {name} --no-overlay')
    found, expected = (
        scores(files / 'd/predictions.csv'),
        scores(files / 'c/predictions.csv'),
    )
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    'command, problem',
    [
        (f'{TOOL} none.pth a.onnx', 'checkpoint none.pth does not exist'),
        (f'{TOOL} boxes.csv a.onnx', 'boxes.csv: this is not a checkpoint'),
        (f'{TOOL} tiny.pth a.onnx --precision int8', 'int8 needs faces'),
        (f'{TOOL} tiny.pth a.onnx --faces none', 'none: no such folder'),
        (
            f'{PREDICT} --checkpoint foreign.onnx --out-dir e',
            'foreign.onnx: this ONNX file was not written by export_onnx',
        ),
    ],
)
def test_errors(call, files, command, problem):
    value = onnx.helper.make_tensor_value_info('x', 1, [1])
    other = onnx.helper.make_tensor_value_info('y', 1, [1])
    node = onnx.helper.make_node('Relu', ['x'], ['y'])
    graph = onnx.helper.make_graph([node], 'g', [value], [other])
    opset = onnx.helper.make_opsetid('', 18)
    model = onnx.helper.make_model(graph, opset_imports=[opset], ir_version=10)
    onnx.save(model, files / 'foreign.onnx')
    text = call(command, status=1)
    assert f'error: {problem}' in text and 'Traceback' not in text
    assert not (files / 'a.onnx').exists()
