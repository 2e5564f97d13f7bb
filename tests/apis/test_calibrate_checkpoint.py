import logging

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config

from fer_ssl.apis import ExpressionInferencer
from fer_ssl.apis.assumed_prior import assumed_prior
from fer_ssl.apis.calibrate_checkpoint import calibrate_checkpoint
from fer_ssl.apis.calibration_transfer import calibration_transfer
from fer_ssl.apis.face_probabilities import FaceProbabilities
from fer_ssl.apis.own_faces import read_own_faces
from fer_ssl.apis.publish_checkpoint import publish_checkpoint
from fer_ssl.evaluation import ImagePredictions
from fer_ssl.evaluation.calibration import Calibration, saved_calibration
from tests.helpers.own_faces import write_class_folders, write_labels
from tests.helpers.tiny_networks import (
    CLASSES,
    PIPELINE,
    classifier,
    image_loader,
    recognizer,
    teacher_student,
    write_checkpoint,
)

NAMES = list(CLASSES) * 12
BALANCED = dict(sampler=dict(type='ClassBalancedSampler'))


@pytest.fixture
def warnings(monkeypatch):
    """Warnings that were logged."""
    found = []

    def log(message, logger=None, level=logging.INFO):
        if level == logging.WARNING:
            found.append(message)

    for module in ('apis.calibration_checks', 'labels'):
        monkeypatch.setattr(f'fer_ssl.{module}.print_log', log)
    return found


@pytest.fixture
def network(tmp_path):
    """Path of a tiny classifier, trained on balanced classes."""
    cfg = classifier(train_dataloader=BALANCED)
    return write_checkpoint(tmp_path / 'tiny.pth', cfg)[0]


@pytest.fixture
def faces(tmp_path):
    return write_labels(tmp_path / 'faces', NAMES)


def inferencer(path, **kwargs):
    return ExpressionInferencer(
        weights=str(path), show_progress=False, device='cpu', **kwargs
    )


def predict(path, folder):
    own = read_own_faces(folder, CLASSES)
    return FaceProbabilities(inferencer(path)).predict(own)


def saved(path):
    content = torch.load(path, weights_only=True)
    return saved_calibration(content, str(path), CLASSES)


def test_new_checkpoint_predicts_what_was_fitted(tmp_path, network, faces):
    target = str(tmp_path / 'made/new.pth')
    before = predict(network, faces)
    result = calibrate_checkpoint(network, faces, target)
    own = saved(target)
    assert own == result.calibration and own.method == 'labels'
    assert own.faces_per_class == [12, 12, 12] and own.num_faces == 36
    assert set(own.scores) == {'before', 'after'}
    after = predict(target, faces)
    np.testing.assert_allclose(after.probs, own(before.probs), rtol=1e-5)
    np.testing.assert_allclose(
        result.fractions, [before.probs.mean(0), after.probs.mean(0)], 1e-5
    )
    # Random labels: the fitted network says so, and the people were known.
    assert result.scores['labels']['nll'] < result.scores['before']['nll']
    assert result.files == [target, str(tmp_path / 'made/new_reliability.png')]
    assert cv2.imread(result.files[1]) is not None
    text = result.describe()
    assert '| labels (written) |' in text and '| before |' in text
    assert '| anger | 12 |' in text


def test_probabilities_are_those_of_the_test_pipeline(
    tmp_path, network, faces
):
    """The image is the face: no margin is added, and nothing is cut."""
    own = predict(network, faces)
    model = inferencer(network).model
    image = cv2.imread(f'{faces}/images/005.png')
    inputs = [torch.from_numpy(image.transpose(2, 0, 1).copy())]
    data = model.data_preprocessor(dict(inputs=inputs))
    with torch.no_grad():
        expected = model(data['inputs'], mode='tensor').softmax(dim=1)
    np.testing.assert_allclose(own.probs[5:6], expected.numpy(), atol=1e-5)


def test_images_of_another_size(tmp_path, faces):
    """Where the pipeline does not resize, face_crop tells the size."""
    fixed = image_loader([PIPELINE[0], PIPELINE[2]])
    cfg = classifier(
        test_dataloader=fixed, face_crop=dict(size=24, margin=0.0)
    )
    path, _ = write_checkpoint(tmp_path / 'fixed.pth', cfg)
    image = cv2.imread(f'{faces}/images/000.png')
    cv2.imwrite(f'{faces}/images/000.png', cv2.resize(image, (50, 50)))
    assert len(predict(path, faces)) == 36


