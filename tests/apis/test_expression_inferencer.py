import csv
import json
import shutil
import subprocess
import sys
from collections import Counter
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmcv.transforms import LoadImageFromFile, Resize
from mmengine.config import Config
from mmengine.registry import DATASETS, DefaultScope
from mmpretrain.datasets import PackInputs

from tests.helpers.tiny_networks import (
    CLASSES,
    PIPELINE,
    classifier,
    image_loader,
    recognizer,
    teacher_student,
    write_checkpoint,
)

pytest.importorskip('av')

from fer_ssl.apis import ExpressionInferencer, default_checkpoint  # noqa: E402
from fer_ssl.apis.face_pipeline import (  # noqa: E402
    FacePipeline,
    faces_pipeline,
)
from fer_ssl.evaluation import VideoPredictions  # noqa: E402
from fer_ssl.face_detection import FaceDetector  # noqa: E402
from fer_ssl.face_detection.cut_out import cut_out  # noqa: E402
from fer_ssl.media.video_file import VideoFile  # noqa: E402
from tests.helpers.video_files import (  # noqa: E402
    LOSSLESS,
    TURN_RIGHT,
    gray,
    write_frames,
)

BOX_HEADER = 'frame,left,top,right,bottom\n'


@pytest.fixture(scope='module')
def faces(synthetic_root):
    """RGB faces (32, 32, 3)."""
    paths = sorted((synthetic_root / 'images').rglob('*.jpg'))
    paths += sorted((synthetic_root / 'images').rglob('*.png'))
    images = [cv2.imread(str(path))[..., ::-1] for path in paths[:24]]
    return [cv2.resize(image, (32, 32)) for image in images]


@pytest.fixture
def clip(tmp_path, faces):
    """Two people: one moves to the right, one appears later; then nobody."""
    images, boxes = [], []
    for t in range(30):
        image = gray(120, (64, 128))
        places = []
        if t < 24:
            places.append((2 + 2 * t, 4))
        if 8 <= t < 20:
            places.append((90, 30))
        for i, (x, y) in enumerate(places):
            image[y : y + 32, x : x + 32] = faces[(t + 7 * i) % len(faces)]
            boxes.append((t + 1, x, y, x + 32, y + 32))
        images.append(image)
    times = np.arange(30) / 12.5
    path = write_frames(tmp_path / 'clip.mp4', images, times)
    table = tmp_path / 'boxes.csv'
    lines = [','.join(map(str, box)) for box in boxes]
    table.write_text(BOX_HEADER + '\n'.join(lines) + '\n')
    return path, str(table), boxes


def make(tmp_path, cfg, boxes=None, **kwargs):
    path, model = write_checkpoint(tmp_path / 'weights.pth', cfg)
    if boxes is not None:
        kwargs['detector'] = dict(type='BoxesFromCSV', path=boxes)
    inferencer = ExpressionInferencer(
        weights=path, show_progress=False, device='cpu', **kwargs
    )
    return inferencer, model


def scores_by_hand(model, image, box, margin=0.2):
    face = cv2.resize(cut_out(image, box, margin, 0), (24, 24))
    inputs = [torch.from_numpy(np.ascontiguousarray(face.transpose(2, 0, 1)))]
    inputs = model.data_preprocessor(dict(inputs=inputs))['inputs']
    classifier = getattr(model, 'student', model)
    with torch.no_grad():
        return classifier(inputs, mode='tensor').softmax(dim=1)[0].numpy()


