import json

import pytest
import torch
import yaml

from tests.helpers.onnx_networks import image_classifier, teacher_student
from tests.helpers.tiny_networks import CLASSES, write_checkpoint

pytest.importorskip('av')

from fer_ssl.apis import ExpressionInferencer  # noqa: E402
from fer_ssl.apis import hub_folder as module  # noqa: E402
from fer_ssl.apis.hub_folder import write_hub_folder  # noqa: E402
from fer_ssl.utils.files import file_sha256  # noqa: E402


@pytest.fixture
def write(tmp_path):
    def write(cfg):
        path, model = write_checkpoint(tmp_path / 'a.pth', cfg)
        content = torch.load(path)
        content['meta']['dataset_meta'] = dict(classes=CLASSES)
        torch.save(content, path)
        return path, model

    return write


def front_matter(folder):
    text = (folder / 'README.md').read_text('utf-8')
    _, head, body = text.split('---\n', 2)
    return yaml.safe_load(head), body


def test_folder(write, tmp_path):
    pytest.importorskip('onnxruntime')
    path, model = write(image_classifier())
    folder = tmp_path / 'my faces'
    written = write_hub_folder(path, str(folder), 'apache-2.0')
    assert [x.rpartition('/')[2] for x in written] == [
        'README.md',
        'config.json',
        'model.onnx',
        'model.safetensors',
    ]
    config = json.loads((folder / 'config.json').read_text())
    assert config['id2label'] == {str(i): x for i, x in enumerate(CLASSES)}
    assert config['label2id'] == {x: i for i, x in enumerate(CLASSES)}
    assert config['preprocessing'] == dict(
        side=20,
        steps=[
            dict(type='Resize', scale=24),
            dict(type='CenterCrop', crop_size=20),
        ],
        gray=False,
        channels='RGB',
        mean=[127.5] * 3,
        std=[50.0] * 3,
        margin=0.1,
        crop_size=0,
        detector='unknown',
    )
    assert config['checkpoint_sha256'] == file_sha256(path)
    head, body = front_matter(folder)
    assert head['license'] == 'apache-2.0'
    assert head['library_name'] == 'fer_ssl'
    assert head['pipeline_tag'] == 'image-classification'
    assert 'onnx' in head['tags']
    assert '| training data | unknown |' in body
    for weights in (folder, folder / 'model.onnx'):
        inferencer = ExpressionInferencer(weights=str(weights), device='cpu')
        assert inferencer.classes == CLASSES and inferencer.margin == 0.1
    inferencer = ExpressionInferencer(weights=str(folder), device='cpu')
    found = inferencer.model.state_dict()
    for key, value in model.state_dict().items():
        torch.testing.assert_close(found[key], value, rtol=0, atol=0)


def test_folder_without_onnx(write, tmp_path, monkeypatch):
    monkeypatch.setattr(module, 'export_problem', lambda: 'missing')
    cfg = teacher_student()
    path, _ = write(cfg)
    folder = tmp_path / 'hub'
    folder.mkdir()
    (folder / 'notes.txt').write_text('mine')
    write_hub_folder(path, str(folder), half=True)
    assert {x.name for x in folder.iterdir()} == {
        'README.md',
        'config.json',
        'model.safetensors',
        'notes.txt',
    }
    config = json.loads((folder / 'config.json').read_text())
    assert config['architectures'] == ['TeacherStudent']
    assert config['preprocessing']['gray'] is True
    head, body = front_matter(folder)
    assert head['license'] == 'unknown' and 'onnx' not in head['tags']
    assert 'converted to gray' in body
    assert 'temperature and bias, in the config' in body
    assert ExpressionInferencer(weights=str(folder)).classes == CLASSES


def test_errors(write, tmp_path):
    path, _ = write(image_classifier())
    with pytest.raises(FileNotFoundError, match='no.pth does not exist'):
        write_hub_folder(str(tmp_path / 'no.pth'), str(tmp_path / 'hub'))
    with pytest.raises(ValueError, match='cannot be used as the folder'):
        write_hub_folder(path, path)
    (tmp_path / 'empty').mkdir()
    with pytest.raises(FileNotFoundError, match='empty is a folder'):
        ExpressionInferencer(weights=str(tmp_path / 'empty'))
