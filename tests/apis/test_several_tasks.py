"""Prediction with networks of several tasks: expressions and values."""

import csv
import json

import cv2
import numpy as np
import pytest
import torch

from fer_ssl.labels import (
    ABAW_ACTION_UNITS,
    ABAW_EXPRESSIONS,
    ABAW_VALENCE_AROUSAL,
)
from tests.helpers.drawn_face import draw_face
from tests.helpers.tiny_networks import (
    TASKS,
    classifier,
    recognizer,
    task_classifier,
    task_recognizer,
    write_checkpoint,
)
from tests.helpers.video_files import write_frames

pytest.importorskip('av')

from fer_ssl.apis import ExpressionInferencer  # noqa: E402
from fer_ssl.apis.export_onnx import export_onnx  # noqa: E402
from fer_ssl.apis.face_probabilities import FaceProbabilities  # noqa: E402
from fer_ssl.apis.hub_folder import write_hub_folder  # noqa: E402
from fer_ssl.apis.live import LivePredictor  # noqa: E402
from fer_ssl.apis.onnx_file import OnnxFile  # noqa: E402
from fer_ssl.apis.own_faces import OwnFaces  # noqa: E402
from fer_ssl.media.video_file import VideoFile  # noqa: E402

NAMES = (*ABAW_VALENCE_AROUSAL, *ABAW_ACTION_UNITS)
BOXES = ''.join(
    f'{frame},10,12,50,52\n' for frame in range(1, 10) if frame != 4
)


