"""The HTML report of a test: its content, and its display in a browser."""

import json
import re
import subprocess
from html import escape

import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.registry import METRICS

from fer_ssl.evaluation.bootstrap import bootstrap
from fer_ssl.labels import ABAW_TRACKS
from fer_ssl.visualization.report import report
from fer_ssl.visualization.training_curves import find_training
from tests.helpers.browser import find_browser
from tests.helpers.html_page import Page

METRIC_TYPES = dict(
    EXPR='MacroF1Metric', VA='ValenceArousalMetric', AU='ActionUnitMetric'
)
HEADLINES = dict(EXPR='macro_f1', VA='ccc', AU='au_f1')
EVIL = '<b onclick="x()">&amp;</b>$x_{$'


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
        assert source.startswith(
            ('data:image/svg+xml;', 'data:image/png;', '#')
        )
    assert not {'script', 'link', 'iframe', 'object'} & set(page.tags)
    # neither names nor config become tags
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
        assert float(text.replace('\u2212', '-')) == round(scores[key], digits)
    # of a class or unit, frames with a face are not listed again
    missing = set(scores) - set(page.scores)
    assert all(x.startswith('f1_') and 'with_face' in x for x in missing)
    unit = 'videos' if on_videos else 'images'
    assert 'of 2,000 resamples (percentile bootstrap, seed 0)' in page.text
    assert f'Each draws whole {unit} with replacement' in page.text
    if on_videos:
        assert '6 videos, 345 frames' in page.text
        assert 'Best and worst videos' in page.text
        assert f'config {EVIL}' in page.text  # as it was written


def test_interval_is_that_of_the_bootstrap(tmp_path):
    (metric,), scores = run_test('EXPR', True)
    page = write(tmp_path / 'report.html', [metric], scores)
    sums = np.stack([metric.video_sums(v) for v in metric.scored])
    draws = bootstrap(sums, metric.scores_of_videos)['macro_f1']
    low, high = np.percentile(draws, [2.5, 97.5])
    assert low < scores['macro_f1'] < high
    assert f'95 % interval {low:.2f} to {high:.2f}' in page.text


def test_people_are_drawn_where_they_are_known(tmp_path):
    metrics, scores = run_test('EXPR', False)
    people = [f'person {i % 10}' for i in range(90)]
    page = write(tmp_path / 'report.html', metrics, scores, identities=people)
    assert 'labeled images of 10 people' in page.text
    assert 'Each draws whole people with replacement' in page.text


def test_two_networks_are_compared_on_the_same_draws(tmp_path):
    metrics, scores = run_test('EXPR', True, ('student', 'teacher'))
    page = write(tmp_path / 'report.html', metrics, scores)
    assert {'student/macro_f1', 'teacher/macro_f1'} <= set(page.scores)
    # both gave the same scores here, so that every paired difference is 0
    assert 'teacher minus student' in page.text
    assert '+0.00 0.00 to 0.00' in page.text


def test_several_tasks_of_one_network(tmp_path):
    rng = np.random.default_rng(0)
    tasks = {track: ABAW_TRACKS[track] for track in METRIC_TYPES}
    meta = dict(classes=(), tasks=tasks, videos={})
    samples = []
    for name in ('a', 'b', 'c'):
        truth = {track: truth_of(track, 30, rng) for track in tasks}
        scores = {
            f'{track}_pred_score': scores_of(track, labels, rng)
            for track, labels in truth.items()
        }
        meta['videos'][name] = truth
        samples.append(dict(video=name, start=0, **scores))
    metrics = [
        METRICS.build(dict(type=kind, task=track))
        for track, kind in METRIC_TYPES.items()
    ]
    for metric in metrics:
        metric.keeps_scored = True
    evaluator = Evaluator(metrics)
    evaluator.dataset_meta = meta
    evaluator.process(samples)
    scores = evaluator.evaluate(len(samples))
    page = write(tmp_path / 'report.html', metrics, scores)
    for track, headline in HEADLINES.items():
        assert (
            page.values[f'{track}/{headline}'] == scores[f'{track}/{headline}']
        )
    assert 'Differences' not in page.text and 'Other scores' not in page.text


def test_each_step_of_the_post_processing_has_a_line(tmp_path):
    (metric,), _ = run_test('EXPR', True)
    steps = dict(
        gate=dict(type='ConfidenceGate', threshold=0.4),
        smoothing=dict(type='GaussianSmoothing', sigma=2.0),
    )
    smoothed = METRICS.build(
        dict(
            type='MacroF1Metric',
            post_process=dict(type='PostProcessingSteps', steps=steps),
        )
    )
    raw = metric.scored
    scores = smoothed.score(raw)
    smoothed.keeps_scored = True
    smoothed.scored = smoothed.stages['smoothing']
    page = write(tmp_path / 'report.html', [smoothed], scores)
    keys = ('raw', 'after_gate', 'after_smoothing')
    keys = [f'macro_f1_{key}' for key in keys]
    assert set(keys) <= set(page.scores) and 'Other scores' not in page.text
    assert page.values[keys[-1]] == scores['macro_f1']
    assert 'GaussianSmoothing(sigma=2.0)' in page.text
    change = scores['macro_f1_after_gate'] - scores['macro_f1_raw']
    sums = [
        np.stack([metric.video_sums(v) for v in smoothed.stages[name]])
        for name in ('raw', 'gate')
    ]
    draws = [bootstrap(x, metric.scores_of_videos)['macro_f1'] for x in sums]
    low, high = np.percentile(draws[1] - draws[0], [2.5, 97.5])
    line = f'{change:+.2f} {low:.2f} to {high:.2f}'
    assert line.replace('-', '\u2212') in page.text


