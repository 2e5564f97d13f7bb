"""The calibration of a checkpoint, by the scripts."""

import numpy as np
import pytest
import torch

from fer_ssl.evaluation import ImagePredictions
from fer_ssl.evaluation.calibration import saved_calibration
from tests.helpers.own_faces import write_class_folders, write_labels
from tests.helpers.tiny_networks import CLASSES, classifier, write_checkpoint

TOOL = 'python {tools}/calibrate.py'


@pytest.fixture(scope='module')
def files(folder):
    """A checkpoint, its config and labeled faces."""
    cfg = classifier()
    write_checkpoint(folder / 'tiny.pth', cfg)
    write_labels(folder / 'faces', [*CLASSES] * 12)
    cfg.test_dataloader.dataset.update(
        data_root='faces', ann_file='labels.csv'
    )
    cfg.test_dataloader.update(
        num_workers=0,
        sampler=dict(type='DefaultSampler', shuffle=False),
        collate_fn=dict(type='default_collate'),
    )
    cfg.test_cfg = dict()
    cfg.test_evaluator = [
        dict(type='MacroF1Metric', out_file='predictions.csv'),
        dict(type='mmpretrain.Accuracy'),
    ]
    (folder / 'config.py').write_text(cfg.pretty_text)
    return folder


@pytest.fixture(scope='module')
def printed(call, files):
    """What the script prints for labeled faces."""
    return call(f'{TOOL} tiny.pth faces --out new.pth')


def test_tables_and_files(printed, files):
    assert '| cross-validated | macro-F1 | UAR | accuracy | NLL | ECE |' in (
        printed
    )
    assert '| labels (written) |' in printed
    for name in ('new.pth', 'new_reliability.png'):
        assert f'{name}\n' in printed and (files / name).stat().st_size


def test_a_test_scores_the_calibrated_predictions(call, printed, files):
    """Metrics that score something else are named."""
    assert 'calib' not in call('python {tools}/test.py config.py tiny.pth')
    plain = probabilities(files)
    text = call('python {tools}/test.py config.py new.pth')
    assert (
        'new.pth: MacroF1Metric scores the calibrated predictions (method '
        "'labels', 36 faces)."
    ) in text
    assert 'not applied to what these metrics score or write: Acc' in text
    content = torch.load(files / 'new.pth', weights_only=True)
    own = saved_calibration(content, 'new.pth')
    np.testing.assert_allclose(probabilities(files), own(plain), atol=1e-5)


def probabilities(folder):
    return ImagePredictions.from_csv(str(folder / 'predictions.csv')).scores


def test_predictions_of_a_test_serve_as_faces(call, printed, files):
    """They give the same calibration as the images, but know no people."""
    call('python {tools}/test.py config.py tiny.pth')
    text = call(f'{TOOL} tiny.pth predictions.csv --out again.pth')
    assert printed.split('\n\n')[1] == text.split('\n\n')[1]


@pytest.mark.parametrize(
    'arguments, error',
    [
        ('none.pth faces', 'error: checkpoint none.pth does not exist'),
        ('tiny.pth none', 'error: none: no such folder'),
        ('tiny.pth faces/images', 'images: no face has a label. EM needs'),
        ('tiny.pth faces --split val', 'labels.csv:1: column split is mis'),
        ('tiny.pth faces --trained-on 1,2', 'error: trained_on=[1.0, 2.0]'),
    ],
)
def test_errors(call, files, arguments, error):
    text = call(f'{TOOL} {arguments} --out bad.pth', status=1)
    assert error in text and 'Traceback' not in text
    assert not (files / 'bad.pth').exists()


def test_comparison(call, files):
    command = 'python {tools}/analysis/compare_calibrations.py tiny.pth faces '
    text = call(f'{command} faces', status=1)
    assert 'error: faces: every image is also in faces' in text
    others = write_class_folders(files / 'others', dict(anger=9, happy=9))
    text = call(
        f'{command} {others} --per-class 2 --unlabeled 9 --out table.md '
        '--classes anger,happiness'
    )
    assert (files / 'table.md').read_text() in text
    assert '| temperature, 4 labels at random |' in text


def test_robustness(call, files):
    command = 'python {tools}/analysis/robustness.py tiny.pth faces'
    text = call(f'{command} --pixels 8 --seed 3 --out table.md')
    assert (files / 'table.md').read_text() in text
    assert '| 8 pixels |' in text
    text = call(f'{command} --shift 2', status=1)
    assert 'error: shift=2.0: must be from 0 to 0.5' in text
