"""tools/cross_validate.py with trainings of a few iterations."""

import csv
import re
import statistics

import pytest

from fer_ssl.data_preparation.make_folds import write_folds
from fer_ssl.evaluation import VideoPredictions
from tests.datasets.videos.s_aff_wild2_files import write_s_aff_wild2

CONFIG = """
custom_imports = dict(imports=['fer_ssl'])
default_scope = 'mmpretrain'
files = dict(
    type='VideoFrameDataset',
    data_root='{root}',
    ann_file='frames.csv',
    metainfo=dict(classes=('neutral', 'anger', 'happiness')),
)
load = [dict(type='LoadImageFromFile')]
keys = ('img_path', 'video', 'start', 'num_frames')
test_loader = dict(
    batch_size=8,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        **files,
        split='train',
        test_mode=True,
        pipeline=load + [dict(type='PackInputs', meta_keys=keys)],
    ),
)
train_dataloader = dict(
    batch_size=4,
    num_workers=0,
    sampler=dict(type='InfiniteShuffleSampler'),
    dataset=dict(
        **files,
        split='train',
        only_labeled=True,
        pipeline=load + [dict(type='PackInputs')],
    ),
)
val_dataloader = test_dataloader = test_loader
model = dict(
    type='ImageClassifier',
    data_preprocessor=dict(type='ClsDataPreprocessor'),
    backbone=dict(type='ResNet', depth=18, stem_channels=4, base_channels=4),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(type='LinearClsHead', in_channels=32, num_classes=3),
)
train_cfg = dict(type='ResumableTrainLoop', max_iters=3, val_interval=3)
val_cfg = test_cfg = dict()
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01))
val_evaluator = dict(type='MacroF1Metric')
majority = dict(type='MajoritySmoothing', window=3)
test_evaluator = [
    dict(type='MacroF1Metric'),
    dict(type='MacroF1Metric', prefix='smoothed', post_process=majority),
]
default_hooks = dict(
    checkpoint=dict(type='SafeCheckpointHook', by_epoch=False, interval=3)
)
log_processor = dict(by_epoch=False)
"""
MULTI_TASK = """
_base_ = 'frames_b.py'
keys = ('VA_gt_label', 'EXPR_gt_label', 'AU_gt_label')
train_dataloader = dict(
    dataset=dict(
        data_root='s-Aff-Wild2 copy',
        ann_file='',
        reader=dict(type='SAffWild2Reader'),
        metainfo=dict(_delete_=True),
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='FastPackInputs', algorithm_keys=keys),
        ],
    ),
)
test_dataloader = val_dataloader = dict(
    dataset=dict(
        data_root='s-Aff-Wild2 copy',
        ann_file='',
        reader=dict(type='SAffWild2Reader'),
        metainfo=dict(_delete_=True),
    ),
)
model = dict(
    head=dict(
        _delete_=True,
        type='MultiTaskImageHead',
        in_channels=32,
        tasks=dict(
            VA=dict(type='ValenceArousalTask'),
            EXPR=dict(type='ExpressionTask'),
            AU=dict(type='ActionUnitTask'),
        ),
    ),
)
test_evaluator = val_evaluator = dict(
    _delete_=True,
    type='MultiTaskEvaluator',
    metrics=[
        dict(type='ValenceArousalMetric', task='VA'),
        dict(type='MacroF1Metric', task='EXPR'),
        dict(type='ActionUnitMetric', task='AU'),
    ],
)
"""
FOLDS = dict(a='0', b='0', c='1', d='1')


@pytest.fixture
def files(folder, write_videos):
    videos = dict(a='001', b='1.12', c='0221', d='1?2')
    root = write_videos(videos)['data_root']
    (folder / 'frames_b.py').write_text(CONFIG.replace('{root}', root))
    with open(folder / 'folds.csv', 'w', newline='') as file:
        csv.writer(file).writerows([('video', 'fold'), *FOLDS.items()])
    return folder


def test_folds_and_ensemble(call, files):
    command = (
        'python {tools}/cross_validate.py frames_b.py --folds '
        '"my folds, v2.csv" --work-dir "cv, {v2}" --test-split train --jobs 2'
    ).replace('{v2}', '{{v2}}')
    (files / 'folds.csv').rename(files / 'my folds, v2.csv')
    work_dir = files / 'cv, {v2}'
    output = call(command)
    table = [
        x.strip('| ').split(' | ')
        for x in output.splitlines()
        if x.startswith('| ')
    ]
    assert table[0] == ['fold 0', 'fold 1', 'mean ± std']
    names = [line[0] for line in table[2:]]
    assert names[0] == 'macro_f1' and 'smoothed/macro_f1' in names
    with open(work_dir / 'folds.csv', newline='') as file:
        rows = list(csv.DictReader(file))
    own = [float(x['value']) for x in rows if x['row'] == 'macro_f1']
    assert table[2][1:] == [
        *(f'{x:.2f}' for x in own),
        f'{statistics.mean(own):.2f} ± {statistics.stdev(own):.2f}',
    ]

    members = []
    for fold in '01':
        (tested,) = work_dir.glob(f'seed_0/test_fold_{fold}-*/predictions.csv')
        videos = VideoPredictions.from_csv(str(tested))
        names = {video.name for video in videos}
        assert names == {v for v in FOLDS if FOLDS[v] == fold}
        (every,) = work_dir.glob(
            f'seed_0/predict_fold_{fold}-*/predictions.csv'
        )
        members.append(VideoPredictions.from_csv(str(every)))
    mean = VideoPredictions.from_csv(str(work_dir / 'ensemble_train.csv'))
    for video in mean:
        scores = (members[0][video.name].scores, members[1][video.name].scores)
        assert abs(video.scores - sum(scores) / 2).max() < 1e-6

    logs = sorted(work_dir.rglob('log.txt'))
    assert len(logs) == 6
    times = [log.stat().st_mtime_ns for log in logs]
    again = call(command)
    assert again.startswith('0 steps to run, 6 already finished.')
    tables = [
        [line for line in text.splitlines() if line.startswith('| ')]
        for text in (output, again)
    ]
    assert tables[0] == tables[1]
    assert [log.stat().st_mtime_ns for log in logs] == times, 'repeated'


