# Stretches of 256 frames of s-Aff-Wild2 with cached features, for the temporal
# phase. Only some of the frames are listed; the others are not valid. A config
# adds its files.
_base_ = 'multi_task.py'

clips = dict(
    type='VideoClipDataset',
    window=256,
    stride=128,
    metainfo=dict(classes=_base_.all_columns),
    pipeline=[dict(type='PackClipInputs')],
)
train_dataloader = dict(
    sampler=dict(type='InfiniteShuffleSampler'),
    dataset=dict(**clips, split='train', random_shift=True),
)
val_dataloader = dict(
    batch_size=32,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(**clips, split='val', test_mode=True),
)
test_dataloader = val_dataloader
# What tools/extract_features.py reads; its pipeline is the one that the
# network for single frames was tested with.
extract_dataloader = dict(
    batch_size=128,
    dataset=dict(
        type='VideoFrameDataset', metainfo=dict(classes=_base_.all_columns)
    ),
)
