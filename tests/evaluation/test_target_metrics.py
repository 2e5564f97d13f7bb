"""ValenceArousalMetric and ActionUnitMetric against plain references."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed
from mmengine.dataset import DefaultSampler
from mmengine.evaluator import Evaluator
from mmengine.registry import METRICS
from sklearn.metrics import f1_score

import fer_ssl
from fer_ssl.evaluation import (
    MacroF1Metric,
    ProbabilitySmoothing,
    VideoPrediction,
    VideoPredictions,
    action_unit_counts,
    action_unit_f1,
    concordance,
    concordance_sums,
)
from fer_ssl.labels import ABAW_TRACKS

TYPES = {'VA': 'ValenceArousalMetric', 'AU': 'ActionUnitMetric'}
TRACKS = tuple(TYPES)
SCORE = {'VA': 'ccc', 'AU': 'au_f1'}


def build(track, **kwargs):
    return METRICS.build(dict(type=TYPES[track], **kwargs))


def random_truth(size, track, rng):
    if track == 'VA':
        truth = rng.uniform(-1, 1, (size, 2)).astype(np.float32)
        truth[rng.random(size) < 0.2] = -5
        truth[rng.random(size) < 0.05, 1] = -5  # one of the two
        return truth
    truth = (rng.random((size, 12)) < np.linspace(0.05, 0.6, 12)).astype(int)
    truth[rng.random((size, 12)) < 0.15] = -1
    truth[rng.random(size) < 0.2] = -1
    return truth


def random_scores(truth, rng):
    """Scores that have something to do with the truth, and leave [-1, 1]."""
    noise = rng.normal(0, 0.5, truth.shape)
    if truth.shape[1] == 2:
        return np.float32(truth.clip(-1) + noise)
    return np.float32(1 / (1 + np.exp(1 - 2 * truth.clip(0) - 3 * noise)))


def reference_ccc(truth, predicted):
    """By its definition, from NumPy's population statistics."""
    known = (truth != -5).all(axis=1)
    values = []
    for t, p in zip(truth[known].T, predicted[known].T):
        covariance = np.cov(t, p, ddof=0)[0, 1]
        spread = np.var(t) + np.var(p) + (t.mean() - p.mean()) ** 2
        values.append(2 * covariance / spread)
    return np.array(values)


def reference_f1(truth, active):
    """scikit-learn's F1 of each unit, over the frames annotated for it."""
    values = []
    for t, p in zip(truth.T, active.T):
        known = t != -1
        values.append(f1_score(t[known], p[known], zero_division=0))
    return 100 * np.array(values)


def reference(track, truth, scores):
    truth, scores = np.float64(truth), np.float64(scores)
    if track == 'VA':
        values = reference_ccc(truth, scores.clip(-1, 1))
        names = ('ccc_valence', 'ccc_arousal')
    else:
        values = reference_f1(truth, scores > 0.5)
        names = [f'f1_{unit}' for unit in ABAW_TRACKS['AU']]
    return {SCORE[track]: values.mean(), **dict(zip(names, values))}


def image_samples(track, size=200, seed=0):
    rng = np.random.default_rng(seed)
    truth = random_truth(size, track, rng)
    return [
        dict(
            pred_score=torch.tensor(row),
            gt_label=torch.tensor(label),
            img_path=f'{i}.jpg',
        )
        for i, (row, label) in enumerate(zip(random_scores(truth, rng), truth))
    ]


def image_meta(track):
    return dict(classes=ABAW_TRACKS[track])


def video_meta(track):
    rng = np.random.default_rng(1)
    lengths = {'a': 31, 'b': 3, 'c': 40, 'no face': 6}
    videos = {n: random_truth(size, track, rng) for n, size in lengths.items()}
    return dict(classes=ABAW_TRACKS[track], videos=videos)


