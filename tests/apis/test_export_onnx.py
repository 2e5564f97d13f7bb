import json

import cv2
import numpy as np
import pytest
import torch
from mmengine.dataset import Compose

from tests.helpers.onnx_networks import (
    CALIBRATION,
    gray_classifier,
    image_classifier,
    multi_task_recognizer,
    recognizer,
    teacher_student,
)
from tests.helpers.tiny_networks import CLASSES, classifier, write_checkpoint

onnx = pytest.importorskip('onnx')
onnxruntime = pytest.importorskip('onnxruntime')

from fer_ssl.apis.export_onnx import export_onnx  # noqa: E402
from fer_ssl.utils.files import file_sha256  # noqa: E402


@pytest.fixture(scope='module')
def faces(synthetic_root):
    return str(synthetic_root / 'images')


@pytest.fixture(scope='module')
def export(tmp_path_factory, faces):
    """Function that exports a config once, and returns what it made."""
    folder = tmp_path_factory.mktemp('onnx')
    done = {}

    def export(name, cfg, **kwargs):
        if name not in done:
            path, model = write_checkpoint(folder / f'{name}.pth', cfg)
            out = str(folder / f'{name}.onnx')
            files = export_onnx(path, out, faces=faces, **kwargs)
            done[name] = path, model, files
        return done[name]

    return export


def run(file, **inputs):
    session = onnxruntime.InferenceSession(file.path)
    return session.run(None, inputs)


def metadata(file):
    session = onnxruntime.InferenceSession(file.path)
    texts = session.get_modelmeta().custom_metadata_map
    kind = texts.pop('fer_ssl')
    return kind, {key: json.loads(text) for key, text in texts.items()}


def shapes(file):
    model = onnx.load(file.path)
    return {
        value.name: [
            size.dim_param or size.dim_value
            for size in value.type.tensor_type.shape.dim
        ]
        for value in [*model.graph.input, *model.graph.output]
    }


def image(seed=0, side=20):
    generator = np.random.default_rng(seed)
    brightest = 255 // (seed % 3 + 1)
    return generator.integers(0, brightest, (side, side, 3), dtype=np.uint8)


def scores_of_test(cfg, model, rgb, tmp_path):
    """Run the test pipeline of the config on an image file."""
    steps = cfg.test_dataloader.dataset.pipeline
    steps = [x for x in steps if x.type not in ('Resize', 'CenterCrop')]
    face = rgb[..., ::-1]
    if steps[0].get('color_type') == 'grayscale':
        # Decoders of color images to gray round in ways of their own.
        face = cv2.cvtColor(face, cv2.COLOR_BGR2GRAY)
    path = str(tmp_path / 'face.png')
    cv2.imwrite(path, face)
    item = Compose(steps)(dict(img_path=path))
    batch = dict(inputs=[item['inputs']], data_samples=None)
    with torch.no_grad():
        (sample,) = model(
            model.data_preprocessor(batch)['inputs'], mode='predict'
        )
    return sample


@pytest.mark.parametrize('make', [image_classifier, gray_classifier])
def test_classifier(export, tmp_path, make):
    cfg = make()
    path, model, (file,) = export(make.__name__, cfg)
    assert file.difference < 1e-6 and file.num_faces > 10
    assert (file.opset, file.precision) == (18, 'fp32')
    assert shapes(file) == dict(faces=['N', 20, 20, 3], probabilities=['N', 3])
    face = image()
    expected = scores_of_test(cfg, model, face, tmp_path).pred_score.numpy()
    for count in (1, 5):
        inputs = np.stack([face] * count)
        (scores,) = run(file, faces=inputs)
        assert scores.dtype == np.float32
        np.testing.assert_allclose(
            scores, np.stack([expected] * count), atol=1e-5
        )
    other = run(file, faces=image(1)[None])[0]
    assert np.abs(other[0] - expected).max() > 0.01


def test_metadata(export):
    path, _, (file,) = export('image_classifier', image_classifier())
    kind, found = metadata(file)
    assert kind == 'faces'
    assert found['classes'] == list(CLASSES)
    assert found['side'] == 20 and found['gray'] is None
    assert found['face_crop'] == dict(margin=0.1, size=0)
    assert found['steps'] == [
        dict(type='Resize', scale=24),
        dict(type='CenterCrop', crop_size=20),
    ]
    assert found['checkpoint_sha256'] == file_sha256(path)
    assert found['calibration'] is None and found['precision'] == 'fp32'
    content = open(file.path, 'rb').read()
    assert file.size == len(content)
    assert b'site-packages' not in content and b'.py' not in content