@pytest.mark.parametrize('cfg', [classifier(), teacher_student()])
def test_scores_are_those_of_the_network_on_the_crops(tmp_path, clip, cfg):
    path, table, boxes = clip
    inferencer, model = make(tmp_path, cfg, table)
    result = inferencer(path, return_datasamples=True, batch_size=7)
    (found,) = result['predictions']
    images = [frame.image for frame in VideoFile(path)]
    assert len(found.faces) == len(boxes)
    rows = {
        (int(f), int(box[0])): s
        for (f, _, box), s in zip(found.faces, found.scores)
    }
    for frame, *box in boxes:
        expected = scores_by_hand(model, images[frame - 1], box)
        np.testing.assert_allclose(rows[frame, box[0]], expected, atol=1e-4)
    assert (
        found.scores.std(axis=0).max() > 0.05
    )  # the scores depend on the faces


def test_network_of_gray_faces(tmp_path, clip):
    """The faces become gray as the training read them."""
    cfg = classifier()
    cfg.model.backbone = dict(
        type='ResNet_CIFAR',
        depth=18,
        in_channels=1,
        stem_channels=4,
        base_channels=4,
    )
    cfg.model.data_preprocessor = dict(
        type='ClsDataPreprocessor', mean=[127.5], std=[50.0], to_rgb=False
    )
    pipeline = cfg.test_dataloader.dataset.pipeline
    pipeline[0]['color_type'] = 'grayscale'
    path, table, boxes = clip
    inferencer, model = make(tmp_path, cfg, table)
    (found,) = inferencer(path, return_datasamples=True)['predictions']
    frames = [frame.image for frame in VideoFile(path)]
    number, *box = boxes[0]
    face = cv2.resize(cut_out(frames[number - 1], box, 0.2, 0), (24, 24))
    weights = np.array([0.114, 0.587, 0.299])  # blue, green, red
    inputs = torch.tensor(face @ weights, dtype=torch.float32)[None, None]
    with torch.no_grad():
        scores = model((inputs - 127.5) / 50, mode='tensor').softmax(dim=1)
    np.testing.assert_allclose(found.scores[0], scores[0], atol=0.01)


def test_files(tmp_path, clip):
    path, table, boxes = clip
    inferencer, _ = make(tmp_path, classifier(), table)
    out = tmp_path / 'out'
    result = inferencer(path, out_dir=str(out))
    (video,) = result['predictions']
    assert json.loads(json.dumps(video)) == video
    assert video['video'] == 'clip' and video['frames'] == 30
    assert video['problems'] == []
    first, second = video['faces']
    assert first['frames'] == 24 and second['frames'] == 12
    assert (second['begin'], second['end']) == (
        pytest.approx(0.64),
        pytest.approx(19 / 12.5),
    )
    assert sum(first['labels'].values()) == 24
    with open(out / 'predictions.csv', newline='') as file:
        rows = list(csv.DictReader(file))
    count = Counter(int(row['frame']) for row in rows)
    assert [count[t] for t in range(1, 31)] == (
        [1] * 8 + [2] * 12 + [1] * 4 + [1] * 6
    )
    assert [row['face'] for row in rows[-6:]] == [''] * 6
    assert rows[-1]['time'] == f'{29 / 12.5:.3f}'
    assert {row['label'] for row in rows[:-6]} <= set(CLASSES)
    overlay = list(VideoFile(str(out / 'overlay.mp4')))
    times = [frame.time for frame in overlay]
    np.testing.assert_allclose(times, np.arange(30) / 12.5, atol=1e-3)
    assert overlay[0].image.shape == (64, 128, 3)
    assert cv2.imread(str(out / 'timeline.png')).std() > 0
    (paths,) = result['visualization']
    assert set(paths) == {'csv', 'timeline', 'overlay'}


def test_boxes_are_read_from_its_own_csv(tmp_path, clip):
    path, table, _ = clip
    inferencer, _ = make(tmp_path, classifier(), table)
    out = tmp_path / 'out'
    inferencer(path, out_dir=str(out), draw=False)
    assert not (out / 'overlay.mp4').exists()
    again, _ = make(tmp_path, classifier(), str(out / 'predictions.csv'))
    again(path, out_dir=str(tmp_path / 'again'), draw=False)
    texts = [
        (tmp_path / name / 'predictions.csv').read_text()
        for name in ('out', 'again')
    ]
    assert texts[0] == texts[1]


