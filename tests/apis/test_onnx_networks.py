"""Videos predicted by ONNX files, as by the checkpoints they are made of."""

import csv

import numpy as np
import pytest

from tests.helpers.onnx_networks import (
    gray_classifier,
    image_classifier,
    recognizer,
)
from tests.helpers.tiny_networks import CLASSES, write_checkpoint

pytest.importorskip('av')
onnx = pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')

from fer_ssl.apis import ExpressionInferencer  # noqa: E402
from fer_ssl.apis.export_onnx import export_onnx  # noqa: E402
from fer_ssl.apis.live import LivePredictor  # noqa: E402
from fer_ssl.media.video_file import VideoFile  # noqa: E402
from tests.helpers.video_files import write_frames  # noqa: E402


@pytest.fixture(scope='module')
def clip(tmp_path_factory):
    """A video of two faces, with gaps, and its boxes."""
    folder = tmp_path_factory.mktemp('clip')
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (17, 64, 96, 3), dtype=np.uint8)
    images //= np.arange(1, 18, dtype=np.uint8)[:, None, None, None] % 4 + 1
    lines = ['frame,left,top,right,bottom']
    for frame in range(1, 18):
        lines.append(f'{frame},3,4,37,39')
        if frame % 5:
            lines.append(f'{frame},50,20,82,52')
    boxes = folder / 'boxes.csv'
    boxes.write_text('\n'.join(lines))
    return write_frames(folder / 'a.mp4', images), str(boxes)


@pytest.fixture(scope='module')
def classifier_files(tmp_path_factory):
    folder = tmp_path_factory.mktemp('classifier')
    path, _ = write_checkpoint(folder / 'a.pth', image_classifier())
    export_onnx(path, str(folder / 'a.onnx'))
    return path, str(folder / 'a.onnx')


def predict(weights, clip, out):
    inferencer = ExpressionInferencer(
        weights=weights,
        detector=dict(type='BoxesFromCSV', path=clip[1]),
        show_progress=False,
        device='cpu',
    )
    inferencer(clip[0], out_dir=str(out), draw=False, batch_size=4)
    with open(out / 'predictions.csv', newline='') as file:
        return list(csv.DictReader(file)), inferencer


def compare(path, onnx_path, clip, folder):
    expected, _ = predict(path, clip, folder / 'a')
    found, inferencer = predict(onnx_path, clip, folder / 'b')
    assert len(found) == len(expected) > 20
    for row, other in zip(found, expected):
        for name in CLASSES:
            a, b = float(row.pop(name)), float(other.pop(name))
            assert a == pytest.approx(b, abs=1.1e-4)
        assert row == other
    assert inferencer.model is None
    return inferencer


def test_classifier(classifier_files, clip, tmp_path):
    inferencer = compare(*classifier_files, clip, tmp_path)
    assert inferencer.margin == 0.1 and inferencer.classes == CLASSES


def test_gray_faces(clip, tmp_path):
    """The test converts to gray before it resizes, the file after it."""
    path, _ = write_checkpoint(tmp_path / 'a.pth', gray_classifier())
    export_onnx(path, str(tmp_path / 'a.onnx'))
    compare(path, str(tmp_path / 'a.onnx'), clip, tmp_path)


@pytest.mark.parametrize('build', [image_classifier, recognizer])
def test_live(build, clip, tmp_path):
    path, _ = write_checkpoint(tmp_path / 'a.pth', build())
    export_onnx(path, str(tmp_path / 'a.onnx'))
    one, other = (
        LivePredictor(
            ExpressionInferencer(
                weights=str(tmp_path / name),
                detector=dict(type='BoxesFromCSV', path=clip[1]),
                show_progress=False,
                device='cpu',
            ),
            window=3,
        )
        for name in ('a.pth', 'a.onnx')
    )
    for frame in VideoFile(clip[0]):
        expected, found = one(frame), other(frame)
        assert expected.num_faces == (2 if frame.number % 5 else 1)
        np.testing.assert_allclose(found.scores, expected.scores, atol=1e-4)
        np.testing.assert_allclose(
            found.smoothed_scores, expected.smoothed_scores, atol=1e-4
        )


