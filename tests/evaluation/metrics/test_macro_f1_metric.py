import numpy as np
import pytest
import torch
from mmengine.registry import METRICS
from mmengine.structures import BaseDataElement

from fer_ssl.evaluation import (
    ImagePredictions,
    MajoritySmoothing,
    VideoPredictions,
    confusion_matrix,
    scores_from_confusion,
)
from tests.helpers.metrics import (
    act_as_rank,
    evaluate,
    evaluate_on_ranks,
    evaluate_part,
    windows_over,
)

CLASSES = ('neutral', 'anger', 'disgust', 'fear')


def build(**kwargs):
    return METRICS.build(dict(type='MacroF1Metric', **kwargs))


def image_samples(size, seed=0):
    rng = np.random.default_rng(seed)
    return [
        dict(
            pred_score=torch.tensor(rng.dirichlet(np.ones(4))).float(),
            gt_label=torch.tensor([int(rng.integers(-1, 4))]),
            img_path=f'{i}.jpg',
        )
        for i in range(size)
    ]


def image_meta():
    return dict(classes=CLASSES)


def video_meta():
    rng = np.random.default_rng(1)
    lengths = {'a': 11, 'b': 3, 'c': 20, 'no face': 4}
    videos = {n: rng.integers(-1, 4, size) for n, size in lengths.items()}
    return dict(classes=CLASSES, videos=videos)


def window_samples():
    rng = np.random.default_rng(2)
    return windows_over(
        video_meta()['videos'],
        lambda labels: rng.dirichlet(np.ones(4), len(labels)),
    )


# ------------------------------------------------------------------ images


def test_images():
    samples = image_samples(200)
    scores = evaluate(build(), samples, image_meta())
    truth = np.array([int(s['gt_label']) for s in samples])
    predicted = np.array([int(s['pred_score'].argmax()) for s in samples])
    expected = scores_from_confusion(
        confusion_matrix(truth, predicted, 4), CLASSES
    )
    assert scores == pytest.approx(expected)
    assert list(scores)[:4] == ['macro_f1', 'uar', 'accuracy', 'f1_neutral']


def test_teacher_and_student_side_by_side():
    samples = []
    for sample in image_samples(50):
        path = dict(img_path=sample.pop('img_path'))
        element = BaseDataElement(metainfo=path, **sample)
        element.teacher_pred_score = sample['pred_score'].flip(0)
        samples.append(element)
    metrics = [
        build(prefix='student'),
        build(prefix='teacher', network='teacher'),
        build(prefix='both', network=['student', 'teacher']),
    ]
    scores = evaluate(metrics, samples, image_meta())
    assert set(scores) >= {'student/macro_f1', 'teacher/macro_f1'}
    assert scores['student/macro_f1'] != scores['teacher/macro_f1']
    for sample in samples:
        sample.pred_score = (sample.pred_score + sample.teacher_pred_score) / 2
    (mean,) = metrics[:1]
    expected = evaluate(mean, samples, image_meta())['student/macro_f1']
    assert scores['both/macro_f1'] == expected


def test_metric_can_be_used_again():
    metric, samples = build(), image_samples(30)
    first = evaluate(metric, samples, image_meta())
    assert evaluate(metric, samples, image_meta()) == first


@pytest.mark.parametrize('size', [1, 2, 9, 10])
def test_padding_of_the_sampler_is_dropped(monkeypatch, size):
    """Four ranks one after another; the reduction is a plain sum."""
    samples = image_samples(size, seed=3)
    for sample in samples:
        sample['gt_label'].clamp_(min=0)
    confusions = []

    def remember(confusion):
        confusions.append(confusion.clone())
        confusion.fill_(1)  # the score itself does not matter here

    monkeypatch.setattr(
        'fer_ssl.evaluation.metrics.macro_f1_metric.all_reduce', remember
    )
    for rank in range(4):
        act_as_rank(monkeypatch, rank, 4)
        evaluate_part(build(), samples, image_meta())
    truth = np.array([int(s['gt_label']) for s in samples])
    predicted = np.array([int(s['pred_score'].argmax()) for s in samples])
    np.testing.assert_array_equal(
        sum(confusions), confusion_matrix(truth, predicted, 4)
    )


