import numpy as np
import pytest
import torch
from torch import nn

import fer_ssl  # noqa: F401
from fer_ssl.apis.face_networks import WindowByWindow
from fer_ssl.datasets.videos.video_clip_dataset import window_starts
from fer_ssl.evaluation.face_predictions import FACE
from fer_ssl.models.heads import ActionUnitTask, ExpressionTask


class Head(nn.Module):
    """Logit 0 of a frame: the sum over its window of the valid inputs."""

    def __init__(self, task, tasks=None):
        super().__init__()
        self.seen = []
        if tasks is None:
            self.task = task
        else:
            self.tasks = nn.ModuleDict(tasks)

    def forward(self, x, valid):
        self.seen.append((x[0].numpy().copy(), valid[0].numpy().copy()))
        total = (x * valid[..., None]).sum(dim=1, keepdim=True)
        logits = torch.cat([total, -total], dim=-1).expand(*x.shape[:2], 2)
        if hasattr(self, 'tasks'):
            return dict(EXPR=logits, AU=logits.new_zeros(1))
        return logits


class Recognizer(nn.Module):
    """Feature of an image: its mean."""

    def __init__(self, head):
        super().__init__()
        self.cls_head = head
        self.register_buffer('student_digest', torch.zeros(1))

    def data_preprocessor(self, batch):
        return dict(inputs=torch.stack(batch['inputs']).float())

    def student_features(self, images):
        return images.mean(dim=(1, 2, 3), keepdim=True)[:, :, 0, 0]


def network(window, stride, **kwargs):
    head = Head(ExpressionTask(2), **kwargs)
    return WindowByWindow(Recognizer(head), window, stride), head


def image(value):
    return torch.full((3, 2, 2), value, dtype=torch.uint8)


def follow(net, paths, num_frames, batch=3):
    """Windows of the faces at ``paths`` (track ID -> its frame numbers).

    The pixels of a frame have its number as their value.
    """
    windows = []
    for begin in range(1, num_frames + 1, batch):
        entries = [
            (frame, number)
            for frame in range(begin, min(begin + batch, num_frames + 1))
            for number, frames in paths.items()
            if frame in frames
        ]
        faces = np.zeros(len(entries), FACE)
        for row, (frame, number) in enumerate(entries):
            faces[row]['frame'], faces[row]['face'] = frame, number
        end = begin + batch - 1
        live = {k for k, frames in paths.items() if max(frames) >= end - 2}
        live &= {k for k, frames in paths.items() if min(frames) <= end}
        images = [image(frame) for frame, _ in entries]
        windows += net.add(dict(inputs=images, faces=faces, live=live))
    return windows + net.finish()


@pytest.mark.parametrize('window, stride', [(4, 2), (4, 4), (5, 3), (8, 1)])
@pytest.mark.parametrize('length', [1, 3, 4, 5, 8, 9, 13])
def test_windows_are_those_of_the_data_set(window, stride, length):
    net, head = network(window, stride)
    windows = follow(net, {1: range(3, 3 + length)}, 20)
    starts = sorted(x['start'] - 3 for x in windows)
    assert starts == window_starts(length, window, stride).tolist()
    for entry, (x, valid) in zip(windows, head.seen):
        size = min(window, length)
        assert entry['scores'].shape == (size, 2) and entry['video'] == 1
        expected = np.arange(entry['start'], entry['start'] + size)
        assert x[:size, 0].tolist() == expected.tolist()
        assert valid.tolist() == [True] * size + [False] * (window - size)
        assert (x[size:] == 0).all()


def test_gaps_are_not_valid():
    net, head = network(4, 4)
    (window,) = follow(net, {1: [2, 5]}, 9, batch=9)
    assert window['start'] == 2
    assert window['valid'].tolist() == [True, False, False, True]
    ((x, valid),) = head.seen
    assert x[:, 0].tolist() == [2, 0, 0, 5]
    assert valid.tolist() == window['valid'].tolist()


def test_windows_without_a_face_are_left_out():
    net, _ = network(2, 2)
    windows = follow(net, {1: [1, 2, 9, 10]}, 10, batch=10)
    assert [x['start'] for x in windows] == [1, 9]


@pytest.mark.parametrize('batch', [1, 4, 50])
def test_faces_are_separate_for_any_batch_size(batch):
    paths = {1: range(1, 14), 2: range(6, 30), 5: range(20, 23)}
    expected = {}
    for number, path in paths.items():
        net, _ = network(6, 3)
        for x in follow(net, {number: path}, 30, batch=1):
            expected[number, x['start']] = x['scores']
    net, _ = network(6, 3)
    windows = follow(net, paths, 30, batch)
    found = {(x['video'], x['start']): x['scores'] for x in windows}
    assert found.keys() == expected.keys() and len(found) == len(windows)
    for key, scores in found.items():
        np.testing.assert_allclose(scores, expected[key])


def test_memory_does_not_grow_with_the_video():
    net, _ = network(8, 4)
    faces = np.zeros(1, FACE)
    for frame in range(1, 1000):
        number = 1 + frame // 100  # another face every hundred frames
        faces['frame'], faces['face'] = frame, number
        net.add(dict(inputs=[image(1)], faces=faces, live={number}))
        assert list(net._tracks) == [number]
        assert len(net._tracks[number]._features) <= 8 + 4


def test_expression_task_of_several():
    net, _ = network(4, 4, tasks=dict(EXPR=ExpressionTask(2)))
    assert net.num_classes == 2
    assert follow(net, {1: [1, 2]}, 2)[0]['scores'].shape == (2, 2)


def test_other_tasks_are_refused():
    head = Head(ActionUnitTask(12))
    with pytest.raises(ValueError, match='but ActionUnitTask'):
        WindowByWindow(Recognizer(head), 4, 4)
    head = Head(None, tasks=dict(AU=ActionUnitTask(12)))
    with pytest.raises(ValueError, match='but AU'):
        WindowByWindow(Recognizer(head), 4, 4)