def test_smoothing_can_be_chosen(tmp_path, clip):
    path, table, _ = clip
    found = {}
    for name, post_process in dict(
        none=None,
        whole=dict(type='MajoritySmoothing', window=99),
        chain=[
            dict(type='ProbabilitySmoothing', window=5),
            dict(type='MajoritySmoothing', window=3),
        ],
    ).items():
        inferencer, _ = make(
            tmp_path, classifier(), table, post_process=post_process
        )
        result = inferencer(path, return_datasamples=True)
        found[name] = result['predictions'][0]
    assert np.array_equal(found['none'].smoothed, found['none'].predicted)
    first = found['whole'].faces['face'] == 1
    assert len(set(found['whole'].smoothed[first])) == 1
    assert len(set(found['none'].smoothed[first])) > 1
    assert (found['chain'].smoothed != found['none'].smoothed).any()


def test_video_and_data_set_give_the_same_scores(tmp_path, write_videos):
    """Compare frames of a data set with the same frames in a video."""
    kinds = '0120210012.1202...10021'
    files = write_videos(dict(clip=kinds), size=32)
    cfg = recognizer(dict(files, split='train'))
    boxes = tmp_path / 'boxes.csv'
    lines = [
        f'{t},0,0,32,32' for t, kind in enumerate(kinds, 1) if kind != '.'
    ]
    boxes.write_text(BOX_HEADER + '\n'.join(lines))
    inferencer, model = make(
        tmp_path, cfg, str(boxes), margin=0.0, post_process=None
    )
    images = {
        int(path.stem): cv2.imread(str(path))[..., ::-1]
        for path in (tmp_path / 'frames/clip').iterdir()
    }
    ordered = [images[t + 1] for t in range(len(kinds))]
    video = write_frames(tmp_path / 'a.mkv', ordered, codec=LOSSLESS)
    result = inferencer(video, return_datasamples=True, batch_size=5)
    (found,) = result['predictions']

    with DefaultScope.overwrite_default_scope('mmpretrain'):
        dataset = DATASETS.build(cfg.test_dataloader.dataset)
    windows = []
    for item in dataset:
        batch = dict(
            inputs=[item['inputs']], data_samples=[item['data_samples']]
        )
        with torch.no_grad():
            (sample,) = model.test_step(batch)
        windows.append(
            dict(
                video='clip',
                start=sample.start,
                scores=sample.pred_score.numpy(),
                valid=sample.valid.numpy(),
            )
        )
    expected = VideoPredictions.from_windows(
        windows, dataset.metainfo['videos'], CLASSES
    )['clip']
    assert len(windows) > 3
    frames = found.faces['frame'] - 1
    assert np.array_equal(frames, np.flatnonzero(expected.has_face))
    np.testing.assert_allclose(
        found.scores, expected.scores[frames], atol=1e-4
    )
    assert found.scores.std(axis=0).max() > 0.01


def test_input_video_is_not_overwritten(tmp_path, clip):
    path = tmp_path / 'out/overlay.mp4'
    path.parent.mkdir()
    shutil.copy(clip[0], path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match='overwrite this video'):
        ExpressionInferencer()(str(path), out_dir=str(path.parent))
    assert path.read_bytes() == before


def test_folder_without_permission(tmp_path, clip):
    with pytest.raises(ValueError, match='cannot be used as the folder'):
        ExpressionInferencer()(clip[0], out_dir='/proc')