@pytest.mark.parametrize('cfg', [classifier(), teacher_student()])
def test_every_image_network_is_calibrated(tmp_path, cfg):
    """Also after publishing, and with the config in a file."""
    path, _ = write_checkpoint(tmp_path / 'tiny.pth', cfg)
    folder = write_class_folders(
        tmp_path / 'own', dict(neutral=10, angry=10, happy=10)
    )
    target, small = str(tmp_path / 'new.pth'), str(tmp_path / 'small.pth')
    content = torch.load(path, weights_only=True)
    content['meta']['dataset_meta'] = dict(classes=CLASSES)
    torch.save(content, path)
    own = calibrate_checkpoint(path, folder, target).calibration
    publish_checkpoint(target, small)
    plain = predict(path, folder).probs
    for checkpoint in (target, small):
        found = predict(checkpoint, folder).probs
        np.testing.assert_allclose(found, own(plain), rtol=1e-5)
    other = inferencer(target, model=cfg)
    assert other.network.calibration == own


def test_network_of_both_phases_is_calibrated(tmp_path, write_videos):
    """It is fitted to predictions of videos, as single faces say nothing."""
    cfg = recognizer(write_videos({'v': '0011'}))
    path, _ = write_checkpoint(tmp_path / 'both.pth', cfg)
    folder = write_class_folders(tmp_path / 'own', dict(neutral=30))
    target = str(tmp_path / 'new.pth')
    with pytest.raises(ValueError, match='both.pth: this network predicts w'):
        calibrate_checkpoint(path, folder, target)
    assert not (tmp_path / 'new.pth').exists()
    rng = np.random.default_rng(0)
    table = str(tmp_path / 'predictions.csv')
    ImagePredictions(
        [''] * 40, CLASSES, rng.dirichlet([1] * 3, 40), rng.integers(0, 3, 40)
    ).to_csv(table)
    own = calibrate_checkpoint(path, table, target).calibration
    x = np.zeros((4, 32), np.float32)
    windows = []
    for checkpoint in (path, target):
        network = inferencer(checkpoint).network
        with torch.no_grad():
            windows.append(network._predict(1, 0, x, np.ones(4, bool)))
    first, second = (window['scores'] for window in windows)
    np.testing.assert_allclose(second, own(first), rtol=1e-5)


def test_predictions_of_other_classes(tmp_path, network):
    table = str(tmp_path / 'predictions.csv')
    probs = np.full((30, 3), 1 / 3)
    ImagePredictions([''] * 30, 'abc', probs, [0] * 30).to_csv(table)
    with pytest.raises(ValueError, match='are for a, b, c, but the classes'):
        calibrate_checkpoint(network, table, str(tmp_path / 'new.pth'))


def test_em_continues_from_labels(tmp_path, network, faces, warnings):
    first, second = str(tmp_path / '1.pth'), str(tmp_path / '2.pth')
    images = f'{faces}/images'
    with pytest.raises(ValueError, match='images: no face has a label. EM'):
        calibrate_checkpoint(network, images, first)
    labels = calibrate_checkpoint(network, faces, first).calibration
    result = calibrate_checkpoint(first, images, second)
    assert result.method == 'em' and not result.scores
    assert result.files == [second]
    own = saved(second)
    assert own.method == 'labels, em'
    assert own.temperature == pytest.approx(labels.temperature)
    np.testing.assert_allclose(
        predict(second, faces).probs,
        own(predict(network, faces).probs),
        rtol=1e-5,
    )
    assert '| class | bias |' in result.describe()
    assert not warnings


def test_em_without_a_calibration_warns(tmp_path, network, faces, warnings):
    target = str(tmp_path / 'new.pth')
    calibrate_checkpoint(network, f'{faces}/images', target, 'em')
    assert 'no labels have calibrated it. EM needs a network' in warnings[0]
    assert not any('balanced' in text for text in warnings)
    plain, _ = write_checkpoint(tmp_path / 'plain.pth', classifier())
    warnings.clear()
    calibrate_checkpoint(plain, faces, target, 'em')
    assert 'nothing in it says that the classes' in warnings[1]


def test_assumed_prior(tmp_path, network):
    own = inferencer(network)
    np.testing.assert_allclose(assumed_prior(own), [1 / 3] * 3)
    np.testing.assert_allclose(assumed_prior(own, [6, 3, 1]), [0.6, 0.3, 0.1])
    for wrong in ([1, 2], [1, 2, 0]):
        with pytest.raises(ValueError, match='a number above 0 for each of'):
            assumed_prior(own, wrong)
    head = dict(type='PriorLinearHead', num_classes=3, in_channels=32)
    cfg = classifier()
    cfg.model.head = head
    path, _ = write_checkpoint(tmp_path / 'prior.pth', cfg)
    content = torch.load(path, weights_only=True)
    content['state_dict']['head.log_prior'] = torch.tensor(
        [0.6, 0.2, 0.2]
    ).log()
    torch.save(content, path)
    np.testing.assert_allclose(
        assumed_prior(inferencer(path)), [0.6, 0.2, 0.2], rtol=1e-6
    )
    own.network.calibration = Calibration(
        1.0, [0.0] * 3, list(CLASSES), 'labels', [0.2, 0.3, 0.5], 30
    )
    np.testing.assert_allclose(assumed_prior(own), [0.2, 0.3, 0.5])
    with pytest.raises(ValueError, match='Leave out --trained-on'):
        assumed_prior(own, [1, 2, 3])


