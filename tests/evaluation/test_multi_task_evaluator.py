"""The score P of the multi-task challenge, from predictions to the sum."""

import numpy as np
import pytest
import torch
from mmengine.registry import EVALUATOR, METRICS
from sklearn.metrics import f1_score

from fer_ssl.datasets.videos.abaw_annotation import ignored_labels
from fer_ssl.labels import ABAW_TRACKS
from tests.datasets.videos.aff_wild2_files import random_labels
from tests.helpers.reference_scores import reference_ccc, reference_f1

TYPES = dict(
    VA='ValenceArousalMetric', EXPR='MacroF1Metric', AU='ActionUnitMetric'
)


def evaluator(tasks=TYPES, **kwargs):
    metrics = [dict(type=TYPES[x], task=x, **kwargs) for x in tasks]
    return EVALUATOR.build(dict(type='MultiTaskEvaluator', metrics=metrics))


def evaluate(evaluator, samples, meta):
    evaluator.dataset_meta = meta
    evaluator.process(samples)
    return evaluator.evaluate(len(samples))


@pytest.fixture
def predicted():
    """Predictions for sparse frames of two videos, and the truth."""
    rng = np.random.default_rng(0)
    videos, faces, samples = {}, {}, []
    for name, frames in dict(a=[2, 5, 6, 90], b=[*range(1, 60, 4)]).items():
        labels = ignored_labels(tuple(TYPES), max(frames))
        known = random_labels(len(frames), rng)
        has_face = np.zeros(max(frames), bool)
        for i, frame in enumerate(frames):
            for task in TYPES:
                labels[task][frame - 1] = known[task][i]
            has_face[frame - 1] = True
            sample = dict(video=name, start=frame - 1)
            sample['VA_pred_score'] = torch.tensor(rng.normal(0, 0.5, 2))
            sample['EXPR_pred_score'] = torch.tensor(rng.dirichlet([1] * 8))
            sample['AU_pred_score'] = torch.tensor(rng.random(12))
            samples.append(sample)
        # A listed frame without an image is predicted by its neighbors.
        has_face[frames[1] - 1] = False
        del samples[-len(frames) + 1]
        videos[name], faces[name] = labels, has_face
    meta = dict(
        classes=sum(ABAW_TRACKS.values(), ()),
        tasks={task: ABAW_TRACKS[task] for task in TYPES},
        videos=videos,
        has_face=faces,
    )
    return samples, meta


def expected_scores(samples, meta):
    """Parts of P by their definitions, with interpolation over the gaps."""
    truth, scores = {}, {}
    for task in TYPES:
        parts = []
        for name, labels in meta['videos'].items():
            own = [x for x in samples if x['video'] == name]
            at = [x['start'] for x in own]
            values = np.stack([x[f'{task}_pred_score'].numpy() for x in own])
            if task == 'VA':
                values = values.clip(-1, 1)
            frames = np.arange(len(labels))
            parts.append(
                np.stack([np.interp(frames, at, x) for x in values.T], axis=1)
            )
        scores[task] = np.concatenate(parts)
        truth[task] = np.concatenate(
            [x[task] for x in meta['videos'].values()]
        )
    known = truth['EXPR'] >= 0
    f1 = f1_score(
        truth['EXPR'][known],
        scores['EXPR'][known].argmax(1),
        labels=range(8),
        average='macro',
        zero_division=0,
    )
    return (
        reference_ccc(truth['VA'].astype(float), scores['VA']).mean(),
        f1,
        reference_f1(truth['AU'], scores['AU'] > 0.5).mean() / 100,
    )


def test_sum_of_all_parts(predicted):
    samples, meta = predicted
    scores = evaluate(evaluator(), samples, meta)
    ccc, f1, units = expected_scores(samples, meta)
    assert scores['VA/ccc'] == pytest.approx(ccc, rel=1e-5)
    assert scores['EXPR/macro_f1'] == pytest.approx(100 * f1)
    assert scores['AU/au_f1'] == pytest.approx(100 * units)
    assert scores['P'] == pytest.approx(ccc + f1 + units, rel=1e-5)
    assert scores['P_with_face'] != scores['P']
    own = [f'{x}_with_face' for x in ('VA/ccc', 'EXPR/macro_f1', 'AU/au_f1')]
    ccc, f1, units = (scores[key] for key in own)
    assert scores['P_with_face'] == pytest.approx(ccc + (f1 + units) / 100)


def test_sum_needs_all_tasks(predicted):
    scores = evaluate(evaluator(('VA', 'AU')), *predicted)
    assert 'VA/ccc' in scores and not {'P', 'P_with_face'} & scores.keys()


def test_each_prefix_has_its_sum(predicted):
    smooth = dict(type='ProbabilitySmoothing', window=5)
    both = evaluator()
    both.metrics += [
        METRICS.build(
            dict(
                type=TYPES[task],
                task=task,
                prefix=f'smoothed_{task}',
                post_process=smooth,
            )
        )
        for task in TYPES
    ]
    scores = evaluate(both, *predicted)
    smoothed = {
        key: scores[f'smoothed_{key}']
        for key in ('VA/ccc', 'EXPR/macro_f1', 'AU/au_f1', 'P')
    }
    assert smoothed['P'] != scores['P']
    assert smoothed['P'] == pytest.approx(
        smoothed['VA/ccc']
        + (smoothed['EXPR/macro_f1'] + smoothed['AU/au_f1']) / 100
    )


def test_a_test_set_without_labels(predicted, tmp_path):
    samples, meta = predicted
    meta['videos'] = {
        name: ignored_labels(tuple(TYPES), len(x))
        for name, x in meta['videos'].items()
    }
    parts = evaluator()
    for metric in parts.metrics:
        metric.out_file = str(tmp_path / f'{metric.task}.csv')
    assert evaluate(parts, samples, meta) == {}
    assert {x.name for x in tmp_path.iterdir()} == {f'{x}.csv' for x in TYPES}