def test_upright_frames(tmp_path, faces):
    """Boxes are in pixels of the frame as it is shown."""
    side = np.rot90(faces[0])  # what a phone records, lying on its side
    image = gray(120, (64, 128))
    image[10:42, 20:52] = side
    path = write_frames(tmp_path / 'a.mp4', [image] * 6, matrix=TURN_RIGHT)
    # (x, y) is seen at (63 - y, x)
    boxes = tmp_path / 'boxes.csv'
    boxes.write_text(
        BOX_HEADER + ''.join(f'{t},22,20,54,52\n' for t in range(1, 7))
    )
    inferencer, model = make(tmp_path, classifier(), str(boxes), margin=0.0)
    out = tmp_path / 'out'
    result = inferencer(path, return_datasamples=True, out_dir=str(out))
    upright = np.ascontiguousarray(faces[0][..., ::-1])
    expected = scores_by_hand(model, upright, (0, 0, 32, 32), 0.0)
    scores = result['predictions'][0].scores
    assert np.abs(scores - expected).max() < 0.2
    overlay = next(iter(VideoFile(str(out / 'overlay.mp4'))))
    assert overlay.image.shape == (128, 64, 3)


def test_folder_of_videos(tmp_path, clip):
    """An unreadable video does not stop the others."""
    path, table, _ = clip
    folder = tmp_path / 'videos'
    folder.mkdir()
    for name in ('a.mp4', 'b.mp4'):
        (folder / name).write_bytes(open(path, 'rb').read())
    (folder / 'broken.mp4').write_bytes(b'no video' * 99)
    inferencer, _ = make(tmp_path, classifier(), table)
    out = tmp_path / 'out'
    result = inferencer(str(folder), out_dir=str(out), draw=False)
    assert [x['video'] for x in result['predictions']][:2] == ['a', 'b']
    assert all(len(x['faces']) == 2 for x in result['predictions'][:2])
    (problem,) = result['predictions'][2]['problems']
    assert 'broken.mp4: neither a video' in problem
    assert result['visualization'][2] == {}
    texts = [(out / x / 'predictions.csv').read_text() for x in 'ab']
    assert texts[0] == texts[1]


def test_damaged_video_keeps_what_was_read(tmp_path, faces):
    rng = np.random.default_rng(0)
    shots = rng.integers(0, 256, (40, 64, 96, 3), dtype=np.uint8)
    path = tmp_path / 'cut.mkv'
    write_frames(path, shots, g='5')
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    boxes = tmp_path / 'boxes.csv'
    boxes.write_text(
        BOX_HEADER + ''.join(f'{t},9,9,40,40\n' for t in range(1, 41))
    )
    inferencer, _ = make(tmp_path, classifier(), str(boxes))
    out = tmp_path / 'out'
    (video,) = inferencer(str(path), out_dir=str(out))['predictions']
    assert 5 < video['frames'] < 35
    assert video['faces'][0]['frames'] == video['frames']
    assert 'of 4.00 seconds' in video['problems'][-1]
    assert len(list(VideoFile(str(out / 'overlay.mp4')))) == video['frames']


def test_video_without_a_face(tmp_path):
    path = write_frames(tmp_path / 'a.mp4', [gray(50)] * 5)
    boxes = tmp_path / 'boxes.csv'
    boxes.write_text(BOX_HEADER)
    inferencer, _ = make(tmp_path, classifier(), str(boxes))
    out = tmp_path / 'out'
    (video,) = inferencer(path, out_dir=str(out))['predictions']
    assert video['faces'] == []
    lines = (out / 'predictions.csv').read_text().splitlines()
    assert len(lines) == 7 and lines[-1] == ''  # an empty line marks the end
    assert len(list(VideoFile(str(out / 'overlay.mp4')))) == 5


def test_false_alarms_are_left_out(tmp_path):
    path = write_frames(tmp_path / 'a.mp4', [gray(50)] * 12)
    boxes = tmp_path / 'boxes.csv'
    lines = [f'{t},5,5,30,30\n' for t in range(1, 9)]
    lines += [f'{t},60,30,90,60\n' for t in (4, 5)]
    boxes.write_text(BOX_HEADER + ''.join(lines))
    for min_faces, count in ((5, 1), (1, 2), (9, 0)):
        inferencer, _ = make(
            tmp_path, classifier(), str(boxes), min_faces=min_faces
        )
        (video,) = inferencer(path)['predictions']
        assert len(video['faces']) == count