def test_image_errors():
    metric = build()
    metric.dataset_meta = image_meta()
    samples = image_samples(3)
    samples[2]['pred_score'][1] = float('nan')
    with pytest.raises(ValueError, match='sample 2 \\(2.jpg\\): .*nan'):
        metric.process(None, samples)
    with pytest.raises(ValueError, match='gives 3 scores, .* has 4 classes'):
        metric.process(None, [dict(pred_score=torch.ones(3))])
    with pytest.raises(KeyError, match='no teacher_pred_score, only'):
        build(network='teacher').process(None, samples[:1])
    with pytest.raises(ValueError, match='a window of 5 frames'):
        metric.process(None, window_samples()[:1])
    unlabeled = [dict(s, gt_label=torch.tensor([-1])) for s in samples[:2]]
    with pytest.raises(ValueError, match='nothing to score'):
        evaluate(build(), unlabeled, image_meta())
    smoothed = build(post_process=dict(type='MajoritySmoothing', window=3))
    with pytest.raises(ValueError, match='post_process is for videos'):
        evaluate(smoothed, image_samples(2), image_meta())


def test_images_are_written_in_order(tmp_path):
    samples, path = image_samples(30), str(tmp_path / 'new folder' / 'p.csv')
    del samples[3]['img_path']
    metric = build(out_file=path, prefix='student')
    scores = evaluate(metric, samples, image_meta())
    written = ImagePredictions.from_csv(path)
    paths = [f'{i}.jpg' for i in range(30)]
    paths[3] = ''
    assert written.images == paths and written.classes == CLASSES
    np.testing.assert_array_equal(
        written.scores, torch.stack([s['pred_score'] for s in samples])
    )
    truth = [int(s['gt_label']) for s in samples]
    assert written.labels.tolist() == truth and -1 in truth
    again = scores_from_confusion(
        confusion_matrix(written.labels, written.predicted, 4), CLASSES
    )
    assert scores == {f'student/{name}': x for name, x in again.items()}
    # The next evaluation, of another size, replaces the file.
    evaluate(metric, samples[:8], image_meta())
    assert ImagePredictions.from_csv(path).images == paths[:8]


def test_unlabeled_images_are_written_but_not_scored(tmp_path):
    path = str(tmp_path / 'p.csv')
    samples = [dict(s, gt_label=torch.tensor([-1])) for s in image_samples(5)]
    assert evaluate(build(out_file=path), samples, image_meta()) == {}
    assert (ImagePredictions.from_csv(path).labels == -1).all()


# ------------------------------------------------------------------ videos


def windows_of(samples):
    return [dict(s, scores=s['pred_score'].numpy()) for s in samples]


def test_windows():
    samples, meta = window_samples(), video_meta()
    scores = evaluate(build(), samples, meta)
    predictions = VideoPredictions.from_windows(
        windows_of(samples), meta['videos'], CLASSES
    )
    confusion = predictions.confusion_matrix()
    labels = np.concatenate(list(meta['videos'].values()))
    assert confusion.sum() == (labels >= 0).sum()  # with or without a face
    for name, value in scores_from_confusion(confusion, CLASSES).items():
        assert scores[name] == pytest.approx(value)
    assert 'macro_f1_with_face' in scores
    assert scores['macro_f1_with_face'] != scores['macro_f1']


def test_single_frames_are_windows_of_one():
    meta = video_meta()
    rng = np.random.default_rng(0)
    frames, windows = [], []
    for name, labels in meta['videos'].items():
        block = torch.tensor(rng.dirichlet(np.ones(4), len(labels)))
        windows.append(dict(video=name, start=0, pred_score=block))
        frames += [
            dict(video=name, start=t, pred_score=row)
            for t, row in enumerate(block)
        ]
    assert evaluate(build(), frames, meta) == evaluate(build(), windows, meta)


