# Windows of 300 frames of the synthetic videos with cached features, for the
# temporal phase of paper B. A config adds its task.
data_root = '{{$FER_SSL_DEMO:data/synthetic}}'
feature_store = '{{$FER_SSL_FEATURES:work_dirs/demo_b/features}}'

clips = dict(
    type='VideoClipDataset',
    data_root=data_root,
    ann_file='frames.csv',
    feature_store=feature_store,
    window=300,
    pipeline=[dict(type='PackClipInputs')],
)
train_dataloader = dict(
    batch_size=8,
    num_workers=0,
    sampler=dict(type='InfiniteShuffleSampler'),
    dataset=dict(**clips, split='train', stride=100, random_shift=True),
)
val_dataloader = dict(
    batch_size=16,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(**clips, split='val', stride=200, test_mode=True),
)
test_dataloader = val_dataloader
# Size of the face crops when the network is applied to other videos.
face_crop = dict(size=48)
extract_dataloader = dict(
    batch_size=256,
    num_workers=1,
    dataset=dict(
        type='VideoFrameDataset',
        data_root=data_root,
        ann_file='frames.csv',
        pipeline=[dict(type='LoadImageFromFile'), dict(type='PackInputs')],
    ),
)