def window_samples(track, width=5, stride=3):
    """Windows over the videos of `video_meta`, some past the end."""
    rng = np.random.default_rng(2)
    samples = []
    for name, labels in video_meta(track)['videos'].items():
        if name == 'no face':
            continue
        last = max(len(labels) - width, 0)
        for start in sorted({*range(0, last, stride), last}):
            frames = np.arange(start, start + width)
            valid = (frames < len(labels)) & (frames % 4 != 3)
            truth = labels[np.minimum(frames, len(labels) - 1)]
            samples.append(
                dict(
                    video=name,
                    start=start,
                    pred_score=torch.tensor(random_scores(truth, rng)),
                    valid=torch.tensor(valid),
                )
            )
    return samples


def evaluate(metric, samples, meta):
    """One process, as an Evaluator does it."""
    evaluator = Evaluator(metric)
    evaluator.dataset_meta = meta
    for i in range(0, len(samples), 4):
        evaluator.process(samples[i : i + 4])
    return evaluator.evaluate(len(samples))


# ----------------------------------------------------------------- functions


def test_concordance_of_parts_is_that_of_the_whole():
    rng = np.random.default_rng(0)
    truth = random_truth(1000, 'VA', rng)
    scores = random_scores(truth, rng)
    parts = np.array_split(np.arange(1000), [1, 70, 500])
    total = sum(concordance_sums(truth[i], scores[i]) for i in parts)
    expected = reference_ccc(np.float64(truth), np.float64(scores))
    np.testing.assert_allclose(concordance(total), expected, rtol=1e-6)


def test_concordance_of_constants_is_a_number():
    one = np.full((9, 2), 0.7)
    for truth, predicted in ((one, one), (one, -one), (one[:0], one[:0])):
        value = concordance(concordance_sums(truth, predicted))
        np.testing.assert_allclose(value, 0, atol=1e-6)
    line = np.linspace(-1, 1, 50)[:, None].repeat(2, axis=1)
    value = concordance(concordance_sums(line, line))
    np.testing.assert_allclose(value, 1, atol=1e-6)
    value = concordance(concordance_sums(line, -line))
    np.testing.assert_allclose(value, -1, atol=1e-6)


@pytest.mark.parametrize('spread', [1e-2, 1e-3, 1e-4, 1e-5])
@pytest.mark.parametrize('scale', [1e-6, 1, 1e6])
def test_concordance_of_almost_constant_annotations(spread, scale):
    rng = np.random.default_rng(1)
    truth = 0.3 + spread * rng.normal(size=(2000, 2))
    predicted = truth + 0.1 * spread * rng.normal(size=(2000, 2))
    truth, predicted = scale * truth, scale * predicted
    expected = reference_ccc(truth, predicted)
    assert (expected > 0.99).all()
    parts = np.array_split(np.arange(2000), 7)
    total = sum(concordance_sums(truth[i], predicted[i]) for i in parts)
    np.testing.assert_allclose(concordance(total), expected, rtol=1e-5)


@pytest.mark.parametrize('size', [1, 9, 100_000])
@pytest.mark.parametrize('value', [0.0, 0.1, -0.7])
def test_concordance_of_a_constant_is_zero(size, value):
    same = np.full((size, 2), value)
    other = np.random.default_rng(0).normal(size=(size, 2))
    for truth, predicted in (
        (same, same),
        (same, np.float64(np.float32(same))),
        (same, same + 0.1),
        (same, other),
        (other, same),
    ):
        total = 3 * concordance_sums(truth, predicted)
        assert concordance(total).tolist() == [0, 0]


def test_action_units_ignore_by_column():
    truth = np.array([[1, -1], [0, 1], [1, -1], [-1, 0]])
    active = np.array([[1, 1], [1, 0], [0, 1], [1, 0]], dtype=bool)
    counts = action_unit_counts(truth, active)
    np.testing.assert_array_equal(counts, [[1, 1, 1], [0, 0, 1]])
    np.testing.assert_allclose(action_unit_f1(counts), [0.5, 0])
    with pytest.raises(ValueError, match='truth 2 of an action unit'):
        action_unit_counts(truth + 1, active)
    with pytest.raises(ValueError, match='must be two'):
        action_unit_counts(truth, active[:3])
    with pytest.raises(ValueError, match='must be two'):
        concordance_sums(truth, active[:, 0])