def test_unusable_faces_are_counted(tmp_path, network, warnings):
    folder = tmp_path / 'faces'
    write_labels(folder, [*CLASSES[:2]] * 12 + ['happy'] * 2 + ['fear'] * 3)
    (folder / 'images/003.png').write_bytes(b'no image')
    (folder / 'images/004.png').unlink()
    result = calibrate_checkpoint(
        network, str(folder), str(tmp_path / 'new.pth')
    )
    assert result.calibration.faces_per_class == [11, 11, 2]
    text = '\n'.join(warnings)
    assert '3 faces are of classes that the network does not have' in text
    assert '2 images cannot be read and are left out, such as ' in text
    assert '003.png: not a readable image' in text
    assert 'some classes have few labeled faces: happiness 2.' in text


@pytest.mark.parametrize(
    'names, method, error',
    [
        (NAMES[:12], None, '12 labeled faces, which are too few .* least 20'),
        (NAMES[:12], 'em', '12 faces, which are too few'),
        ([*NAMES[:10], *[''] * 30], 'bias', '10 labeled faces'),
        (NAMES, 'other', "method='other' is none of"),
    ],
)
def test_too_few_faces(tmp_path, network, names, method, error):
    folder = write_labels(tmp_path / 'faces', names)
    target = tmp_path / 'new.pth'
    with pytest.raises(ValueError, match=error):
        calibrate_checkpoint(network, folder, str(target), method)
    assert not target.exists()


def test_one_person_is_not_scored(tmp_path, network, warnings):
    folder = write_labels(tmp_path / 'faces', NAMES, per_person=99)
    result = calibrate_checkpoint(network, folder, str(tmp_path / 'new.pth'))
    assert not result.scores and result.calibration.scores is None
    assert 'all labeled faces are of one person' in warnings[-1]


def test_the_checkpoint_itself_is_kept(network, faces):
    with pytest.raises(ValueError, match='would replace the one'):
        calibrate_checkpoint(network, faces, network)


def test_config_with_code(tmp_path, faces):
    cfg = classifier(custom_imports=dict(imports=['fer_ssl', 'json']))
    path, _ = write_checkpoint(tmp_path / 'a.pth', cfg, with_config=False)
    config = tmp_path / 'config.py'
    config.write_text(cfg.pretty_text)
    target = tmp_path / 'new.pth'
    with pytest.raises(ValueError, match='imports json, which is code. The c'):
        calibrate_checkpoint(path, faces, str(target), config=str(config))
    assert not target.exists()


def test_config_of_a_file_is_kept(tmp_path, faces):
    path, _ = write_checkpoint(
        tmp_path / 'a.pth', classifier(), with_config=False
    )
    config = tmp_path / 'config.py'
    config.write_text(classifier().pretty_text)
    target = str(tmp_path / 'new.pth')
    calibrate_checkpoint(path, faces, target, config=str(config))
    text = torch.load(target, weights_only=True)['meta']['cfg']
    assert Config.fromstring(text, '.py').model.type == 'ImageClassifier'
    assert len(predict(target, faces)) == 36


def test_faces_are_searched_for(tmp_path, network):
    """Images without a face are counted and left out."""
    folder = write_class_folders(tmp_path / 'own', dict(neutral=2))
    predictor = FaceProbabilities(inferencer(network), detect=True)
    with pytest.raises(ValueError, match='2 images show no face that the det'):
        predictor.predict(read_own_faces(folder, CLASSES))

    class Found:
        box = 2, 3, 20, 21

    predictor.inferencer.detector.find = lambda frame, path: [Found]
    found = predictor.predict(read_own_faces(folder, CLASSES))
    assert len(found) == 2
    image = cv2.imread(f'{folder}/neutral/000.png')
    expected = predictor.inferencer.pipeline.crop(image, Found.box)
    with torch.no_grad():
        probs = predictor.inferencer.network.run([expected])
    np.testing.assert_allclose(found.probs[:1], probs, atol=1e-6)


def test_transfer_leaves_copies_out(tmp_path, network):
    fit = write_labels(tmp_path / 'fit', [*NAMES, 'contempt'])
    score = write_class_folders(tmp_path / 'score', dict(angry=8, happy=9))
    copy = (tmp_path / 'fit/images/000.png').read_bytes()
    (tmp_path / 'score/angry/copy.png').write_bytes(copy)
    text = calibration_transfer(
        network, (fit, None), (score, None), 5, 20, 2, ['anger', 'happiness']
    )
    assert '| labels, 5 labels per class, then em, 20 faces |' in text
    assert 'from 36 faces, of which 24 have a label (1 more are c' in text
    assert text.endswith('Scored faces: anger 9, happiness 9.\n')
