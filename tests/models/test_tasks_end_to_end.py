"""Cached features -> encoder -> task -> metric, through mmengine's Runner."""

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import METRICS
from mmengine.runner import Runner
from sklearn.metrics import f1_score

from fer_ssl.datasets import VideoClipDataset
from fer_ssl.evaluation import VideoPredictions
from fer_ssl.features.extract_features import extract_features
from fer_ssl.labels import ABAW_TRACKS
from tests.datasets.videos.aff_wild2_files import write_aff_wild2
from tests.helpers.reference_scores import reference_ccc, reference_f1
from tests.helpers.tiny_networks import write_student

DIM = 16
# A tiny version of paper B's ViT-B/16.
BACKBONE = dict(
    type='mmpretrain.VisionTransformer',
    arch=dict(
        embed_dims=DIM, num_layers=1, num_heads=2, feedforward_channels=16
    ),
    img_size=8,
    patch_size=4,
    out_type='avg_featmap',
)
ENCODER = dict(
    type='TCNTransformerEncoder',
    in_channels=DIM,
    tcn=dict(channels=(8, 8), kernel_size=3, dropout=0.0, causal=True),
    transformer=dict(embed_dims=8, num_layers=1, num_heads=2, dropout=0.0),
)
TASKS = dict(
    EXPR=dict(type='ExpressionTask', label_smoothing=0.1),
    VA=dict(type='ValenceArousalTask'),
    AU=dict(type='ActionUnitTask', pos_weight=[2.0] * 12),
)
METRIC_TYPES = dict(
    EXPR='MacroF1Metric', VA='ValenceArousalMetric', AU='ActionUnitMetric'
)
SCORES = dict(EXPR='macro_f1', VA='ccc', AU='au_f1')


def aff_wild2(root, track):
    write_aff_wild2(root)
    files = dict(reader=dict(type='AffWild2Reader', track=track))
    return dict(files, data_root=str(root))


def one_task(track):
    return dict(
        type='TemporalFrameHead',
        num_classes=len(ABAW_TRACKS[track]),
        task=TASKS[track],
        temporal_encoder=ENCODER,
        hidden_channels=8,
    )


MANY_TASKS = dict(
    type='MultiTaskFrameHead',
    tasks=TASKS,
    temporal_encoder=ENCODER,
    hidden_channels=8,
)


def run(tmp_path, files, cls_head, evaluator):
    """Extract, train two epochs and test; returns the scores."""
    checkpoint = write_student(tmp_path / 'student.pth', BACKBONE)
    store = str(tmp_path / 'features')
    pipeline = [
        dict(type='LoadImageFromFile'),
        dict(type='Resize', scale=(8, 8)),
        dict(type='PackInputs'),
    ]
    clips = dict(
        type='VideoClipDataset',
        window=6,
        stride=4,
        feature_store=store,
        pipeline=[dict(type='PackClipInputs')],
        **files,
    )
    cfg = Config(
        dict(
            default_scope='mmpretrain',
            model=dict(
                type='FrameRecognizer',
                backbone=BACKBONE,
                student_checkpoint=checkpoint,
                cls_head=cls_head,
            ),
            extract_dataloader=dict(
                batch_size=16,
                dataset=dict(
                    type='VideoFrameDataset', pipeline=pipeline, **files
                ),
            ),
            train_dataloader=dict(
                batch_size=4,
                sampler=dict(type='DefaultSampler', shuffle=True),
                dataset=dict(clips, split='train'),
            ),
            test_dataloader=dict(
                batch_size=4,
                sampler=dict(type='DefaultSampler', shuffle=False),
                dataset=dict(clips, split='val', test_mode=True),
            ),
            train_cfg=dict(by_epoch=True, max_epochs=2),
            test_cfg=dict(),
            test_evaluator=evaluator,
            optim_wrapper=dict(optimizer=dict(type='AdamW', lr=1e-3)),
            work_dir=str(tmp_path / 'work'),
            experiment_name=tmp_path.name,
            log_level='ERROR',
        )
    )
    extract_features(cfg, checkpoint, store)
    runner = Runner.from_cfg(cfg)
    runner.train()
    for parameter in runner.model.parameters():
        assert parameter.isfinite().all()
    return runner.test()


def check(track, score, path, truth):
    """Check that the score is that of the CSV file, which has all labels."""
    predictions = VideoPredictions.from_csv(str(path))
    assert predictions.classes == ABAW_TRACKS[track]
    assert {video.name for video in predictions} == set(truth)
    for video in predictions:
        np.testing.assert_array_equal(video.labels, truth[video.name])
    t = np.concatenate([video.labels for video in predictions])
    p = np.concatenate([video.scores for video in predictions])
    if track == 'EXPR':
        known = t >= 0
        expected = 100 * f1_score(
            t[known],
            p[known].argmax(1),
            labels=range(8),
            average='macro',
            zero_division=0,
        )
        np.testing.assert_allclose(p.sum(1), 1, rtol=1e-5)
    elif track == 'VA':
        expected = reference_ccc(t, p).mean()
    else:
        expected = reference_f1(t, p > 0.5).mean()
    assert score == pytest.approx(expected, rel=1e-4)


def truth_of(files, track):
    dataset = VideoClipDataset(**files, split='val', test_mode=True)
    videos = dataset.metainfo['videos']
    if dataset.labels.dtype.names:
        return {name: labels[track] for name, labels in videos.items()}
    return videos


@pytest.mark.parametrize('track', TASKS)
def test_one_task(tmp_path, track):
    files = aff_wild2(tmp_path / 'data', track)
    out = tmp_path / 'predictions.csv'
    evaluator = dict(type=METRIC_TYPES[track], out_file=str(out))
    scores = run(tmp_path, files, one_task(track), evaluator)
    check(track, scores[SCORES[track]], out, truth_of(files, track))


@pytest.mark.parametrize('source', ['Aff-Wild2', 'CSV'])
def test_several_tasks(tmp_path, source, synthetic_root):
    tasks = tuple(TASKS)
    if source == 'Aff-Wild2':
        files = aff_wild2(tmp_path / 'data', tasks)
    else:
        files = dict(
            data_root=str(synthetic_root),
            ann_file='frames.csv',
            reader=dict(type='FramesCSVReader', tasks=tasks),
        )
    evaluator = [
        dict(type=METRIC_TYPES[x], task=x, out_file=str(tmp_path / f'{x}.csv'))
        for x in tasks
    ]
    scores = run(tmp_path, files, MANY_TASKS, evaluator)
    for task in tasks:
        score = scores[f'{task}/{SCORES[task]}']
        path = tmp_path / f'{task}.csv'
        check(task, score, path, truth_of(files, task))


def test_the_metric_must_name_a_task_of_the_data(tmp_path):
    meta = dict(classes=('x', 'y'), tasks=dict(VA=('valence', 'arousal')))
    for task, shown in ((None, meta), ('AU', meta), ('VA', dict(classes=()))):
        metric = METRICS.build(dict(type='ValenceArousalMetric', task=task))
        metric.dataset_meta = shown
        with pytest.raises(KeyError, match=f'task={task!r} is not a task'):
            _ = metric.classes