# -------------------------------------------------------------------- images


@pytest.mark.parametrize('track', TRACKS)
def test_images(track):
    samples = image_samples(track)
    scores = evaluate(build(track), samples, image_meta(track))
    expected = reference(
        track,
        np.stack([s['gt_label'] for s in samples]),
        np.stack([s['pred_score'] for s in samples]),
    )
    assert scores == pytest.approx(expected, rel=1e-5)
    assert next(iter(scores)) == SCORE[track]


def test_thresholds():
    samples, meta = image_samples('AU'), image_meta('AU')
    truth = np.stack([s['gt_label'] for s in samples])
    scores = np.stack([s['pred_score'] for s in samples])
    for threshold in (0.7, list(np.linspace(0.1, 0.9, 12))):
        found = evaluate(build('AU', threshold=threshold), samples, meta)
        expected = reference_f1(truth, scores > np.array(threshold))
        assert found['au_f1'] == pytest.approx(expected.mean())


@pytest.mark.parametrize('track', TRACKS)
def test_errors(track):
    meta, samples = image_meta(track), image_samples(track, 3)
    metric = build(track)
    metric.dataset_meta = meta
    samples[2]['pred_score'][1] = float('inf')
    with pytest.raises(ValueError, match='sample 2 .2.jpg.: .*inf'):
        metric.process(None, samples)
    with pytest.raises(ValueError, match='gives 8 scores, but the data set'):
        metric.process(None, [dict(pred_score=torch.ones(8))])
    ignored = torch.full((len(meta['classes']),), -5 if track == 'VA' else -1)
    unlabeled = [dict(s, gt_label=ignored) for s in samples[:2]]
    with pytest.raises(ValueError, match='nothing to score'):
        evaluate(build(track), unlabeled, meta)
    with pytest.raises(ValueError, match='are for videos'):
        evaluate(build(track, out_file='x.csv'), samples[:2], meta)
    windows = window_samples(track)
    windows[1]['pred_score'][2] = float('nan')
    metric = build(track)
    metric.dataset_meta = video_meta(track)
    with pytest.raises(ValueError, match='video a, frame .*nan'):
        metric.process(None, windows)


# -------------------------------------------------------------------- videos


def assembled(track, samples, meta):
    """Whole videos, put together without the metric."""
    windows = [dict(s, scores=s['pred_score'].numpy()) for s in samples]
    if track == 'VA':
        windows = [dict(w, scores=w['scores'].clip(-1, 1)) for w in windows]
    return VideoPredictions.from_windows(
        windows, meta['videos'], meta['classes'], no_face_score=0.0
    )


@pytest.mark.parametrize('track', TRACKS)
def test_all_frames_and_those_with_a_face(track, caplog):
    samples, meta = window_samples(track), video_meta(track)
    scores = evaluate(build(track), samples, meta)
    videos = list(assembled(track, samples, meta))
    truth = np.concatenate([v.labels for v in videos])
    predicted = np.concatenate([v.scores for v in videos])
    face = np.concatenate([v.has_face for v in videos])
    expected = reference(track, truth, predicted)
    with_face = reference(track, truth[face], predicted[face])
    expected.update({f'{k}_with_face': v for k, v in with_face.items()})
    assert scores == pytest.approx(expected, rel=1e-5)
    assert 0.2 < face.mean() < 0.8
    assert with_face[SCORE[track]] != expected[SCORE[track]]
    # what a video without any face gets: neutral, no unit active
    assert not videos[-1].scores.any()


