import socket
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
import torch.distributed
from mmengine.dataset import DefaultSampler
from mmengine.evaluator import Evaluator
from mmengine.registry import METRICS
from mmengine.structures import BaseDataElement

from fer_ssl.evaluation import (
    MajoritySmoothing,
    VideoPredictions,
    confusion_matrix,
    scores_from_confusion,
)
from tests.helpers.forked_script import run_script

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


def window_samples(width=5, stride=3):
    """Windows over the videos of `video_meta`, some past the end."""
    rng = np.random.default_rng(2)
    samples = []
    for name, labels in video_meta()['videos'].items():
        if name == 'no face':
            continue
        last = max(len(labels) - width, 0)
        for start in sorted({*range(0, last, stride), last}):
            frames = np.arange(start, start + width)
            valid = (frames < len(labels)) & (frames % 4 != 3)
            scores = rng.dirichlet(np.ones(4), width)
            samples.append(
                dict(
                    video=name,
                    start=start,
                    pred_score=torch.tensor(scores),
                    valid=torch.tensor(valid),
                )
            )
    return samples


def evaluate(metric, samples, meta, batch_size=4):
    """One process, as an Evaluator does it."""
    evaluator = Evaluator(metric)
    evaluator.dataset_meta = meta
    for i in range(0, len(samples), batch_size):
        evaluator.process(samples[i : i + batch_size])
    return evaluator.evaluate(len(samples))


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
    ]
    scores = evaluate(metrics, samples, image_meta())
    assert set(scores) >= {'student/macro_f1', 'teacher/macro_f1'}
    assert scores['student/macro_f1'] != scores['teacher/macro_f1']


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

    for rank in range(4):
        for module in (
            'mmengine.dataset.sampler',
            'fer_ssl.evaluation.metrics.frame_prediction_metric',
        ):
            monkeypatch.setattr(
                f'{module}.get_dist_info', lambda r=rank: (r, 4)
            )
        monkeypatch.setattr(
            'fer_ssl.evaluation.metrics.macro_f1_metric.all_reduce', remember
        )
        metric = build()
        metric.dataset_meta = image_meta()
        for i in DefaultSampler(samples, shuffle=False, seed=0):
            metric.process(None, [samples[i]])
        metric.evaluate(size)
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
    with pytest.raises(ValueError, match='are for videos'):
        evaluate(build(out_file='x.csv'), image_samples(2), image_meta())


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


def run_rank(rank, port, folder):
    torch.distributed.init_process_group(
        'gloo',
        init_method=f'tcp://127.0.0.1:{port}',
        rank=rank,
        world_size=2,
    )
    results = []
    for samples, meta in (
        (image_samples(21), image_meta()),
        (window_samples()[:7], video_meta()),
    ):
        metric = build(collect_dir=f'{folder}/parts{len(results)}')
        metric.dataset_meta = meta
        metric.keeps_scored = True
        for i in DefaultSampler(samples, shuffle=False, seed=0):
            metric.process(None, [samples[i]])
        results.append(metric.evaluate(len(samples)))
        if not results[1:]:  # the images
            results[0]['scored'] = metric.scored
    torch.save(results, f'{folder}/{rank}.pth')
    torch.distributed.destroy_process_group()


def test_two_ranks_equal_one(tmp_path):
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    pool = ThreadPoolExecutor(2)
    ranks = [
        pool.submit(run_script, __file__, rank, port, tmp_path)
        for rank in range(2)
    ]
    expected = [
        evaluate(build(), image_samples(21), image_meta()),
        evaluate(build(), window_samples()[:7], video_meta()),
    ]
    assert [rank.result().returncode for rank in ranks] == [0, 0]
    pool.shutdown()
    # what was scored is on the first rank, in the order of the data set
    in_order = [
        (int(sample['gt_label']), int(sample['pred_score'].argmax()))
        for sample in image_samples(21)
    ]
    for rank, scored in enumerate((in_order, None)):
        found = torch.load(tmp_path / f'{rank}.pth')
        assert found[0].pop('scored') == scored
        assert found == expected


if __name__ == '__main__':  # one rank of test_two_ranks_equal_one
    run_rank(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