def test_both_phases(clip, tmp_path):
    path, _ = write_checkpoint(tmp_path / 'a.pth', recognizer())
    out = tmp_path / 'a.onnx'
    export_onnx(path, str(out))
    compare(path, str(out), clip, tmp_path)

    other = tmp_path / 'other.onnx'
    change(out, other, features_file='"../a_features.onnx"')
    with pytest.raises(ValueError, match="features_file is '../a_features"):
        ExpressionInferencer(weights=str(other))
    second = tmp_path / 'a_features.onnx'
    with pytest.raises(ValueError, match='only computes features'):
        ExpressionInferencer(weights=str(second))
    model = onnx.load(second)
    for entry in model.metadata_props:
        if entry.key == 'checkpoint_sha256':
            entry.value = '"0"'
    onnx.save(model, second)
    with pytest.raises(ValueError, match='does not belong to'):
        ExpressionInferencer(weights=str(out))
    second.unlink()
    with pytest.raises(FileNotFoundError, match='a_features.onnx does not'):
        ExpressionInferencer(weights=str(out))


def change(path, target, **entries):
    """Write a copy of a file with other metadata."""
    model = onnx.load(path)
    kept = {x.key: x.value for x in model.metadata_props}
    onnx.helper.set_model_props(model, {**kept, **entries})
    onnx.save(model, target)


@pytest.mark.parametrize(
    'entries, error',
    [
        (dict(fer_ssl='other'), 'a.onnx: this ONNX file was not written by'),
        (dict(side='{'), 'a.onnx: its metadata is damaged'),
        (dict(side='7'), 'The steps do not lead to side 7'),
        (dict(gray='{"no": 1}'), 'its metadata is damaged'),
        (dict(classes='null'), 'does not predict expressions'),
        (dict(classes='[' * 100_000), 'damaged.*nested too deeply'),
        (dict(classes='["a"]'), 'damaged.*1 classes, but'),
        (dict(classes='[1, 2]'), 'damaged.*classes are'),
        (dict(classes='[["a"], ["b"]]'), 'damaged.*classes are'),
        (dict(classes='["a", "a"]'), 'damaged.*classes are'),
        (
            dict(steps='[{"type": "os.system", "command": "true"}]'),
            'its metadata is damaged.*os.system',
        ),
        (
            dict(steps='[{"type": "Resize", "scale": [9, 8]}]'),
            'its metadata is damaged',
        ),
    ],
)
def test_foreign_metadata(classifier_files, tmp_path, entries, error):
    path = tmp_path / 'a.onnx'
    change(classifier_files[1], path, **entries)
    with pytest.raises(ValueError, match=error):
        ExpressionInferencer(weights=str(path))


def test_foreign_files(classifier_files, tmp_path):
    path = tmp_path / 'a.onnx'
    with pytest.raises(FileNotFoundError, match='a.onnx does not exist'):
        ExpressionInferencer(weights=str(path))
    path.write_bytes(b'something else')
    with pytest.raises(ValueError, match='a.onnx: onnxruntime cannot open'):
        ExpressionInferencer(weights=str(path))
    with pytest.raises(ValueError, match='Leave out --config'):
        ExpressionInferencer(image_classifier(), classifier_files[1])


def test_missing_onnxruntime(classifier_files, monkeypatch):
    monkeypatch.setattr('fer_ssl.apis.onnx_file.find_spec', lambda name: None)
    with pytest.raises(ImportError) as error:
        ExpressionInferencer(weights=classifier_files[1])
    assert str(error.value) == (
        'ONNX files need onnxruntime, which is not installed. Run `pip '
        'install fer_ssl[onnx]`.'
    )