def test_short_clip_and_boxes_of_another_video(tmp_path):
    path = write_frames(tmp_path / 'a.mp4', [gray(50)] * 3)
    boxes = tmp_path / 'boxes.csv'
    rows = [f'{t},5,5,30,30\n' for t in range(1, 4)]
    boxes.write_text(BOX_HEADER + ''.join(rows))
    inferencer, _ = make(tmp_path, classifier(), str(boxes))
    (video,) = inferencer(path)['predictions']
    (problem,) = video['problems']
    assert video['faces'] == []
    assert 'a.mp4: every face was left out' in problem
    assert 'fewer than 5 frames, at most 3' in problem
    assert '--min-faces' in problem
    boxes.write_text('video,' + BOX_HEADER + ''.join(f'b,{x}' for x in rows))
    inferencer, _ = make(tmp_path, classifier(), str(boxes), min_faces=1)
    with pytest.raises(ValueError, match='no row belongs to the video a'):
        inferencer(path)
    write_frames(tmp_path / 'videos/b.mp4', [gray(50)] * 3)
    write_frames(tmp_path / 'videos/c.mp4', [gray(50)] * 3)
    found, other = inferencer(str(tmp_path / 'videos'))['predictions']
    assert len(found['faces']) == 1 and found['problems'] == []
    assert other['faces'] == []
    assert 'no row belongs to the video c' in other['problems'][0]


@pytest.mark.parametrize(
    ('row', 'problem'),
    [
        ('0.1,0.1,0.8,0.9', '3 of 3 boxes of the video a are smaller than 2'),
        ('300,200,1300,1400', '3 of 3 boxes of the video a have their center'),
    ],
)
def test_a_video_whose_boxes_all_match_nothing_has_no_result(
    tmp_path, row, problem
):
    path = write_frames(tmp_path / 'a.mp4', [gray(50)] * 3)
    boxes = tmp_path / 'boxes.csv'
    boxes.write_text(BOX_HEADER + ''.join(f'{t},{row}\n' for t in (1, 2, 3)))
    inferencer, _ = make(tmp_path, classifier(), str(boxes), min_faces=1)
    with pytest.raises(ValueError, match=problem):
        inferencer(path, out_dir=str(tmp_path / 'out'))
    assert not (tmp_path / 'out/predictions.csv').exists()
    # Beside another input, it is the problem of this one.
    first, second = inferencer([path, path])['predictions']
    assert 'faces' not in first and 'faces' not in second
    assert problem in first['problems'][0]


@pytest.mark.parametrize(
    ('rows', 'problem'),
    [
        ('a.png,1,5,5,30,30\n', 'no row belongs to the video a'),
        ('a,1,0.1,0.1,0.8,0.9\n', '1 of 1 boxes of the video a are smaller'),
        ('a,2,5,5,30,30\n', '1 of 1 boxes of the video a come after'),
    ],
)
def test_boxes_that_match_nothing_of_an_image(tmp_path, rows, problem):
    path = str(tmp_path / 'a.png')
    cv2.imwrite(path, gray(50))
    boxes = tmp_path / 'boxes.csv'
    boxes.write_text('video,' + BOX_HEADER + rows)
    inferencer, _ = make(tmp_path, classifier(), str(boxes))
    with pytest.raises(ValueError, match=problem):
        inferencer(path)
    boxes.write_text('video,' + BOX_HEADER + 'a,1,5,5,30,30\n' + rows)
    inferencer, _ = make(tmp_path, classifier(), str(boxes))
    (image,) = inferencer(path)['predictions']
    assert len(image['faces']) == 1 + ('0.1' in rows)


