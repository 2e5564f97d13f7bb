"""The demo of the post-processing steps, on predictions that are made up."""

from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import METRICS
from scipy.special import softmax

from fer_ssl.evaluation import VideoPrediction, VideoPredictions
from fer_ssl.labels import ABAW_ACTION_UNITS, ABAW_EXPRESSIONS

DEMO = Path(__file__).parents[2] / 'configs/demo'


def expressions(names, noise, seed):
    rng = np.random.default_rng(seed)
    videos = []
    for name in names:
        labels = np.repeat(rng.permutation(8), 15)
        logits = rng.normal(0, noise, (120, 8))
        logits[np.arange(120), labels] += 3
        videos.append(VideoPrediction(name, softmax(logits, axis=1), labels))
    return VideoPredictions(videos, ABAW_EXPRESSIONS)


def action_units(names, seed):
    rng = np.random.default_rng(seed)
    videos = []
    for name in names:
        truth = np.repeat(rng.integers(0, 2, (8, 12)), 15, axis=0)
        scores = 0.2 * truth + 0.3 * rng.random(truth.shape)
        videos.append(VideoPrediction(name, scores, truth.astype(float)))
    return VideoPredictions(videos, ABAW_ACTION_UNITS)


@pytest.fixture
def load(monkeypatch, tmp_path):
    """Function that reads a config, with predictions to fit its steps to."""

    def load(name, fit, blend=None):
        for key, predictions in (('FIT', fit), ('BLEND', blend)):
            if predictions is not None:
                path = str(tmp_path / f'{key}.csv')
                predictions.to_csv(path)
                monkeypatch.setenv(f'FER_SSL_{key}_FILES', path)
        return Config.fromfile(DEMO / name).test_evaluator

    return load


def test_without_files_there_are_no_steps():
    for name in ('demo_post_processing.py', 'demo_post_processing_au.py'):
        (raw,) = Config.fromfile(DEMO / name).test_evaluator
        assert Path(raw.out_file).name == 'predictions.csv'


def test_every_smoothing_of_expressions(load):
    fit, scored = expressions('ab', 2.5, 0), expressions('cd', 2.5, 1)
    other = VideoPredictions(
        [*expressions('ab', 2.0, 0), *expressions('cd', 2.0, 1)],
        ABAW_EXPRESSIONS,
    )
    _, *steps = load('demo_post_processing.py', fit, other)
    names = [config.prefix for config in steps]
    assert names == ['gaussian', 'mean', 'median', 'majority', 'viterbi']
    for config in steps:
        scores = METRICS.build(config).score(scored)
        keys = ('raw', 'after_blend', 'after_calibration', 'after_gate')
        keys = [f'{config.prefix}/macro_f1_{key}' for key in keys]
        assert scores[f'{config.prefix}/macro_f1'] > scores[keys[0]] + 10
        config.post_process.steps.gate = None
        assert keys[-1] not in METRICS.build(config).score(scored)


def test_thresholds_of_action_units(load):
    fit, scored = action_units('ab', 0), action_units('cd', 1)
    _, steps = load('demo_post_processing_au.py', fit)
    scores = METRICS.build(steps).score(scored)
    # No probability is above 0.5 before the thresholds are fitted.
    assert scores['post/au_f1_raw'] == 0
    assert scores['post/au_f1_after_thresholds'] > 80
    assert scores['post/au_f1'] > 90  # smoothed
