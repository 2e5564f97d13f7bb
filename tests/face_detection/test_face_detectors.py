import numpy as np
import pytest
from mmengine.registry import TASK_UTILS

import fer_ssl  # noqa: F401
from fer_ssl.face_detection import (
    BoxesFromCSV,
    Face,
    ImageFaceDetector,
    YuNetDetector,
    yunet_detector,
)
from fer_ssl.media.video_file import VideoFrame
from tests.helpers.drawn_face import draw_face
from tests.helpers.tiny_detector import write_red_face_detector

HEADER = 'frame,left,top,right,bottom\n'


def frame(number=1, size=(240, 320)):
    return VideoFrame(number, 0.0, np.full((*size, 3), 90, np.uint8))


def boxes_of(detector, number, video='a'):
    return [face.box for face in detector.find(frame(number), video)]


def test_boxes_from_csv(tmp_path):
    path = tmp_path / 'boxes.csv'
    path.write_text(HEADER + '7,5,6,25,36\n2,1,2,3,4.5\n2,10,20,60,80\n')
    detector = BoxesFromCSV(str(path))
    assert boxes_of(detector, 1) == []
    assert boxes_of(detector, 2) == [(10, 20, 60, 80), (1, 2, 3, 4.5)]
    assert boxes_of(detector, 7) == [(5, 6, 25, 36)]
    assert boxes_of(detector, 9) == []


def test_boxes_of_several_videos(tmp_path):
    path = tmp_path / 'boxes.csv'
    path.write_text(
        'label,video,' + HEADER + 'x,a,1,0,0,2,2\nx,b,1,0,0,3,3\nx,a,2,,,,\n'
    )
    detector = BoxesFromCSV(str(path))
    assert boxes_of(detector, 1, 'a') == [(0, 0, 2, 2)]
    assert boxes_of(detector, 1, 'b') == [(0, 0, 3, 3)]
    assert boxes_of(detector, 2, 'a') == boxes_of(detector, 1, 'c') == []


@pytest.mark.parametrize(
    'text, problem',
    [
        ('frame,left\n', r':1: no column top, right, bottom'),
        (HEADER + '1,2,3,4\n', r':2: 4 fields'),
        (HEADER + '1,2,3,4,5\n1,2,3,4,x\n', r':3: frame .1. and box'),
        (HEADER + '0,2,3,4,5\n', r':2: frame'),
        (HEADER + '1,2,3,2,5\n', r':2: frame'),
        (HEADER + '1,2,3,4,\n', r':2: frame'),
        (HEADER + '1,2,3,nan,5\n', r':2: frame'),
        ('', r':1: no column frame'),
    ],
)
def test_wrong_csv(tmp_path, text, problem):
    path = tmp_path / 'boxes.csv'
    path.write_text(text)
    with pytest.raises(ValueError, match=r'boxes\.csv' + problem):
        BoxesFromCSV(str(path))


def boxes_file(tmp_path, rows, video=None):
    head = HEADER if video is None else 'video,' + HEADER
    before = '' if video is None else f'{video},'
    path = tmp_path / 'boxes.csv'
    path.write_text(head + ''.join(f'{before}{row}\n' for row in rows))
    return BoxesFromCSV(str(path))


GOOD = [f'{i},30,20,130,140' for i in range(1, 13)]


@pytest.mark.parametrize(
    ('rows', 'problem'),
    [
        ([f'{i},0.2,0.1,0.8,0.9' for i in range(1, 13)], 'are smaller than 2'),
        ([f'{i},300,200,1300,1400' for i in range(1, 13)], 'larger copy'),
        ([f'{i},150,20,400,140' for i in range(1, 13)], 'have their center'),
        (['13,30,20,130,140', '900,30,20,130,140'], 'after its last frame, 1'),
        (['1,0.2,0.1,0.8,0.9', '13,30,20,130,140'], '1 of 2 .*\n.* 1 of 2 '),
    ],
)
def test_boxes_that_match_nothing(tmp_path, rows, problem):
    detector = boxes_file(tmp_path, rows)
    with pytest.raises(ValueError, match=f'boxes.csv: .*{problem}'):
        detector.problems('clip', 12, (160, 160))
    # In part: counted.
    (message, *_) = boxes_file(tmp_path, GOOD + rows).problems(
        'clip', 12, (160, 160)
    )
    assert f' of {12 + len(rows)} boxes of the video clip ' in message


def test_boxes_that_match(tmp_path):
    assert boxes_file(tmp_path, GOOD).problems('a', 12, (160, 160)) == []
    empty = boxes_file(tmp_path, ['1,,,,'], 'a')
    empty.check_videos(['a'])
    assert empty.problems('a', 12, (160, 160)) == []


