"""Post-processors against values computed by hand and plain references."""

from itertools import product

import numpy as np
import pytest
from mmengine.registry import METRICS, TASK_UTILS
from scipy.special import softmax

from fer_ssl.evaluation import (
    ActionUnitThresholds,
    Blend,
    ClassCalibration,
    ConfidenceGate,
    GaussianSmoothing,
    MedianSmoothing,
    PostProcessingSteps,
    VideoPrediction,
    VideoPredictions,
    ViterbiSmoothing,
)

CLASSES = ('a', 'b', 'c')


def random_scores(num_frames, seed=0, num_classes=3):
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.ones(num_classes), num_frames)


def predictions_of(names, seed=0, labeled=True, frames=80):
    """Videos with noisy scores, of which class b is predicted too rarely."""
    rng = np.random.default_rng(seed)
    videos = []
    for name in names:
        labels = np.repeat(rng.integers(0, 3, frames // 20), 20)
        logits = rng.normal(0, 1.5, (frames, 3))
        logits[np.arange(frames), labels] += 2
        logits[:, 1] -= 3
        videos.append(
            VideoPrediction(
                name, softmax(logits, axis=1), labels if labeled else None
            )
        )
    return VideoPredictions(videos, CLASSES)


# ------------------------------------------------------------------- filters
def test_gaussian_weights_by_hand():
    weights = np.exp([0, -0.5, -2.0, -4.5])  # sigma 1, frames 0 to 3 away
    scores = np.eye(4)[:, :2]
    expected = [
        weights[0] / weights.sum(),  # of frame 0 on itself
        weights[1] / (weights[:3].sum() + weights[1]),  # on frame 1
    ]
    smoothed = GaussianSmoothing(1)(scores)
    np.testing.assert_allclose(smoothed[:2, 0], expected)
    np.testing.assert_allclose(GaussianSmoothing(50)(np.ones((7, 2))), 1)
    np.testing.assert_array_equal(GaussianSmoothing(0)(scores), scores)


@pytest.mark.parametrize('num_frames', [1, 4, 40])
@pytest.mark.parametrize('window', [1, 3, 9])
def test_median_equals_naive_reference(num_frames, window):
    scores = random_scores(num_frames)
    padded = np.pad(scores, ((window // 2, window // 2), (0, 0)), mode='edge')
    expected = [
        np.median(padded[t : t + window], axis=0) for t in range(num_frames)
    ]
    np.testing.assert_array_equal(MedianSmoothing(window)(scores), expected)


def best_sequence(scores, switch_cost):
    """Score of the best of all sequences, by trying them all."""
    logs = np.log(scores)

    def score(sequence):
        switches = sum(a != b for a, b in zip(sequence, sequence[1:]))
        fit = sum(logs[t, c] for t, c in enumerate(sequence))
        return fit - switch_cost * switches

    return max(map(score, product(range(3), repeat=len(scores)))), score


@pytest.mark.parametrize('seed', range(5))
@pytest.mark.parametrize('switch_cost', [0.5, 1.5, 4.0])
def test_viterbi_finds_the_best_of_all_sequences(seed, switch_cost):
    scores = random_scores(7, seed)
    best, score = best_sequence(scores, switch_cost)
    found = ViterbiSmoothing(switch_cost)(scores)
    assert score(found.argmax(axis=1)) == pytest.approx(best)
    np.testing.assert_array_equal(np.sort(found, axis=1)[:, :-1], 0)
    np.testing.assert_array_equal(found.sum(axis=1), 1)


def test_viterbi_by_hand():
    # log 0.9 - log 0.1 = 2.197 would be gained by each of two switches.
    scores = np.array([[0.9, 0.1], [0.1, 0.9], [0.9, 0.1]])
    assert ViterbiSmoothing(1.09)(scores).argmax(axis=1).tolist() == [0, 1, 0]
    assert ViterbiSmoothing(1.11)(scores).argmax(axis=1).tolist() == [0, 0, 0]
    certain = np.eye(2)[[0, 0, 1]]  # probabilities of 0 are not infinite
    assert ViterbiSmoothing()(certain).argmax(axis=1).tolist() == [0, 0, 1]
    assert ViterbiSmoothing()(np.ones((1, 2))).tolist() == [[1, 0]]


# ---------------------------------------------------------------------- gate
def test_uncertain_frames_take_their_neighbors():
    scores = np.array(
        [
            [0.4, 0.3, 0.3],
            [0.6, 0.3, 0.1],
            [0.2, 0.3, 0.5],
            [0.1, 0.5, 0.4],
            [0.0, 0.0, 1.0],
        ]
    )
    expected = scores.copy()
    expected[0] = scores[1]
    expected[2] = (2 * scores[1] + scores[4]) / 3
    expected[3] = (scores[1] + 2 * scores[4]) / 3
    np.testing.assert_allclose(ConfidenceGate(0.6)(scores), expected)
    np.testing.assert_array_equal(ConfidenceGate(0)(scores), scores)
    np.testing.assert_array_equal(ConfidenceGate(1)(scores[:4]), scores[:4])


# --------------------------------------------------------------- calibration
def test_calibration_by_hand():
    scores = np.array([[0.2, 0.8]])
    step = ClassCalibration(temperature=2.0, bias=[np.log(3.0), 0.0])
    weights = np.array([3 * np.sqrt(0.2), np.sqrt(0.8)])
    np.testing.assert_allclose(step(scores), [weights / weights.sum()])
    np.testing.assert_allclose(ClassCalibration()(scores), scores)


def test_adjustment_removes_the_frequencies_of_the_labels():
    videos = predictions_of('xyz', frames=400)
    none, full = ClassCalibration(adjustment=0), ClassCalibration()
    for step in (none, full):
        step.fit(videos)
    labels = np.concatenate([video.labels for video in videos])
    frequencies = np.log(np.bincount(labels) / len(labels))
    expected = np.array(none.bias) - frequencies
    np.testing.assert_allclose(full.bias, expected - expected.mean())
    assert full.temperature == none.temperature
    # Class b is predicted too rarely, so that its bias is the largest one.
    assert int(np.argmax(full.bias)) == 1


def test_frames_without_label_do_not_matter():
    videos = predictions_of('xy')
    more = predictions_of('xyz')
    more['z'].labels[:] = -1
    steps = ClassCalibration(), ClassCalibration()
    for step, predictions in zip(steps, (videos, more)):
        step.fit(predictions)
    assert steps[0].bias == steps[1].bias


# ------------------------------------------------------------------ AU units
def test_thresholds_become_one_half():
    scores = random_scores(200, num_classes=2).astype(np.float32)
    step = ActionUnitThresholds([0.2, 0.7])
    shifted = step(scores)
    np.testing.assert_array_equal(shifted > 0.5, scores > [0.2, 0.7])
    # 0.5 has the odds 1, which become 1 / (0.2 / 0.8) = 4.
    np.testing.assert_allclose(step(np.full((1, 2), 0.5))[0, 0], 0.8)
    np.testing.assert_array_equal(ActionUnitThresholds()(scores), scores)


def test_fitted_thresholds_have_the_best_f1():
    rng = np.random.default_rng(0)
    truth = (rng.random((60, 2)) < 0.3).astype(float)
    scores = 0.3 * truth + 0.5 * rng.random((60, 2))
    video = VideoPrediction('x', scores, truth)
    step = ActionUnitThresholds()
    step.fit(VideoPredictions([video], ('AU1', 'AU2')))
    metric = METRICS.build(dict(type='ActionUnitMetric'))
    videos = VideoPredictions([video], ('AU1', 'AU2'))
    best = max(
        METRICS.build(dict(type='ActionUnitMetric', threshold=t)).score(
            videos
        )['f1_AU1']
        for t in np.linspace(0, 1, 301)
    )
    found = metric.score(videos.apply(step))['f1_AU1']
    assert found >= best - 1e-9


# --------------------------------------------------------------------- blend
def test_blend_by_hand(tmp_path):
    own, first, second = (predictions_of('xy', seed) for seed in range(3))
    VideoPredictions([first['x']], CLASSES).to_csv(str(tmp_path / 'x.csv'))
    VideoPredictions([first['y']], CLASSES).to_csv(str(tmp_path / 'y.csv'))
    second.to_csv(str(tmp_path / 'second.csv'))
    models = [
        [str(tmp_path / 'x.csv'), str(tmp_path / 'y.csv')],
        [str(tmp_path / 'second.csv')],
    ]
    mean = own.apply(Blend(models, [2, 1, 1]))
    for name in 'xy':
        a, b, c = (p[name].scores for p in (own, first, second))
        expected = a / 2 + b / 4 + c / 4
        np.testing.assert_allclose(mean[name].scores, expected, rtol=1e-6)
        np.testing.assert_array_equal(mean[name].labels, own[name].labels)
    with pytest.raises(ValueError, match=r'second\.csv: video z is missing'):
        predictions_of('xz').apply(Blend(models[1:]))
    with pytest.raises(ValueError, match='not for new videos'):
        Blend(models)(np.ones((2, 3)))


# --------------------------------------------------------------------- chain
STEPS = dict(
    calibration=dict(
        type='ClassCalibration', search=dict(adjustment=[0.0, 0.5, 1.0])
    ),
    gate=None,
    smoothing=dict(type='GaussianSmoothing', search=dict(sigma=[0, 3, 60])),
)


def build_metric(**post_process):
    steps = dict(type='PostProcessingSteps', **post_process)
    return METRICS.build(dict(type='MacroF1Metric', post_process=steps))


def test_steps_are_fitted_one_after_another(tmp_path):
    fitted_to, scored = predictions_of('xyz'), predictions_of('pq', 1)
    file = str(tmp_path / 'fold.csv')
    fitted_to.to_csv(file)
    metric = build_metric(steps=STEPS, fit_files=[file])
    scores = metric.score(scored)

    def macro_f1(predictions):
        plain = METRICS.build(dict(type='MacroF1Metric'))
        return plain.score(predictions)['macro_f1']

    # The same by hand.
    chosen = []
    for adjustment in (0.0, 0.5, 1.0):
        step = ClassCalibration(adjustment=adjustment)
        step.fit(fitted_to)
        chosen.append((macro_f1(fitted_to.apply(step)), -adjustment, step))
    calibration = max(chosen, key=lambda x: x[:2])[2]
    calibrated = fitted_to.apply(calibration)
    found = {
        s: macro_f1(calibrated.apply(GaussianSmoothing(s))) for s in (0, 3, 60)
    }
    sigma = max(found, key=found.get)
    first = scored.apply(calibration)
    last = first.apply(GaussianSmoothing(sigma))
    assert scores['macro_f1_raw'] == macro_f1(scored)
    assert scores['macro_f1_after_calibration'] == macro_f1(first)
    assert scores['macro_f1_after_smoothing'] == macro_f1(last)
    assert scores['macro_f1'] == macro_f1(last)
    assert list(metric.stages) == ['raw', 'calibration', 'smoothing']
    # What the log says can be written into a config.
    text = repr(metric.post_process)
    assert f'smoothing=GaussianSmoothing(sigma={sigma})' in text
    assert 'bias=None' not in text and 'gate' not in text


def test_steps_without_files_are_applied_as_given():
    steps = dict(
        gate=dict(type='ConfidenceGate', threshold=0.6),
        vote=dict(type='MajoritySmoothing', window=5),
    )
    config = dict(type='PostProcessingSteps', steps=steps)
    scores = random_scores(50).astype(np.float32)
    expected = TASK_UTILS.build(steps['vote'])(ConfidenceGate(0.6)(scores))
    found = TASK_UTILS.build(config)(scores)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    none = PostProcessingSteps(dict(gate=None))
    np.testing.assert_array_equal(none(scores), scores)


def test_never_fitted_to_the_videos_that_are_scored(tmp_path):
    file = str(tmp_path / 'fold.csv')
    predictions_of('xy').to_csv(file)
    metric = build_metric(steps=STEPS, fit_files=[file])
    with pytest.raises(ValueError, match='video y is scored, but .*fold.csv'):
        metric.score(predictions_of('yz'))


def test_what_cannot_be_fitted(tmp_path):
    with pytest.raises(ValueError, match='step calibration: search needs fit'):
        PostProcessingSteps(STEPS)
    file = str(tmp_path / 'fold.csv')
    predictions_of('xy', labeled=False).to_csv(file)
    with pytest.raises(ValueError, match=r'fold\.csv: .* no ground truth'):
        build_metric(steps=STEPS, fit_files=[file]).score(predictions_of('z'))
    predictions_of('xy').to_csv(file)
    twice = build_metric(steps=STEPS, fit_files=[file, file])
    with pytest.raises(ValueError, match=r'fold\.csv: video x is also in ano'):
        twice.score(predictions_of('z'))
    unfitted = PostProcessingSteps(STEPS, [file])
    with pytest.raises(ValueError, match='only a metric can'):
        unfitted(np.ones((2, 3)))


@pytest.mark.parametrize(
    'build, message',
    [
        (lambda: GaussianSmoothing(-1), 'sigma must be at least 0'),
        (lambda: ViterbiSmoothing(-1), 'switch_cost must be at least 0'),
        (lambda: ConfidenceGate(1.5), 'threshold must be a probability'),
        (lambda: MedianSmoothing(0), 'window must be a number of frames'),
        (lambda: ActionUnitThresholds([0.5, 1]), 'between 0 and 1'),
        (lambda: Blend([['x.csv']], [1]), '1 weights for this model and 1'),
        (lambda: Blend([['x.csv']], [1, -1]), 'weights must be 0 or more'),
    ],
)
def test_wrong_arguments(build, message):
    with pytest.raises(ValueError, match=message):
        build()
