import numpy as np
import pytest

from fer_ssl.apis.own_faces import FOREIGN, read_own_faces
from tests.helpers.own_faces import (
    write_class_folders,
    write_image,
    write_labels,
)
from tests.helpers.tiny_networks import CLASSES


def test_labels_csv(tmp_path):
    """Other spellings are recognized, other classes counted."""
    names = ['neutral', 'Angry', 'happy', '', 'contempt', 'boredom', 'anger']
    folder = write_labels(tmp_path, names)
    found = read_own_faces(folder, CLASSES)
    assert found.labels.tolist() == [0, 1, 2, -1, FOREIGN, FOREIGN, 1]
    assert found.people[:4] == ['person 0'] * 3 + ['person 1']
    assert found.images[0] == str(tmp_path / 'images/000.png')
    assert found.boxes is None
    (problem,) = found.problems
    assert '2 faces are of classes that the network does not have' in problem
    assert problem.endswith('left out: contempt 1, boredom 1.')


def test_split_of_labels_csv(tmp_path):
    columns = ('image', 'expression', 'split')
    folder = write_labels(tmp_path, ['neutral'] * 8, columns)
    found = read_own_faces(folder, CLASSES, 'val')
    assert [x[-7:-4] for x in found.images] == ['000', '004']
    assert found.people == ['', '']
    with pytest.raises(ValueError, match="no faces with split 'test'"):
        read_own_faces(folder, CLASSES, 'test')


def test_boxes(tmp_path):
    write_image(tmp_path / 'images/a.png', 0)
    text = 'image,expression,left,top,right,bottom\na.png,neutral,1,2,20,22\n'
    (tmp_path / 'labels.csv').write_text(text)
    found = read_own_faces(str(tmp_path), CLASSES)
    np.testing.assert_array_equal(found.boxes, [[1, 2, 20, 22]])


def test_csv_without_any_label(tmp_path):
    folder = write_labels(tmp_path, [''] * 3)
    found = read_own_faces(folder, CLASSES)
    assert found.labels.tolist() == [-1] * 3 and not found.problems


def test_one_folder_per_class(tmp_path):
    counts = dict(Happy=2, neutral=3, joy=1)
    folder = write_class_folders(tmp_path, counts)
    found = read_own_faces(folder, CLASSES)
    assert found.labels.tolist() == [2, 2, FOREIGN, 0, 0, 0]
    assert found.problems[0].endswith('left out: joy 1.')
    assert found.people == [''] * 6


def test_class_folders_below_those_of_splits(tmp_path):
    write_class_folders(tmp_path / 'train', dict(neutral=2))
    write_class_folders(tmp_path / 'val', dict(anger=1))
    with pytest.raises(ValueError, match='below train, val. Choose one'):
        read_own_faces(str(tmp_path), CLASSES)
    found = read_own_faces(str(tmp_path), CLASSES, 'val')
    assert found.labels.tolist() == [1]
    with pytest.raises(ValueError, match='no such split'):
        read_own_faces(str(tmp_path), CLASSES, 'test')


def test_images_without_labels(tmp_path):
    folder = write_class_folders(tmp_path, dict(monday=2, tuesday=1))
    found = read_own_faces(folder, CLASSES)
    assert found.labels.tolist() == [-1] * 3
    assert all(x.endswith('.png') for x in found.images)


def test_a_data_set_as_shipped(tmp_path):
    lines = ['Usage,Image name,neutral,happiness,surprise,sadness,anger,']
    lines[0] += 'disgust,fear,contempt,unknown,NF'
    for i, votes in enumerate(('9,1,0', '0,8,2', '1,1,8')):
        lines.append(f'Training,fer{i:07d}.png,{votes},0,0,0,0,0,0,0')
        write_image(tmp_path / f'data/FER2013Train/fer{i:07d}.png', i)
    (tmp_path / 'fer2013new.csv').write_text('\n'.join(lines) + '\n')
    with pytest.raises(ValueError, match='FERPlus. Choose one of train, val'):
        read_own_faces(str(tmp_path), CLASSES)
    found = read_own_faces(str(tmp_path), CLASSES, 'train')
    assert found.labels.tolist() == [0, 2, FOREIGN]
    assert found.problems[0].endswith('left out: surprise 1.')


def test_folders_without_faces(tmp_path):
    with pytest.raises(FileNotFoundError, match='none: no such folder. Name'):
        read_own_faces(str(tmp_path / 'none'), CLASSES)
    with pytest.raises(ValueError, match='there are no images in it'):
        read_own_faces(str(tmp_path), CLASSES)
    (tmp_path / 'labels.csv').write_text('image,expression\n')
    with pytest.raises(ValueError, match='labels.csv: there are no faces'):
        read_own_faces(str(tmp_path), CLASSES)


def test_videos_are_refused(tmp_path):
    (tmp_path / 'frames.csv').write_text('video,frame,image,expression\n')
    with pytest.raises(ValueError, match='frames CSV, which is not a data'):
        read_own_faces(str(tmp_path), CLASSES)