def test_boxes_of_another_video(tmp_path):
    detector = boxes_file(tmp_path, GOOD, 'clip.mp4')
    message = (
        'no row belongs to the video clip. .* without extension; it holds '
        'clip.mp4.'
    )
    with pytest.raises(ValueError, match=message):
        detector.check_videos(['clip'])
    detector = boxes_file(tmp_path, GOOD, 'b')
    detector.check_videos(['a', 'b'])
    (problem,) = detector.problems('a', 12, (160, 160))
    assert 'no row belongs to the video a' in problem
    assert detector.problems('b', 12, (160, 160)) == []


def test_box_that_is_listed_again(tmp_path):
    rows = ['1,30,20,130,140', '1,30.0,20,130,140.0', '1,31,20,130,140']
    detector = boxes_file(tmp_path, rows)
    assert len(detector.find(frame(), 'clip')) == 2
    (message,) = detector.problems('clip', 1, (160, 160))
    assert '1 rows of the video clip list a box again' in message


def test_box_that_would_use_up_the_memory(tmp_path):
    detector = boxes_file(tmp_path, ['1,-1e6,-1e6,1e6,1e6', *GOOD[1:]])
    with pytest.raises(ValueError, match=r'boxes\.csv: a box in frame 1 of '):
        detector.find(frame(1), 'clip')
    assert len(detector.find(frame(2), 'clip')) == 1


def test_missing_csv(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'none\.csv'):
        BoxesFromCSV(str(tmp_path / 'none.csv'))


def test_yunet_by_its_name(tmp_path):
    """The frame is downscaled, but boxes are in pixels of the frame."""
    model = write_red_face_detector(tmp_path / 'red.onnx')
    detector = TASK_UTILS.build(
        dict(type='YuNetDetector', model=model, detect_size=320)
    )
    large = frame(size=(480, 640))
    large.image[128:192, 192:256] = (0, 0, 255)
    (face,) = detector.find(large, 'a')
    np.testing.assert_allclose(face.box, (160, 96, 288, 224), atol=1)


def test_yunet_of_the_package():
    detector = TASK_UTILS.build(dict(type='YuNetDetector'))
    image = draw_face()
    (face,) = detector.find_in(image)
    np.testing.assert_allclose(face.box, (130, 75, 271, 261), atol=10)
    assert 0.6 < face.score <= 1
    assert detector.find_in(np.zeros_like(image)) == []
    assert YuNetDetector(min_score=0.99).find_in(image) == []


def test_yunet_prints_nothing(capfd):
    YuNetDetector().find_in(np.zeros((64, 64, 3), np.uint8))
    assert capfd.readouterr() == ('', '')


def test_damaged_yunet(tmp_path, monkeypatch):
    path = tmp_path / 'damaged.onnx'
    data = bytearray(yunet_detector.YUNET_FILE.read_bytes())
    data[1000] ^= 1
    path.write_bytes(data)
    monkeypatch.setattr(yunet_detector, 'YUNET_FILE', path)
    with pytest.raises(ValueError, match=r'damaged\.onnx: .* Install'):
        YuNetDetector()


def test_arguments_of_yunet(tmp_path):
    for wrong in (dict(min_score=1.5), dict(detect_size=8)):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            YuNetDetector(**wrong)
    with pytest.raises(FileNotFoundError, match=r'none\.onnx: no such file'):
        YuNetDetector(model=str(tmp_path / 'none.onnx'))
    (tmp_path / 'a.onnx').write_text('no network')
    with pytest.raises(ValueError, match=r'a\.onnx: OpenCV .* cannot read'):
        YuNetDetector(model=str(tmp_path / 'a.onnx'))


class Fixed(ImageFaceDetector):
    """Finds the same faces in every image, and notes its size."""

    def __init__(self, *boxes, detect_size=640):
        super().__init__(detect_size)
        self.boxes = boxes
        self.seen = []

    def __call__(self, image):
        self.seen.append(image.shape)
        return [Face(box, 0.9) for box in self.boxes]


def test_largest_face_comes_first():
    detector = Fixed((0, 0, 9, 9), (5, 5, 25, 20))
    faces = detector.find_in(np.zeros((40, 40, 3), np.uint8))
    assert [face.area for face in faces] == [300, 81]


def test_large_images_are_downscaled():
    """The detector sees at most 320 pixels; boxes refer to the full image."""
    detector = Fixed((10, 20, 30, 40), detect_size=320)
    (face,) = detector.find_in(np.zeros((961, 1280, 3), np.uint8))
    np.testing.assert_allclose(face.box, (40, 80, 120, 160), rtol=0.01)
    detector.find_in(np.zeros((1, 5000, 3), np.uint8))
    detector.find_in(np.zeros((30, 50, 3), np.uint8))
    assert detector.seen == [(240, 320, 3), (1, 320, 3), (30, 50, 3)]