def test_post_process_and_out_file(tmp_path):
    samples, meta = window_samples(), video_meta()
    metric = build(
        post_process=dict(type='MajoritySmoothing', window=7),
        out_file=str(tmp_path / 'predictions.csv'),
        prefix='smoothed',
    )
    scores = evaluate(metric, samples, meta)
    written = VideoPredictions.from_csv(tmp_path / 'predictions.csv')
    expected = VideoPredictions.from_windows(
        windows_of(samples), meta['videos'], CLASSES
    ).apply(MajoritySmoothing(7))
    for video in expected:
        np.testing.assert_array_equal(written[video.name].scores, video.scores)
    # what is in the file gives the reported score, to the last digit
    again = scores_from_confusion(written.confusion_matrix(), CLASSES)
    assert scores['smoothed/macro_f1'] == again['macro_f1']


def test_nan_names_video_and_frame():
    samples = window_samples()
    samples[0]['pred_score'][3] = float('nan')  # not valid: does not matter
    samples[1]['pred_score'][2] = float('nan')
    metric = build()
    metric.dataset_meta = video_meta()
    frame = samples[1]['start'] + 3  # from 1 on
    with pytest.raises(ValueError, match=f'video a, frame {frame}: .*nan'):
        metric.process(None, samples)


def test_unlabeled_videos_are_written_but_not_scored(tmp_path):
    meta = video_meta()
    meta['videos'] = {
        n: np.full(len(v), -1) for n, v in meta['videos'].items()
    }
    with pytest.raises(ValueError, match='nothing to score'):
        evaluate(build(), window_samples(), meta)
    out_file = tmp_path / 'predictions.csv'
    metric = build(out_file=str(out_file))
    assert evaluate(metric, window_samples(), meta) == {}
    assert len(VideoPredictions.from_csv(out_file)) == len(meta['videos'])


# --------------------------------------------------------------- two ranks


def test_two_ranks_equal_one(tmp_path):
    cases = [
        (image_samples(21), image_meta()),
        (window_samples()[:7], video_meta()),
    ]
    expected = [evaluate(build(), *case) for case in cases]
    whole = build()
    whole.keeps_scored = True
    evaluate(whole, *cases[1])
    config, path = dict(type='MacroF1Metric'), str(tmp_path / 'p.csv')
    configs = [dict(config, out_file=path), config]
    found = evaluate_on_ranks(
        [(config, *case) for config, case in zip(configs, cases)], tmp_path
    )
    # What was scored is on the first rank, in the order of the data set.
    in_order = [
        (int(sample['gt_label']), int(sample['pred_score'].argmax()))
        for sample in image_samples(21)
    ]
    for results in found:
        assert [scores for scores, _ in results] == expected
    (_, images), (_, videos) = found[0]
    assert [scored for _, scored in found[1]] == [None, None]
    assert list(map(tuple, images)) == in_order
    for video, one in zip(videos, whole.scored):
        np.testing.assert_array_equal(video.scores, one.scores)
        np.testing.assert_array_equal(video.has_face, one.has_face)
    written = ImagePredictions.from_csv(path)
    assert written.images == [f'{i}.jpg' for i in range(21)]
    assert list(zip(written.labels, written.predicted)) == in_order


def test_network_with_more_classes_than_the_data_set():
    names = ('fear', 'contempt', 'neutral', 'anger', 'disgust')
    samples = image_samples(40)
    wide = []
    for sample in samples:
        scores = np.zeros(5)
        scores[[2, 3, 4, 0]] = sample['pred_score'] * 0.4
        scores[1] = 0.6  # larger than all others
        wide.append(dict(sample, pred_score=torch.tensor(scores)))
    meta = dict(classes=CLASSES)
    expected = evaluate(build(), samples, meta)
    assert evaluate(build(network_classes=names), wide, meta) == expected
    with pytest.raises(ValueError, match='does not fit: the network gives 5'):
        evaluate(build(network_classes=names[:4]), wide, meta)
    with pytest.raises(ValueError, match='classes of the data set are'):
        evaluate(build(network_classes=('a', *names[1:])), wide, meta)
    # A calibration is that of the network, so it comes before the choice.
    metric = build(network_classes=names)
    metric.calibration = lambda probs: probs[:, ::-1]
    reverse = [dict(x, pred_score=x['pred_score'].flip(0)) for x in wide]
    assert evaluate(metric, reverse, meta) == expected
