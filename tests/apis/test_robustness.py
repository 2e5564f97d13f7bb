import re

import numpy as np
import pytest

from fer_ssl.apis.expression_inferencer import ExpressionInferencer
from fer_ssl.apis.face_change import FaceChange
from fer_ssl.apis.face_probabilities import FaceProbabilities
from fer_ssl.apis.own_faces import read_own_faces
from fer_ssl.apis.robustness import robustness
from tests.helpers.own_faces import write_class_folders, write_labels
from tests.helpers.tiny_networks import CLASSES, classifier, write_checkpoint


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    path = tmp_path_factory.mktemp('network') / 'a.pth'
    return write_checkpoint(path, classifier())[0]


def rows_of(text):
    """Cells of the rows below the head, by the name of the row."""
    rows = [line.strip('| ').split(' | ') for line in text.splitlines()[2:]]
    return {name: [float(x) for x in cells] for name, *cells in rows}


def test_table(checkpoint, tmp_path):
    """Faces without a known label are not among those of a labeled set."""
    names = [*CLASSES, 'fear', ''] * 4
    folder = write_labels(tmp_path, names)
    text = robustness(checkpoint, folder, shift=0.5, scale=0.5, pixels=4)
    assert text.startswith(
        '| 12 faces | accuracy | macro-F1 | UAR | same label |\n'
    )
    rows = rows_of(text)
    assert [*rows] == [
        'as they are',
        'boxes moved by up to 50 % of their side and scaled by up to 50 %',
        '4 pixels',
    ]
    inferencer = ExpressionInferencer(weights=checkpoint)
    faces = read_own_faces(folder, CLASSES)
    faces = faces.select(np.flatnonzero(faces.labels >= 0))
    labels = {}
    for name, change in zip(
        rows, (None, FaceChange(0.5, 0.5), FaceChange(pixels=4))
    ):
        found = FaceProbabilities(inferencer, change=change).predict(faces)
        labels[name] = found.probs.argmax(axis=1)
        accuracy = 100 * (labels[name] == faces.labels).mean()
        same = 100 * (labels[name] == labels['as they are']).mean()
        assert rows[name][0] == pytest.approx(accuracy, abs=0.01)
        assert rows[name][-1] == pytest.approx(same, abs=0.1)


def test_faces_without_labels(checkpoint, tmp_path):
    folder = write_class_folders(tmp_path, {'images': 5})
    text = robustness(checkpoint, f'{folder}/images')
    assert text.startswith('| 5 faces | same label |\n')
    assert rows_of(text)['as they are'] == [100]


def test_some_classes(checkpoint, tmp_path):
    folder = write_labels(tmp_path, [*CLASSES] * 3)
    text = robustness(checkpoint, folder, classes=['anger', 'happiness'])
    assert text.startswith('| 6 faces |')


def test_boxes_move_in_the_image(checkpoint, tmp_path):
    """The crop shows what is beside the box, and black beyond the image."""
    inferencer = ExpressionInferencer(weights=checkpoint)
    folder = write_class_folders(tmp_path, {'anger': 2})
    faces = read_own_faces(folder, CLASSES)
    faces.boxes = np.array([[4, 4, 20, 20]] * 2)
    change = FaceChange(shift=0.5)
    found = FaceProbabilities(inferencer, change=change).predict(faces).probs
    faces.boxes = np.array(
        [change.move_box(box, row) for row, box in enumerate(faces.boxes)]
    )
    moved = FaceProbabilities(inferencer).predict(faces).probs
    np.testing.assert_array_equal(found, moved)


def test_errors_come_before_the_predictions(tmp_path):
    with pytest.raises(ValueError, match=re.escape('shift=2: must be from 0')):
        robustness('none.pth', str(tmp_path), shift=2)


def test_no_face_of_a_class_of_the_network(checkpoint, tmp_path):
    folder = write_labels(tmp_path, ['fear'] * 2)
    with pytest.raises(ValueError, match='which are neutral, anger, happin'):
        robustness(checkpoint, folder)