def test_metrics_of_others_are_listed(tmp_path):
    metrics, scores = run_test('EXPR', True)
    scores = {**scores, f'acc{EVIL}': 12.34567}
    page = write(tmp_path / 'report.html', [*metrics, object()], scores)
    check_self_contained(page)
    assert page.scores[f'acc{EVIL}'] == '12.3457'


@pytest.mark.parametrize('track', METRIC_TYPES)
def test_without_labels_there_is_no_truth(tmp_path, track):
    metrics, scores = run_test(track, True, labeled=False)
    assert scores == {}
    page = write(tmp_path / 'report.html', metrics, scores)
    check_self_contained(page)
    assert 'The set has no labels, so nothing is scored' in page.text
    assert 'The longest videos' in page.text and len(page.figures) == 2


def test_one_video_has_no_interval(tmp_path):
    metrics, scores = run_test('EXPR', True, videos=1)
    page = write(tmp_path / 'report.html', metrics, scores)
    assert 'There are no intervals: the set has a single unit' in page.text


# ---------------------------------------------------------------- training


def write_log(work_dir, start, steps, **values):
    folder = work_dir / start / 'vis_data'
    folder.mkdir(parents=True)
    with open(folder / 'scalars.json', 'w') as file:
        for step in steps:
            line = {'loss': 1 / step, 'step': step, **values}
            file.write(json.dumps(line) + '\n')
        # of a validation per epoch, and what a killed run leaves
        file.write(json.dumps({'macro_f1': 30.0, 'step': 1}) + '\n{"loss": ')


def test_training_is_found_by_the_time_of_its_start(tmp_path):
    earlier, resumed, later = '20260101_080000', '20260101_090000', '20260102'
    write_log(tmp_path, earlier, range(10, 101, 10))
    write_log(tmp_path, resumed, range(70, 201, 10))
    write_log(tmp_path, f'{later}_080000', range(10, 51, 10))
    checkpoint = str(tmp_path / 'iter_150.pth')
    meta = dict(experiment_name=f'my_config_{resumed}', iter=150)
    files, lines = find_training(checkpoint, meta)
    assert [x.parents[1].name for x in files] == [earlier, resumed]
    assert [x['step'] for x in lines] == list(range(10, 151, 10))
    # a training that was started anew has nothing to do with the earlier one
    meta = dict(experiment_name=f'my_config_{later}_080000')
    files, lines = find_training(checkpoint, meta)
    assert len(files) == 1
    assert [x['step'] for x in lines] == [10, 20, 30, 40, 50, 50]
    assert lines[-1]['macro_f1'] == 30


@pytest.mark.parametrize(
    'meta', [{}, dict(experiment_name='other_20250101_000000')]
)
def test_no_training_is_found(tmp_path, meta):
    write_log(tmp_path, '20260101_080000', [10, 20])
    assert find_training(str(tmp_path / 'a.pth'), meta) == ([], [])
    metrics, scores = run_test('VA', False)
    page = write(tmp_path / 'report.html', metrics, scores, meta=meta)
    assert 'No log of the training was found' in page.text


def test_curves_of_feedback_and_pseudo_labels(tmp_path):
    start = '20260101_080000'
    values = {
        'feedback/mean': 0.1,
        'feedback/std': 0.2,
        'feedback/positive': 0.5,
        'pseudo_label/confident': 0.7,
        'pseudo_label/fraction_anger': 0.3,
        'pseudo_label/fraction_fear': 0.7,
    }
    write_log(tmp_path, start, range(1, 80), **values)
    metrics, scores = run_test('VA', False)
    page = write(
        tmp_path / 'report.html',
        metrics,
        scores,
        meta=dict(experiment_name=f'x_{start}', iter=60),
    )
    assert f'iteration 60, by the training started at {start}' in page.text
    drawn = ' '.join(page.figures)
    for text in (
        'Feedback coefficient',
        'Fraction of positive coefficients',
        'Fraction of each class',
        'fear',
        'Losses',
    ):
        assert f'>{text}<' in drawn


# ----------------------------------------------------------------- browser


# a window cannot be as narrow as a phone, but an iframe can
PROBE = """<!DOCTYPE html><body>
<iframe width="{width}" height="900" srcdoc="{page}"></iframe>
<script>onload = () => {{
  const root = frames[0].document;
  const images = [...root.images];
  const broken = images.filter(x => !x.naturalWidth).length;
  const wide = root.documentElement.scrollWidth - frames[0].innerWidth;
  document.body.innerText = `images ${{images.length}} broken ${{broken}} `
    + `wide ${{wide}} of ${{frames[0].innerWidth}}`;
}}</script>"""


@pytest.mark.parametrize('width', [1200, 400])
@pytest.mark.parametrize('track', METRIC_TYPES)
def test_a_browser_shows_it(tmp_path, track, width):
    """All figures are drawn, and the page does not scroll sideways."""
    browser = find_browser()
    metrics, scores = run_test(track, True)
    page = write(tmp_path / 'report.html', metrics, scores)
    probed = tmp_path / 'probed.html'
    probed.write_text(PROBE.format(width=width, page=escape(page.html)))
    done = subprocess.run(
        [
            browser,
            '--headless',
            '--no-sandbox',
            '--disable-gpu',
            f'--user-data-dir={tmp_path / "profile"}',
            '--window-size=1300,1000',
            '--dump-dom',
            probed.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    numbers = re.findall(
        r'images (\d+) broken (\d+) wide (-?\d+) of (\d+)', done.stdout
    )
    assert numbers, done.stdout[-2000:] + done.stderr[-2000:]
    found, broken, wide, inner = map(int, numbers[0])
    assert (found, broken, inner) == (len(page.figures), 0, width)
    assert found >= 4
    assert wide <= 0
