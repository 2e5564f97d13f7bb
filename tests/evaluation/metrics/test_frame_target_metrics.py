"""ValenceArousalMetric and ActionUnitMetric against plain references."""

import numpy as np
import pytest
import torch
from mmengine.registry import METRICS

from fer_ssl.evaluation import (
    ImagePredictions,
    MacroF1Metric,
    ProbabilitySmoothing,
    VideoPredictions,
)
from fer_ssl.labels import ABAW_TRACKS
from tests.helpers.metrics import (
    act_as_rank,
    evaluate,
    evaluate_on_ranks,
    evaluate_part,
    windows_over,
)
from tests.helpers.reference_scores import reference_ccc, reference_f1

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
    """Scores that correlate with the truth, some outside of [-1, 1]."""
    noise = rng.normal(0, 0.5, truth.shape)
    if truth.shape[1] == 2:
        return np.float32(truth.clip(-1) + noise)
    return np.float32(1 / (1 + np.exp(1 - 2 * truth.clip(0) - 3 * noise)))


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


def window_samples(track):
    rng = np.random.default_rng(2)
    return windows_over(
        video_meta(track)['videos'], lambda truth: random_scores(truth, rng)
    )


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
    smoothing = dict(type='ProbabilitySmoothing', window=3)
    with pytest.raises(ValueError, match='post_process is for videos'):
        evaluate(build(track, post_process=smoothing), samples[:2], meta)
    windows = window_samples(track)
    windows[1]['pred_score'][2] = float('nan')
    metric = build(track)
    metric.dataset_meta = video_meta(track)
    with pytest.raises(ValueError, match='video a, frame .*nan'):
        metric.process(None, windows)


@pytest.mark.parametrize('track', TRACKS)
def test_images_are_written(track, tmp_path):
    samples, meta = image_samples(track), image_meta(track)
    path = str(tmp_path / 'p.csv')
    evaluate(build(track, out_file=path), samples, meta)
    written = ImagePredictions.from_csv(path)
    assert written.images == [s['img_path'] for s in samples]
    truth = np.stack([s['gt_label'] for s in samples])
    np.testing.assert_array_equal(written.labels, truth.astype(np.float32))
    scores = np.stack([s['pred_score'] for s in samples])
    if track == 'VA':
        scores = scores.clip(-1, 1)
    np.testing.assert_array_equal(written.scores, scores.astype(np.float32))
    ignored = torch.full((len(meta['classes']),), -5 if track == 'VA' else -1)
    unlabeled = [dict(s, gt_label=ignored) for s in samples[:2]]
    assert evaluate(build(track, out_file=path), unlabeled, meta) == {}
    assert len(ImagePredictions.from_csv(path).images) == 2


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
        act_as_rank(monkeypatch, rank, 4)
        evaluate_part(build(track), samples, image_meta(track))
    truth = np.stack([s['gt_label'] for s in samples])
    scores = np.stack([s['pred_score'] for s in samples])
    whole = build(track).sums(truth, build(track).bound(scores))
    np.testing.assert_allclose(sum(sums), whole)


def test_two_ranks_equal_one(tmp_path):
    cases = []
    for track in TRACKS:
        config = dict(type=TYPES[track])
        images = image_samples(track, 21), image_meta(track)
        videos = window_samples(track)[:9], video_meta(track)
        cases += [(config, *images), (config, *videos)]
    expected = [
        evaluate(METRICS.build(config), samples, meta)
        for config, samples, meta in cases
    ]
    for results in evaluate_on_ranks(cases, tmp_path):
        for one, (two, _) in zip(expected, results):
            assert two == pytest.approx(one, rel=1e-9)
