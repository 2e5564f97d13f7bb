# Temporal phase on sequences of real stills (tools/dataset/make_sequences.py),
# with cached features of the student of faces_spatial_r18.py.
#   export FER_SSL_SEQUENCES=DIR FER_SSL_STUDENT=STUDENT.pth FER_SSL_FEATURES=F
#   mim run fer_ssl extract_features faces_temporal_r18.py STUDENT.pth --out F
#   mim train fer_ssl configs/faces/faces_temporal_r18.py
_base_ = ['../_base_/default_runtime.py']
default_scope = 'mmaction'

data_root = '{{$FER_SSL_SEQUENCES:data/sequences}}'
student_checkpoint = (
    '{{$FER_SSL_STUDENT:work_dirs/faces_spatial_r18/iter_400.pth}}'
)
feature_store = '{{$FER_SSL_FEATURES:work_dirs/faces_temporal_r18/features}}'
classes = ('neutral', 'anger', 'happiness', 'sadness', 'surprise')

model = dict(
    type='FrameRecognizer',
    backbone=dict(type='mmpretrain.ResNet', depth=18),
    student_checkpoint=student_checkpoint,
    data_preprocessor=dict(
        type='FrameDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        to_rgb=True,
    ),
    cls_head=dict(
        type='TemporalFrameHead',
        num_classes=5,
        temporal_encoder=dict(
            type='TransformerEncoder',
            in_channels=512,
            embed_dims=128,
            num_layers=2,
            num_heads=4,
            dropout=0.3,
        ),
        dropout=0.3,
    ),
)

clips = dict(
    type='VideoClipDataset',
    data_root=data_root,
    ann_file='frames.csv',
    metainfo=dict(classes=classes),
    window=64,
    feature_store=feature_store,
    pipeline=[dict(type='PackClipInputs')],
)
train_dataloader = dict(
    batch_size=16,
    num_workers=0,
    sampler=dict(type='InfiniteShuffleSampler'),
    dataset=dict(**clips, split='train', stride=32, random_shift=True),
)
val_dataloader = dict(
    batch_size=32,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(**clips, split='val', stride=32, test_mode=True),
)
test_dataloader = val_dataloader
extract_dataloader = dict(
    batch_size=128,
    num_workers=2,
    dataset=dict(
        type='VideoFrameDataset',
        data_root=data_root,
        ann_file='frames.csv',
        metainfo=dict(classes=classes),
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='Resize', scale=(72, 72)),
            dict(type='CenterCrop', crop_size=64),
            dict(type='PackInputs'),
        ],
    ),
)

max_iters = 400
train_cfg = dict(
    type='ResumableTrainLoop', max_iters=max_iters, val_interval=200
)
val_cfg = dict()
test_cfg = dict()
val_evaluator = [
    dict(type='MacroF1Metric'),
    dict(
        type='MacroF1Metric',
        prefix='smoothed',
        post_process=dict(type='MajoritySmoothing', window=30),
    ),
]
test_evaluator = val_evaluator

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=5e-4, weight_decay=0.05),
    clip_grad=dict(max_norm=1.0),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, end=40),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=40),
]
default_hooks = dict(checkpoint=dict(interval=200))
