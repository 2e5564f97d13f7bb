# The temporal phase of paper A (section 3.4, 3.5) on clips of 64 frames with
# cached features. A config adds its data, student, sizes and schedule.
model = dict(
    type='FrameRecognizer',
    data_preprocessor=dict(
        type='FrameDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        to_rgb=True,
    ),
    cls_head=dict(
        type='TemporalFrameHead',
        temporal_encoder=dict(
            type='TransformerEncoder', num_heads=4, dropout=0.3
        ),
        dropout=0.3,
    ),
)

clips = dict(
    type='VideoClipDataset',
    ann_file='frames.csv',
    window=64,
    pipeline=[dict(type='PackClipInputs')],
)
train_dataloader = dict(
    sampler=dict(type='InfiniteShuffleSampler'),
    dataset=dict(**clips, split='train', random_shift=True),
)
val_dataloader = dict(
    batch_size=32,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(**clips, split='val', stride=32, test_mode=True),
)
test_dataloader = val_dataloader
# What tools/extract_features.py reads; its pipeline is the one that the
# student was tested with.
extract_dataloader = dict(
    batch_size=128,
    dataset=dict(type='VideoFrameDataset', ann_file='frames.csv'),
)

train_cfg = dict(type='ResumableTrainLoop')
val_cfg = dict()
test_cfg = dict()
majority = dict(type='MajoritySmoothing', window=30)
val_evaluator = [
    dict(type='MacroF1Metric'),
    dict(type='MacroF1Metric', prefix='smoothed', post_process=majority),
]
test_evaluator = val_evaluator
