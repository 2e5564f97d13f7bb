from dataclasses import replace

import numpy as np
import pytest
from mmengine.config import Config

from fer_ssl.evaluation.calibration import Calibration, saved_calibration
from fer_ssl.utils.saved_config import dump_literals

OWN = Calibration(
    temperature=1.5,
    bias=[0.5, -0.25, -0.25],
    classes=['a', 'b', 'c'],
    method='labels',
    prior=[0.5, 0.3, 0.2],
    num_faces=30,
    faces_per_class=[15, 9, 6],
    scores=dict(before=dict(ece=9.5), after=dict(ece=2.5)),
)


def checkpoint(**entry):
    text = dump_literals(Config(dict(model=dict(type='A'), **entry)))
    return dict(meta=dict(cfg=text), state_dict={})


@pytest.mark.parametrize(
    'calibration', [OWN, replace(OWN, faces_per_class=None, scores=None)]
)
def test_survives_the_text_of_a_config(calibration):
    content = checkpoint(calibration=calibration.to_config())
    assert saved_calibration(content, 'x.pth', 'abc') == calibration


@pytest.mark.parametrize(
    'content',
    [
        {},
        dict(meta=None),
        dict(meta={}),
        checkpoint(),
        dict(meta=dict(cfg='import os  # calibration = 1')),
    ],
)
def test_other_checkpoints_have_none(content):
    assert saved_calibration(content, 'x.pth') is None


@pytest.mark.parametrize(
    'change, message',
    [
        (dict(temperature=0.0), 'a temperature above 0'),
        (dict(temperature=float('nan')), 'is not a literal'),
        (dict(temperature='1'), 'expected float'),
        (dict(bias=[0.0, 1.0]), 'one finite bias'),
        (dict(prior=[0.5, 0.5, 0.0]), 'one prior above 0'),
        (dict(more=1), "unknown 'more'"),
        (dict(classes=['a', 'c', 'b']), 'for the classes a, c, b, but the'),
    ],
)
def test_invalid_entries(change, message):
    content = checkpoint(calibration={**OWN.to_config(), **change})
    with pytest.raises(ValueError, match=f'^x.pth: .*{message}'):
        saved_calibration(content, 'x.pth', 'abc')


def test_two_in_a_row_are_one():
    first = replace(OWN, temperature=0.7, bias=[1.0, 0.0, -2.0])
    both = OWN.after(first)
    probs = np.random.default_rng(0).dirichlet(np.ones(3), 50)
    np.testing.assert_allclose(both(probs), OWN(first(probs)), rtol=1e-9)
    assert OWN.after(None) is OWN
    em = replace(OWN, method='em').after(first)
    assert em.method == 'labels, em'


@pytest.mark.parametrize(
    'method, fitted',
    [
        ('labels', True),
        ('bias, em', True),
        ('temperature', False),
        ('temperature, em', False),
    ],
)
def test_whether_labels_fitted_the_biases(method, fitted):
    assert replace(OWN, method=method).has_fitted_biases is fitted