@pytest.mark.parametrize('track', TRACKS)
def test_out_file(track, tmp_path):
    samples, meta = window_samples(track), video_meta(track)
    path = str(tmp_path / 'predictions.csv')
    metric = build(
        track,
        out_file=path,
        post_process=dict(type='ProbabilitySmoothing', window=5),
        prefix='smoothed',
    )
    scores = evaluate(metric, samples, meta)
    expected = assembled(track, samples, meta).apply(ProbabilitySmoothing(5))
    written = VideoPredictions.from_csv(path)
    assert written.classes == meta['classes']
    for video in expected:
        found = written[video.name]
        np.testing.assert_array_equal(found.scores, video.scores)
        np.testing.assert_array_equal(found.labels, video.labels)
        np.testing.assert_array_equal(found.has_face, video.has_face)
    again = reference(
        track,
        np.concatenate([v.labels for v in written]),
        np.concatenate([v.scores for v in written]),
    )
    found = scores[f'smoothed/{SCORE[track]}']
    assert found == pytest.approx(again[SCORE[track]], rel=1e-5)


@pytest.mark.parametrize('track', TRACKS)
def test_test_set_is_written_but_not_scored(track, tmp_path):
    meta = video_meta(track)
    ignored = -5.0 if track == 'VA' else -1
    for labels in meta['videos'].values():
        labels[:] = ignored
    with pytest.raises(ValueError, match='nothing to score'):
        evaluate(build(track), window_samples(track), meta)
    path = str(tmp_path / 'predictions.csv')
    metric = build(track, out_file=path)
    assert evaluate(metric, window_samples(track), meta) == {}
    written = VideoPredictions.from_csv(path)
    assert (written['a'].labels == ignored).all()


def test_expressions_are_logged_the_same_way(monkeypatch):
    lines = []
    monkeypatch.setattr(
        'fer_ssl.evaluation.metrics.frame_prediction_metric.print_log',
        lambda message, **_: lines.append(message),
    )
    labels = np.array([0, -1, 1, 1])
    samples = [
        dict(video='a', start=i, pred_score=torch.eye(2)[i % 2])
        for i in (0, 1, 2)
    ]
    meta = dict(classes=('neutral', 'anger'), videos=dict(a=labels))
    evaluate(MacroF1Metric(), samples, meta)
    assert lines == ['Scored 3 labeled frames, 2 of them with a face.']


# ----------------------------------------------------------------------- CSV


def test_one_form_in_one_file(tmp_path):
    scores = np.zeros((2, 2))
    mixed = VideoPredictions(
        [
            VideoPrediction('a', scores, labels=scores),
            VideoPrediction('b', scores),
        ],
        ('valence', 'arousal'),
    )
    with pytest.raises(ValueError, match='cannot be in one'):
        mixed.to_csv(str(tmp_path / 'p.csv'))
    with pytest.raises(ValueError, match=r'labels must be \(2, 2\), got'):
        VideoPrediction('a', scores, labels=np.zeros((2, 3)))


GOOD = [
    'video,frame,face,truth_v,truth_a,v,a',
    'a,1,1,0.3,-1,0.25,0.5',
    'a,2,0,-5,-5,-0.25,1',
    '"b, c",1,1,0,0,0,0',
]


@pytest.mark.parametrize('good', [GOOD, GOOD[:3]], ids=['quotes', 'plain'])
@pytest.mark.parametrize(
    ('line', 'text', 'problem'),
    [
        (1, 'video,frame,face,truth_v,v,a', 'the header must be'),
        (1, 'video,frame,face,truth_a,truth_v,v,a', 'the header must be'),
        (1, 'video,frame,face,v,a', 'the header must be'),
        (2, 'a,1,1,0.3,-1,0.25', '6 cells, but the header has 7'),
        (3, 'a,3,0,-5,-5,-0.25,1', "frame is '3' where 2 is expected"),
        (3, 'a,2,0,-5,,-0.25,1', 'not all scores are numbers'),
        (3, 'a,2,0,-5,-5,-0.25,1e39', 'a score is not finite'),
        (3, 'a,2,0,-5,-5,-0.25,1_0', 'not all scores are numbers'),
        (3, 'a,2,0,-5,-5,-0.25,"1,0"', 'not all scores are numbers'),
        (3, 'a,2,0,-5,-5,-0.25,#1', 'not all scores are numbers'),
        (3, 'a,2,x,-5,-5,-0.25,1', "face must be 0 or 1, got 'x'"),
    ],
)
def test_malformed_targets_are_refused(tmp_path, good, line, text, problem):
    path = tmp_path / 'p.csv'
    path.write_text('\n'.join([*good, '', '']))
    assert 'a' in VideoPredictions.from_csv(str(path))
    lines = list(good)
    lines[line - 1] = text
    path.write_text('\n'.join([*lines, '', '']))
    with pytest.raises(ValueError, match=f'p.csv:{line}: .*{problem}'):
        VideoPredictions.from_csv(str(path))