@pytest.fixture
def clip(tmp_path):
    """Path of a clip of nine frames, and of its boxes."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (9, 64, 64, 3)).astype(np.uint8)
    path = write_frames(tmp_path / 'my clip.mp4', images, np.arange(9) / 10)
    boxes = tmp_path / 'boxes.csv'
    boxes.write_text(f'frame,left,top,right,bottom\n{BOXES}')
    return path, str(boxes)


def load(weights, boxes=None, **kwargs):
    if boxes is not None:
        kwargs['detector'] = dict(type='BoxesFromCSV', path=boxes)
    return ExpressionInferencer(
        weights=str(weights), show_progress=False, device='cpu', **kwargs
    )


def inputs_of(inferencer, path):
    """Faces of a clip as the network gets them, by number of the frame."""
    pipeline = inferencer.pipeline
    pipeline.begin('my clip')
    found = {x.number: pipeline(x)['inputs'] for x in VideoFile(path)}
    return {number: faces[0] for number, faces in found.items() if faces}


@pytest.mark.parametrize('build', [task_classifier, task_recognizer])
@torch.no_grad()
def test_video(tmp_path, clip, build):
    path, boxes = clip
    weights, model = write_checkpoint(tmp_path / 'a.pth', build())
    inferencer = load(weights, boxes, post_process=None)
    result = inferencer(path, out_dir=str(tmp_path / 'out'), batch_size=4)
    (found,) = inferencer(path, return_datasamples=True)['predictions']
    assert found.classes == ABAW_EXPRESSIONS and found.value_names == NAMES

    faces = inputs_of(inferencer, path)
    batch = dict(inputs=[*faces.values()], data_samples=None)
    images = model.data_preprocessor(batch)['inputs']
    if build is task_classifier:
        head, logits = model.head, model(images)
        rows = range(8)
    else:
        # The first of the windows of six frames, from frame 1.
        head = model.cls_head
        features = model.student_features(images[:5])
        window = torch.zeros(1, 6, 32)
        valid = torch.tensor([[True, True, True, False, True, True]])
        window[valid] = features
        logits = head(window, valid)
        logits = {name: x[valid] for name, x in logits.items()}
        # Those of the first four frames are in no other window.
        rows = range(3)
    expected = {t: head.tasks[t].predict(x).numpy() for t, x in logits.items()}
    for row in rows:
        np.testing.assert_allclose(
            found.scores[row], expected['EXPR'][row], atol=1e-5
        )
        np.testing.assert_allclose(
            found.values[row],
            [*expected['VA'][row], *expected['AU'][row]],
            atol=1e-5,
        )
    assert found.values.std(axis=0).min() > 1e-4

    with open(tmp_path / 'out/predictions.csv', newline='') as file:
        rows = [row for row in csv.DictReader(file)]
    assert tuple(rows[0])[-14:] == NAMES
    assert rows[3]['AU26'] == ''
    assert float(rows[4]['valence']) == pytest.approx(
        found.values[3, 0], abs=1e-4
    )
    (face,) = result['predictions'][0]['faces']
    assert face['values']['AU1'] == pytest.approx(
        found.values[:, 2].mean(), abs=1e-6
    )
    assert set(face['labels']) <= set(ABAW_EXPRESSIONS)
    assert (tmp_path / 'out/overlay.mp4').is_file()


@pytest.mark.parametrize('build', [task_classifier, task_recognizer])
def test_image_and_live(tmp_path, clip, build):
    weights, _ = write_checkpoint(tmp_path / 'a.pth', build())
    inferencer = load(weights, min_faces=1)
    path = tmp_path / 'my photo.png'
    cv2.imwrite(str(path), draw_face())
    out = str(tmp_path / 'out')
    (entry,) = inferencer(str(path), out_dir=out)['predictions']
    (face,) = entry['faces']
    assert tuple(face['scores']) == ABAW_EXPRESSIONS
    assert sum(face['scores'].values()) == pytest.approx(1, abs=1e-5)
    assert tuple(face['values']) == NAMES
    assert -1 <= face['values']['valence'] <= 1
    with open(tmp_path / 'out/predictions.csv', newline='') as file:
        (row,) = csv.DictReader(file)
    assert row['AU12'] == f'{face["values"]["AU12"]:.4f}'

    predictor = LivePredictor(load(weights, clip[1]), window=2)
    shown = [predictor(frame) for frame in VideoFile(clip[0])]
    assert [x.scores.shape for x in shown[2:4]] == [(1, 8), (0, 8)]
    assert shown[1].smoothed_scores.sum() == pytest.approx(1, abs=1e-5)


def test_calibration_changes_expressions_only(tmp_path):
    weights, _ = write_checkpoint(tmp_path / 'a.pth', task_classifier())
    network = load(weights).network
    faces = [torch.full((3, 24, 24), 90, dtype=torch.uint8)]
    before = network.run_stills(faces)
    network.calibration = lambda scores: scores[:, ::-1]
    after = network.run_stills(faces)
    np.testing.assert_array_equal(after[:, :8], before[:, 7::-1])
    np.testing.assert_array_equal(after[:, 8:], before[:, 8:])


def test_faces_for_a_calibration(tmp_path):
    weights, _ = write_checkpoint(tmp_path / 'a.pth', task_classifier())
    path = tmp_path / 'face.png'
    cv2.imwrite(str(path), draw_face())
    faces = OwnFaces([str(path)], np.array([0]), [''])
    found = FaceProbabilities(load(weights)).predict(faces)
    assert found.classes == ABAW_EXPRESSIONS and found.probs.shape == (1, 8)
    assert found.probs.sum() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize('build', [task_classifier, task_recognizer])
def test_networks_without_expressions_are_refused(tmp_path, build):
    tasks = {name: TASKS[name] for name in ('VA', 'AU')}
    weights, _ = write_checkpoint(tmp_path / 'a.pth', build(tasks))
    with pytest.raises(ValueError, match='predict expressions, but AU, VA'):
        load(weights)


def test_networks_of_one_task_have_no_values(tmp_path, write_videos):
    files = write_videos(dict(a='012'))
    for cfg in (classifier(), recognizer(files)):
        weights, _ = write_checkpoint(tmp_path / 'a.pth', cfg)
        assert load(weights).network.value_names == ()


@pytest.fixture
def onnx_packages():
    for name in ('onnx', 'onnxscript', 'onnxruntime'):
        pytest.importorskip(name)


@pytest.mark.usefixtures('onnx_packages')
@pytest.mark.parametrize('build', [task_classifier, task_recognizer])
def test_onnx(tmp_path, clip, build):
    path, boxes = clip
    cfg = build()
    if build is task_recognizer:
        cfg.model.cls_head.temporal_encoder.skip_invalid = True
    cfg.calibration = dict(
        temperature=2.0,
        bias=[0.5, *[0.0] * 7],
        classes=list(ABAW_EXPRESSIONS),
        method='labels',
        num_faces=80,
        prior=[0.125] * 8,
    )
    weights, _ = write_checkpoint(tmp_path / 'a.pth', cfg)
    out = tmp_path / 'a.onnx'
    export_onnx(weights, str(out))
    one, other = (
        load(x, boxes)(path, return_datasamples=True)['predictions'][0]
        for x in (weights, out)
    )
    assert other.classes == one.classes == ABAW_EXPRESSIONS
    assert other.value_names == one.value_names == NAMES
    np.testing.assert_allclose(other.values, one.values, atol=1e-4)
    np.testing.assert_allclose(other.scores, one.scores, atol=1e-4)
    assert other.values.std(axis=0).min() > 1e-4


@pytest.mark.usefixtures('onnx_packages')
@pytest.mark.parametrize('build', [task_classifier, task_recognizer])
def test_onnx_of_other_classes_is_refused(tmp_path, build):
    cfg = build()
    metainfo = cfg.test_dataloader.dataset.metainfo
    metainfo.classes = [x for x in metainfo.classes if x != 'fear']
    weights, _ = write_checkpoint(tmp_path / 'a.pth', cfg)
    with pytest.raises(
        ValueError,
        match=r'a\.pth: the network predicts 8 classes, but the config names '
        r'7: neutral, anger, disgust, happiness, ',
    ):
        export_onnx(weights, str(tmp_path / 'a.onnx'))
    assert not list(tmp_path.glob('*.onnx'))


@pytest.mark.usefixtures('onnx_packages')
def test_onnx_without_expressions(tmp_path):
    tasks = {name: TASKS[name] for name in ('VA', 'AU')}
    cfg = task_classifier(tasks)
    weights, model = write_checkpoint(tmp_path / 'a.pth', cfg)
    (file,) = export_onnx(weights, str(tmp_path / 'a.onnx'))
    outputs = OnnxFile(file.path).run(faces=np.zeros((3, 24, 24, 3), np.uint8))
    images = model.data_preprocessor(
        dict(inputs=[torch.zeros(3, 24, 24, dtype=torch.uint8)])
    )['inputs']
    with torch.no_grad():
        logits = model(images)
    for name, task in model.head.tasks.items():
        expected = task.predict(logits[name]).numpy()
        assert outputs[name].shape == (3, expected.shape[1])
        np.testing.assert_allclose(outputs[name][2:], expected, atol=1e-5)
    with pytest.raises(ValueError, match='does not predict expressions'):
        load(file.path)


@pytest.mark.usefixtures('onnx_packages')
def test_hub_folder(tmp_path):
    weights, _ = write_checkpoint(tmp_path / 'a.pth', task_classifier())
    content = torch.load(weights)
    content['meta']['dataset_meta'] = dict(classes=list(ABAW_EXPRESSIONS))
    torch.save(content, weights)
    folder = tmp_path / 'my faces'
    write_hub_folder(weights, str(folder))
    config = json.loads((folder / 'config.json').read_text())
    assert config['num_labels'] == 8 and config['values'] == list(NAMES)
    card = (folder / 'README.md').read_text()
    assert '\nAlso estimates valence, arousal, AU1, AU2, ' in card
    assert 'and gives one output per task.\n' in card
    faces = [torch.full((3, 24, 24), 90, dtype=torch.uint8)]
    one, other = (
        load(x).network.run_stills(faces)
        for x in (weights, folder / 'model.onnx')
    )
    np.testing.assert_allclose(other, one, atol=1e-4)
    from_folder = load(folder).network.run_stills(faces)
    np.testing.assert_array_equal(from_folder, one)