@pytest.mark.parametrize('network', ['student', 'teacher'])
def test_teacher_and_student_with_prior_and_calibration(
    tmp_path, faces, network
):
    cfg = teacher_student()
    path, model = write_checkpoint(tmp_path / 'a.pth', cfg)
    content = torch.load(path)
    prior = torch.tensor([-0.2, -1.5, -3.0])
    for name in ('student', 'teacher'):
        content['state_dict'][f'{name}.head.log_prior'] = prior
    torch.save(content, path)
    model.load_state_dict(content['state_dict'])
    (file,) = export_onnx(
        path, str(tmp_path / 'a.onnx'), network=network, faces=faces
    )
    assert file.difference < 1e-5
    face = image()
    chosen = getattr(model, network)
    chosen.data_preprocessor = model.data_preprocessor
    sample = scores_of_test(cfg, chosen, face, tmp_path)
    expected = sample.pred_score
    if network == 'student':  # which predicts, so it is calibrated
        logs = expected.log() / CALIBRATION['temperature']
        expected = (logs + torch.tensor(CALIBRATION['bias'])).softmax(0)
    (scores,) = run(file, faces=face[None])
    torch.testing.assert_close(
        torch.from_numpy(scores[0]), expected, rtol=0, atol=1e-5
    )
    kind, found = metadata(file)
    assert found['calibration'] == (
        CALIBRATION if network == 'student' else None
    )
    assert found['network'] == network
    assert found['gray']['weights'] == [0.299, 0.587, 0.114]


def expected_tasks(model, features, valid):
    with torch.no_grad():
        logits = model.cls_head(
            torch.from_numpy(features), torch.from_numpy(valid)
        )
    return logits


@pytest.mark.parametrize('size', [(1, 1), (3, 11), (2, 40)])
def test_temporal_model(export, size):
    path, model, (file, student) = export('recognizer', recognizer())
    assert file.difference < 1e-5 and student.difference < 1e-5
    assert shapes(file) == dict(
        features=['N', 'T', 4], valid=['N', 'T'], EXPR=['N', 'T', 3]
    )
    generator = np.random.default_rng(0)
    features = generator.normal(size=(*size, 4)).astype(np.float32)
    valid = generator.random(size) < 0.7
    valid[0, 0] = True
    (scores,) = run(file, features=features, valid=valid)
    expected = expected_tasks(model, features, valid).softmax(-1).numpy()
    np.testing.assert_allclose(scores[valid], expected[valid], atol=1e-5)
    assert np.isfinite(scores).all()


def test_features(export):
    _, model, (file, student) = export('recognizer', recognizer())
    assert shapes(student) == dict(faces=['N', 20, 20, 3], features=['N', 4])
    faces = np.stack([image(i) for i in range(3)])
    (features,) = run(student, faces=faces)
    images = (torch.from_numpy(faces).permute(0, 3, 1, 2) - 127.5) / 50
    expected = model.student_features(images)
    np.testing.assert_allclose(features, expected, atol=1e-5)
    kind, found = metadata(file)
    other, also = metadata(student)
    assert (kind, other) == ('temporal', 'features')
    assert found['features_file'] == 'recognizer_features.onnx'
    assert (found['window'], found['stride']) == (6, 4)
    assert found['checkpoint_sha256'] == also['checkpoint_sha256']


def test_several_tasks_and_recurrent_encoders(export):
    _, model, (file, _) = export('tasks', multi_task_recognizer())
    assert file.difference < 1e-5
    names = list(shapes(file))
    assert set(names) == {'features', 'valid', 'VA', 'EXPR', 'AU'}
    generator = np.random.default_rng(0)
    for size in ((1, 1), (3, 12)):
        features = generator.normal(size=(*size, 4)).astype(np.float32)
        valid = generator.random(size) < 0.6
        valid[-1] = size == (1, 1)  # a clip without any valid frame
        outputs = run(file, features=features, valid=valid)
        logits = expected_tasks(model, features, valid)
        logs = logits['EXPR'].log_softmax(-1) / CALIBRATION['temperature']
        expected = dict(
            VA=logits['VA'].tanh(),
            EXPR=(logs + torch.tensor(CALIBRATION['bias'])).softmax(-1),
            AU=logits['AU'].sigmoid(),
        )
        for name, output in zip(names[2:], outputs):
            np.testing.assert_allclose(
                output[valid], expected[name].numpy()[valid], atol=1e-5
            )
            assert np.isfinite(output).all()