# ----------------------------------------------------------------- two ranks


@pytest.mark.parametrize('track', TRACKS)
@pytest.mark.parametrize('size', [2, 9, 10])
def test_padding_of_the_sampler_is_dropped(monkeypatch, track, size):
    """Four ranks one after another; the reduction is a plain sum."""
    samples = image_samples(track, size, seed=3)
    for sample in samples:
        sample['gt_label'].clamp_(min=0)
    sums = []

    def remember(value):
        if value.ndim:
            sums.append(value.clone())
        value.fill_(1)  # the score itself does not matter here

    module = 'fer_ssl.evaluation.metrics.frame_target_metric'
    monkeypatch.setattr(f'{module}.all_reduce', remember)
    for rank in range(4):
        for place in (
            'mmengine.dataset.sampler',
            'fer_ssl.evaluation.metrics.frame_prediction_metric',
        ):
            monkeypatch.setattr(
                f'{place}.get_dist_info', lambda r=rank: (r, 4)
            )
        metric = build(track)
        metric.dataset_meta = image_meta(track)
        for i in DefaultSampler(samples, shuffle=False, seed=0):
            metric.process(None, [samples[i]])
        metric.evaluate(size)
    truth = np.stack([s['gt_label'] for s in samples])
    scores = np.stack([s['pred_score'] for s in samples])
    whole = build(track).sums(truth, build(track).bound(scores))
    np.testing.assert_allclose(sum(sums), whole)


def ranks_cases():
    for track in TRACKS:
        yield track, image_samples(track, 21), image_meta(track)
        yield track, window_samples(track)[:9], video_meta(track)


def run_rank(rank, port, folder):
    torch.distributed.init_process_group(
        'gloo',
        init_method=f'tcp://127.0.0.1:{port}',
        rank=rank,
        world_size=2,
    )
    results = []
    for track, samples, meta in ranks_cases():
        metric = build(track, collect_dir=f'{folder}/parts{len(results)}')
        metric.dataset_meta = meta
        for i in DefaultSampler(samples, shuffle=False, seed=0):
            metric.process(None, [samples[i]])
        results.append(metric.evaluate(len(samples)))
    torch.save(results, f'{folder}/{rank}.pth')
    torch.distributed.destroy_process_group()


def test_two_ranks_equal_one(tmp_path):
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    # the package under test, whether it is installed or not
    package = str(Path(fer_ssl.__file__).parents[1])
    ranks = [
        subprocess.Popen(
            [sys.executable, __file__, str(rank), str(port), str(tmp_path)],
            env={**os.environ, 'PYTHONPATH': package},
        )
        for rank in range(2)
    ]
    expected = [evaluate(build(t), s, m) for t, s, m in ranks_cases()]
    assert [process.wait(timeout=300) for process in ranks] == [0, 0]
    for rank in range(2):
        found = torch.load(tmp_path / f'{rank}.pth')
        for one, two in zip(expected, found):
            assert two == pytest.approx(one, rel=1e-9)


if __name__ == '__main__':  # one rank of test_two_ranks_equal_one
    run_rank(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
