import csv
import importlib.util
from pathlib import Path

import numpy as np
import pytest

from fer_ssl.media.video_file import VideoFile

TOOL = Path(__file__).parents[2] / 'tools/analysis/plot_overview.py'


@pytest.fixture(scope='module')
def tool():
    spec = importlib.util.spec_from_file_location('plot_overview', TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_clip_of_two_people(tool, synthetic_root, tmp_path):
    videos = [
        tool.frames_of(synthetic_root, name)
        for name in ('train_000', 'train_001')
    ]
    videos[0][1] = ''  # a frame without a face
    clip, boxes = tool.write_clip(videos, tmp_path)
    length = min(map(len, videos))
    frames = list(VideoFile(clip))
    assert len(frames) == length
    assert frames[0].image.shape == (tool.SIDE + tool.LEGEND, 768, 3)
    # Gray where the first person has no face.
    gray = frames[1].image[: tool.SIDE, : tool.SIDE - 8].astype(int)
    assert np.abs(gray - 128).mean() < 8  # lossy video
    faces = sum(bool(x) for v in videos for x in v[:length])
    with open(boxes, newline='') as file:
        assert len(list(csv.DictReader(file))) == faces


def test_files_of_the_quickstart(tool, tmp_path):
    step = tmp_path / 'seed_0/temporal-f1c3'
    step.mkdir(parents=True)
    (step / 'iter_400.pth').touch()
    pattern = 'seed_*/temporal-*/iter_400.pth'
    assert tool.find(tmp_path, pattern) == str(step / 'iter_400.pth')
    with pytest.raises(SystemExit, match='Run tools/quickstart.sh first'):
        tool.find(tmp_path / 'seed_0', pattern)


def test_unknown_video(tool, synthetic_root):
    with pytest.raises(SystemExit, match=r'frames\.csv has no video x\.'):
        tool.frames_of(synthetic_root, 'x')
