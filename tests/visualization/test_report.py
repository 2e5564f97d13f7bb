"""The page of a test: what it says, and that it can be read."""

import json
import shutil
import subprocess

import numpy as np
import pytest
import torch
from html_page import Page
from mmengine.evaluator import Evaluator
from mmengine.registry import METRICS

from fer_ssl.labels import ABAW_TRACKS
from fer_ssl.visualization import report
from fer_ssl.visualization.training_curves import find_training

METRIC_TYPES = dict(
    EXPR='MacroF1Metric', VA='ValenceArousalMetric', AU='ActionUnitMetric'
)
HEADLINES = dict(EXPR='macro_f1', VA='ccc', AU='au_f1')
EVIL = '<b onclick="x()">&amp;</b>'


@pytest.fixture(autouse=True)
def no_compilers(monkeypatch):
    """Asking all compilers for their versions takes a second."""
    monkeypatch.setattr(
        report, 'collect_env', lambda: {'Python': '3', 'GPU': f'{EVIL} GPU'}
    )


def truth_of(track, size, rng):
    if track == 'EXPR':
        return np.repeat(rng.integers(-1, 8, size // 5 + 1), 5)[:size]
    if track == 'VA':
        truth = rng.uniform(-1, 1, (size, 2)).astype(np.float32)
        truth[: size // 10] = -5
        return truth
    truth = rng.integers(0, 2, (size, 12))
    truth[: size // 10] = -1
    return truth


def scores_of(track, truth, rng):
    if track == 'EXPR':
        scores = rng.dirichlet(np.ones(8), len(truth))
        scores[np.arange(len(truth)), truth] += 0.3
        return scores
    noise = rng.normal(0, 0.3, truth.shape)
    return (truth + noise).clip(-1 if track == 'VA' else 0, 1)


def run_test(track, on_videos, prefixes=(None,), videos=6, labeled=True):
    """Metrics after a test, and its scores."""
    rng = np.random.default_rng(0)
    meta = dict(classes=ABAW_TRACKS[track])
    samples = []
    if on_videos:
        names = [f'video {i}' for i in range(videos - 1)] + [EVIL]
        meta['videos'] = {
            name: truth_of(track, 40 + 7 * i, rng)
            for i, name in enumerate(names)
        }
        if not labeled:
            for name, truth in meta['videos'].items():
                meta['videos'][name] = np.full_like(
                    truth, -5 if track == 'VA' else -1
                )
        for name, truth in meta['videos'].items():
            scores = scores_of(track, truth, rng)
            valid = rng.random(len(truth)) < 0.9
            samples.append(
                dict(video=name, start=0, pred_score=scores, valid=valid)
            )
    else:
        truth = truth_of(track, 90, rng)
        scores = scores_of(track, truth, rng)
        samples = [
            dict(pred_score=s, gt_label=torch.tensor(t), img_path='x')
            for s, t in zip(scores, truth)
        ]
    metrics = [
        METRICS.build(dict(type=METRIC_TYPES[track], prefix=prefix))
        for prefix in prefixes
    ]
    for metric in metrics:
        metric.keeps_scored = True
    evaluator = Evaluator(metrics)
    evaluator.dataset_meta = meta
    evaluator.process(samples)
    return metrics, evaluator.evaluate(len(samples))


def write(path, metrics, scores, **changes):
    options = dict(
        metrics=metrics,
        scores=scores,
        identities=None,
        title=f'config {EVIL}',
        facts=[('Checkpoint', f'{EVIL}.pth')],
        checkpoint=str(path.parent / 'iter_2.pth'),
        meta={},
        config=f'# {EVIL}\nmodel = dict()',
    )
    report.write_report(path, **{**options, **changes})
    return Page(path)


def check_self_contained(page):
    for source in page.sources:
        assert source.startswith(('data:image/', '#')), source
    assert not {'script', 'link', 'iframe', 'b'} & (
        set(page.tags) - ({'b'} if '<b style=' in page.html else set())
    )
    assert EVIL not in page.html


@pytest.mark.parametrize('on_videos', [True, False])
@pytest.mark.parametrize('track', METRIC_TYPES)
def test_numbers_are_those_of_the_test(tmp_path, track, on_videos):
    metrics, scores = run_test(track, on_videos)
    page = write(tmp_path / 'report.html', metrics, scores)
    check_self_contained(page)
    assert HEADLINES[track] in page.scores
    digits = 3 if track == 'VA' else 2
    for key, text in page.scores.items():
        assert page.values[key] == scores[key]
        assert text == f'{scores[key]:.{digits}f}'
    missing = set(scores) - set(page.scores)
    assert all(x.startswith('f1_') and 'with_face' in x for x in missing)
    unit = 'videos' if on_videos else 'images'
    assert (
        f'2,000 resamples (percentile bootstrap, seed 0). Each draws whole {unit}'
        in page.text
    )
    assert 'No log of the training was found' in page.text
    if on_videos:
        assert 'Best and worst videos' in page.text
        assert '6 videos, 345 frames' in page.text
        timelines = [
            x
            for x in page.pictures
            if EVIL.replace('<', '&lt;')[:9] in x or 'video ' in x
        ]
        assert len(timelines) == 4