@pytest.mark.parametrize(
    'precision, tolerance', [('fp16', 0.01), ('int8', 0.1)]
)
def test_smaller_variants(export, precision, tolerance):
    _, _, (exact,) = export('image_classifier', image_classifier())
    name = f'{precision}_classifier'
    _, _, (file,) = export(name, image_classifier(), precision=precision)
    assert 0 < file.difference < tolerance
    assert file.precision == precision
    faces = np.stack([image(i) for i in range(4)])
    (scores,), (expected,) = run(file, faces=faces), run(exact, faces=faces)
    assert scores.dtype == np.float32
    assert np.abs(scores - expected).max() < tolerance
    types = {x.data_type for x in onnx.load(file.path).graph.initializer}
    kind = dict(fp16='FLOAT16', int8='INT8')[precision]
    assert onnx.TensorProto.DataType.Value(kind) in types


@pytest.mark.parametrize(
    'cfg, options, error',
    [
        (image_classifier(), dict(precision='int4'), 'int4.* is none of'),
        (image_classifier(), dict(precision='int8'), 'a folder of images'),
        (image_classifier(), dict(faces='no'), 'no: no such folder of faces'),
        (
            image_classifier(),
            dict(network='teacher'),
            'a.pth: a ImageClassifier has no teacher',
        ),
        (
            image_classifier(calibration=dict(temperature=0, bias=[0] * 3)),
            {},
            r'a\.pth: calibration',
        ),
    ],
)
def test_errors(tmp_path, cfg, options, error):
    path, _ = write_checkpoint(tmp_path / 'a.pth', cfg)
    out = tmp_path / 'a.onnx'
    with pytest.raises((ValueError, FileNotFoundError), match=error):
        export_onnx(path, str(out), **options)
    assert not out.exists()


def test_damaged_face(tmp_path):
    path, _ = write_checkpoint(tmp_path / 'a.pth', image_classifier())
    folder = tmp_path / 'faces'
    folder.mkdir()
    out = str(tmp_path / 'a.onnx')
    with pytest.raises(ValueError, match='faces: no images in it'):
        export_onnx(path, out, faces=str(folder))
    (folder / 'a.png').write_bytes(b'')
    with pytest.raises(ValueError, match='a.png: not an image'):
        export_onnx(path, out, faces=str(folder))


def test_other_predictions_are_noticed(tmp_path, monkeypatch):
    """A network that predicts otherwise than was exported is not written."""
    path, model = write_checkpoint(tmp_path / 'a.pth', image_classifier())
    head = type(model.head)
    predict = head._get_predictions

    def flattened(self, scores, samples):
        return predict(self, scores / 2, samples)

    monkeypatch.setattr(head, '_get_predictions', flattened)
    with pytest.raises(ValueError, match='not written.* differs'):
        export_onnx(path, str(tmp_path / 'a.onnx'))
    assert not (tmp_path / 'a.onnx').exists()


def test_network_that_pytorch_cannot_export(tmp_path, monkeypatch):
    path, model = write_checkpoint(tmp_path / 'a.pth', image_classifier())
    neck = type(model.neck)
    forward = neck.forward

    def branching(self, inputs):
        if inputs[0].sum().item() > 1e9:
            return forward(self, inputs)
        return forward(self, inputs)

    monkeypatch.setattr(neck, 'forward', branching)
    with pytest.raises(ValueError) as error:
        export_onnx(path, str(tmp_path / 'a.onnx'))
    text = str(error.value)
    assert text.startswith(f'{tmp_path}/a.onnx: PyTorch cannot export')
    assert '\n' not in text


def test_config_inside_is_not_trusted(tmp_path):
    cfg = classifier()
    cfg.test_dataloader.dataset.pipeline.insert(
        1, dict(type='os.system', command='true')
    )
    path, _ = write_checkpoint(tmp_path / 'a.pth', cfg)
    with pytest.raises(ValueError, match="names 'os.system'"):
        export_onnx(path, str(tmp_path / 'a.onnx'))


def test_missing_packages(tmp_path, monkeypatch):
    monkeypatch.setattr('fer_ssl.apis.onnx_file.find_spec', lambda name: None)
    with pytest.raises(ImportError, match=r'pip install fer_ssl\[onnx\]'):
        export_onnx('a.pth', str(tmp_path / 'a.onnx'))


def test_old_pytorch(tmp_path, monkeypatch):
    monkeypatch.delattr(torch.onnx, 'ops')
    with pytest.raises(ImportError, match='needs PyTorch 2.8 or later'):
        export_onnx('a.pth', str(tmp_path / 'a.onnx'))