def test_webcam(tmp_path, clip, monkeypatch):
    path, table, _ = clip

    def record(number, target, seconds):
        assert (number, seconds) == (2, 3.0)
        open(target, 'wb').write(open(path, 'rb').read())

    module = sys.modules[ExpressionInferencer.__module__]
    monkeypatch.setattr(module, 'record_camera', record)
    inferencer, _ = make(tmp_path, classifier(), table)
    with pytest.raises(ValueError, match='give out_dir'):
        inferencer(2)
    out = str(tmp_path / 'out')
    (video,) = inferencer(2, out_dir=out, seconds=3.0)['predictions']
    assert video['video'] == 'webcam_2' and len(video['faces']) == 2


def test_config_beside_the_checkpoint(tmp_path):
    cfg = classifier()
    path, _ = write_checkpoint(tmp_path / 'a.pth', cfg, with_config=False)
    detector = NoFaces()
    cfg.dump(str(tmp_path / 'a.py'))
    for model in (cfg, cfg.to_dict(), str(tmp_path / 'a.py')):
        inferencer = ExpressionInferencer(model, path, detector, device='cpu')
        assert inferencer.classes == CLASSES
    with pytest.raises(ValueError, match='no config in this checkpoint'):
        ExpressionInferencer(None, path, detector, device='cpu')


def test_face_crop_of_the_config(tmp_path):
    boxes = tmp_path / 'boxes.csv'
    boxes.write_text(BOX_HEADER)
    fixed = image_loader([PIPELINE[0], PIPELINE[-1]])
    with pytest.raises(ValueError, match='give their side .* face_crop'):
        make(tmp_path, classifier(test_dataloader=fixed), str(boxes))
    cfg = classifier(
        test_dataloader=fixed, face_crop=dict(size=24, margin=0.1)
    )
    inferencer, _ = make(tmp_path, cfg, str(boxes))
    assert inferencer.pipeline.size == 24
    assert inferencer.pipeline.margin == 0.1
    inferencer, _ = make(tmp_path, cfg, str(boxes), crop_size=16, margin=0)
    assert inferencer.pipeline.size == 16
    assert inferencer.pipeline.margin == 0


@pytest.mark.parametrize('scope', ['mmcv.', 'mmcv.transforms.', None])
def test_names_of_the_transforms(scope):
    def of(kind):
        return dict(type=kind if scope is None else scope + kind.__name__)

    load, resize = of(LoadImageFromFile), dict(of(Resize), scale=(24, 24))
    pack = dict(type='mmpretrain.PackInputs' if scope else PackInputs)
    cfg = Config(
        dict(test_dataloader=dict(dataset=dict(pipeline=[load, resize, pack])))
    )
    assert faces_pipeline(cfg)[1].scale == (24, 24)
    pipeline = FacePipeline(cfg, NoFaces(), None, 0.2, 0)
    kinds = [type(x) for x in pipeline.transforms.transforms]
    assert kinds == [Resize]


class NoFaces(FaceDetector):
    """Custom face finder that finds no faces."""

    def find(self, frame, video):
        return []


def test_checkpoint_that_does_not_fit(tmp_path):
    load = partial(ExpressionInferencer, detector=NoFaces(), device='cpu')
    wide = dict(type='LinearClsHead', num_classes=5, in_channels=32)
    other = classifier()
    other.model.head = wide
    path, _ = write_checkpoint(tmp_path / 'a.pth', other)
    with pytest.raises(
        ValueError, match=r'a\.pth: the arch.* differs.*\n.*head'
    ):
        load(classifier(), path)
    with pytest.raises(
        ValueError, match='predicts 5 classes, but the config names 3: neu'
    ):
        load(None, path)
    path, _ = write_checkpoint(tmp_path / 'b.pth', teacher_student())
    with pytest.raises(ValueError, match=r'b\.pth: the architecture differs'):
        load(classifier(), path)


