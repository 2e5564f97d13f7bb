"""tools/cross_validate.py with trainings of a few iterations."""

import csv
import statistics

import pytest

from fer_ssl.evaluation import VideoPredictions

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
