# Clips of 64 frames with cached features for the temporal phase of paper A
# (sections 3.4 and 3.5), scored as they are and after majority smoothing. A
# config adds its data.
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

majority = dict(type='MajoritySmoothing', window=30)
val_evaluator = [
    dict(type='MacroF1Metric'),
    dict(type='MacroF1Metric', prefix='smoothed', post_process=majority),
]
test_evaluator = val_evaluator