def test_networks_that_predict_no_expressions(tmp_path, write_videos):
    load = partial(ExpressionInferencer, detector=NoFaces(), device='cpu')
    files = write_videos(dict(a='012'))
    cfg = recognizer(files)
    cfg.model.cls_head.task = dict(type='ActionUnitTask')
    path, _ = write_checkpoint(tmp_path / 'a.pth', cfg)
    with pytest.raises(ValueError, match='does not predict expressions'):
        load(None, path)


def test_no_checkpoint(tmp_path, monkeypatch):
    none = tmp_path / 'none.pth'
    monkeypatch.setattr(default_checkpoint, 'DEFAULT_CHECKPOINT', none)
    with pytest.raises(FileNotFoundError, match='Name one by --checkpoint'):
        ExpressionInferencer()
    with pytest.raises(FileNotFoundError, match=r'checkpoint x\.pth does'):
        ExpressionInferencer(weights='x.pth')


def test_checkpoint_of_the_package(tmp_path, monkeypatch):
    """Its weights are float16, and its classes are those of training."""
    cfg = classifier(test_dataloader=image_loader(classes=None))
    own = tmp_path / 'own.pth'
    write_checkpoint(own, cfg)
    checkpoint = torch.load(own)
    half = {
        name: value.half() if value.is_floating_point() else value
        for name, value in checkpoint['state_dict'].items()
    }
    checkpoint['meta']['dataset_meta'] = dict(classes=list(CLASSES))
    torch.save(dict(checkpoint, state_dict=half), own)
    monkeypatch.setattr(default_checkpoint, 'DEFAULT_CHECKPOINT', own)
    inferencer = ExpressionInferencer(detector=NoFaces(), device='cpu')
    assert inferencer.classes == CLASSES
    loaded = inferencer.model.state_dict()
    for name, value in checkpoint['state_dict'].items():
        assert loaded[name].dtype == value.dtype
        torch.testing.assert_close(loaded[name], half[name].to(value.dtype))


def test_unknown_arguments_are_refused(tmp_path, clip):
    path, table, _ = clip
    inferencer, _ = make(tmp_path, classifier(), table)
    with pytest.raises(ValueError, match='unknown argument.*drawing'):
        inferencer(path, drawing=False)


ROOT = Path(__file__).parents[2]
MEASURE = """
import resource, sys
import cv2, numpy as np
sys.path.insert(0, sys.argv[1])
import torch
torch.set_num_threads(1); cv2.setNumThreads(1)
from pathlib import Path
from tests.helpers.tiny_networks import (
    classifier, recognizer, write_checkpoint)
from tests.helpers.video_files import gray, write_frames
from fer_ssl.apis import ExpressionInferencer

folder = Path(sys.argv[2])
boxes = folder / 'boxes.csv'
boxes.write_text('frame,left,top,right,bottom\\n' + ''.join(
    f'{t},20,20,80,80\\n' for t in range(1, 701)))
cfg = recognizer(dict(metainfo=dict(classes=('neutral', 'anger', 'other'))))
path, _ = write_checkpoint(folder / 'a.pth', cfg)
inferencer = ExpressionInferencer(
    weights=path, detector=dict(type='BoxesFromCSV', path=str(boxes)),
    device='cpu', show_progress=False)

def peak(count):
    video = folder / f'{count}.mp4'
    if not video.exists():
        images = (gray(t % 200, (240, 320)) for t in range(count))
        write_frames(video, images)
    (found,) = inferencer(str(video), out_dir=str(folder / 'out'))[
        'predictions']
    assert found['faces'][0]['frames'] == count
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

peak(100)
print(peak(100), peak(700))
"""


def test_memory_does_not_grow_with_the_video(tmp_path):
    """600 more frames are 138 MB of pixels; heap sizes vary by about 40 MB."""
    done = subprocess.run(
        [sys.executable, '-c', MEASURE, str(ROOT), str(tmp_path)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    short, long = map(float, done.stdout.split()[-2:])
    assert long - short < 80