def test_failed_training_names_its_log(call, files):
    output = call(
        'python {tools}/cross_validate.py frames_b.py --folds folds.csv '
        '--work-dir failed --cfg-options model.type=Missing',
        status=1,
    )
    for fold in '01':
        (line,) = (
            x
            for x in output.splitlines()
            if f'] seed_0/train_fold_{fold}-' in x
        )
        log = files / line.split('failed, see ')[1]
        assert "type='Missing': no component" in log.read_text()


@pytest.fixture
def multi_task(files):
    write_s_aff_wild2(files / 's-Aff-Wild2 copy')
    (files / 'tasks_b.py').write_text(MULTI_TASK)
    folds = {'video5_left': 0, '112': 1, 'video59_right': 1, '7-60': 0}
    write_folds(folds, str(files / 'my folds.csv'))
    return (
        'python {tools}/cross_validate.py tasks_b.py --folds "my folds.csv" '
        '--work-dir "several tasks"'
    )


def test_several_tasks(call, files, multi_task):
    output = call(f'{multi_task} --test-split val')
    work_dir = files / 'several tasks'
    with open(work_dir / 'folds.csv', newline='') as file:
        rows = list(csv.DictReader(file))
    scores = {(x['row'], x['column']): float(x['value']) for x in rows}
    for fold in ('fold 0', 'fold 1'):
        parts = ('VA/ccc', 1), ('EXPR/macro_f1', 0.01), ('AU/au_f1', 0.01)
        total = sum(scores[name, fold] * x for name, x in parts)
        assert scores['P', fold] == pytest.approx(total, abs=1e-6)
        assert scores['P', fold] > 0
    assert '| P | ' in output

    for task, width in (('VA', 2), ('EXPR', 8), ('AU', 12)):
        (tested,) = work_dir.glob(
            f'seed_0/test_fold_1-*/predictions_{task}.csv'
        )
        videos = VideoPredictions.from_csv(str(tested))
        assert {video.name for video in videos} == {'112', 'video59_right'}
        assert len(videos.classes) == width
        members = [
            VideoPredictions.from_csv(str(path))
            for path in work_dir.glob(
                f'seed_0/predict_fold_*/predictions_{task}.csv'
            )
        ]
        file = work_dir / f'ensemble_val_{task}.csv'
        mean = VideoPredictions.from_csv(str(file))
        assert f'several tasks/{file.name}' in output
        assert {v.name for v in mean} == {'video59_right', '7-60'}
        for video in mean:
            own = sum(m[video.name].scores for m in members) / 2
            assert abs(video.scores - own).max() < 1e-6
    summary = output[output.index('Mean of the predictions') :]
    printed = {
        name: float(value)
        for name, value in re.findall(r'^(\S+): ([-.\d]+)$', summary, re.M)
    }
    assert printed['P'] == pytest.approx(
        printed['VA/ccc']
        + printed['EXPR/macro_f1'] / 100
        + printed['AU/au_f1'] / 100,
        abs=1e-3,
    )


def test_unsuitable_folds_are_refused_before_training(call, files, multi_task):
    multi_task = multi_task.replace('several tasks', 'refused')
    folds = {'video5_left': 0, '112': 1, 'other': 1}
    write_folds(folds, str(files / 'my folds.csv'))
    output = call(multi_task, status=1)
    assert 'my folds.csv: the folds name 1 videos that are not in' in output
    assert "the first is 'other'" in output

    folds.pop('other')
    write_folds(folds, str(files / 'my folds.csv'))
    path = files / 's-Aff-Wild2 copy/MTL_Challenge/train_set.txt'
    lines = []
    for line in path.read_text().splitlines():
        cells = line.split(',')
        if line.startswith('112/'):
            cells[4:] = ['-1'] * 12
        lines.append(','.join(cells))
    path.write_text('\n'.join([*lines, '']))
    output = call(multi_task, status=1)
    assert '2 of 4 videos are in no fold and left out' in output
    assert 'no frame of fold 1 is annotated for AU' in output
    path.rename(path.with_name('moved.txt'))
    output = call(multi_task, status=1)
    assert 'no file train_set.txt or' in output
    assert 'Traceback' not in output
    output = call(
        f'{multi_task} --cfg-options test_dataloader.dataset.type=FaceDataset',
        status=1,
    )
    assert 'tasks_b.py: FaceDataset has no folds' in output
    assert not (files / 'refused').exists()
