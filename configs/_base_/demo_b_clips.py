# Paper B's temporal phase on the synthetic videos: windows of cached features
# of the Vision Transformer of demo_mae_finetune.py. FER_SSL_ENCODER chooses
# the encoder: full, no_tcn, no_transformer, gru (Table 5 of the paper, and the
# simple comparison). A config adds its task.
_base_ = ['default_runtime.py', 'demo_vit.py']
default_scope = 'mmaction'

data_root = '{{$FER_SSL_DEMO:data/synthetic}}'
student_checkpoint = (
    '{{$FER_SSL_STUDENT:work_dirs/demo_mae_finetune/iter_450.pth}}'
)
feature_store = '{{$FER_SSL_FEATURES:work_dirs/demo_b/features}}'
variant = '{{$FER_SSL_ENCODER:full}}'

tcn = dict(type='TCN', channels=(96, 64), dropout=0.3)
transformer = dict(
    type='TransformerEncoder', embed_dims=64, num_layers=2, dropout=0.3
)
encoders = dict(
    full=dict(type='TCNTransformerEncoder', tcn=tcn, transformer=transformer),
    no_tcn=transformer,
    no_transformer=tcn,
    gru=dict(type='RecurrentEncoder', cell='GRU', embed_dims=64),
)
if variant not in encoders:
    raise ValueError(
        f'FER_SSL_ENCODER={variant!r} is none of {", ".join(encoders)}'
    )

model = dict(
    type='FrameRecognizer',
    backbone=dict(
        **_base_.vit,
        type='mmpretrain.VisionTransformer',
        out_type='avg_featmap',
        final_norm=False,
    ),
    student_checkpoint=student_checkpoint,
    data_preprocessor=dict(
        type='FrameDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        to_rgb=True,
    ),
    cls_head=dict(
        type='TemporalFrameHead',
        temporal_encoder=dict(**encoders[variant], in_channels=96),
        dropout=0.3,
    ),
)

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
# Faces of one's own videos are cut out as large as these.
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

max_iters = 200
train_cfg = dict(
    type='ResumableTrainLoop', max_iters=max_iters, val_interval=max_iters
)
val_cfg = dict()
test_cfg = dict()
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.05),
    clip_grad=dict(max_norm=1.0),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, end=20),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=20),
]
default_hooks = dict(checkpoint=dict(interval=max_iters))
