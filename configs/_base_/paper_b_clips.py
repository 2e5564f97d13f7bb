# Paper B (arXiv 2403.11440), temporal phase: windows of 300 frames of cached
# ViT-B/16 features, three temporal blocks, a Transformer encoder, an MLP. What
# the paper leaves open is as in its code (github.com/upczww/abaw6), see
# configs/paper_b. A config adds its data, task and number of epochs.
_base_ = 'default_runtime.py'
default_scope = 'mmaction'

student_checkpoint = (
    '{{$FER_SSL_STUDENT:work_dirs/finetune_vit_base_expr/iter_20000.pth}}'
)
data_root = '{{$FER_SSL_DATA:data}}'

model = dict(
    type='FrameRecognizer',
    # Without its decoder the pretrained encoder has no norm at the end, and
    # its fine-tuning averages the patches (arXiv:2111.06377, A.1).
    backbone=dict(
        type='mmpretrain.VisionTransformer',
        arch='b',
        img_size=224,
        patch_size=16,
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
        temporal_encoder=dict(
            type='TCNTransformerEncoder',
            in_channels=768,
            tcn=dict(
                channels=(768, 256, 128),
                kernel_size=5,
                causal=True,
                dropout=0.3,
            ),
            transformer=dict(
                embed_dims=512,
                num_layers=8,
                num_heads=4,
                feedforward_dims=512,
                activation='relu',
                norm_first=False,
                positional_encoding=False,
                dropout=0.3,
            ),
        ),
        hidden_channels=256,
        dropout=0.3,
    ),
)

# Where the windows of the code end before the video does, or do not fit into
# it, it leaves the frames out; here the last window ends with the video.
clips = dict(
    type='VideoClipDataset',
    data_root=data_root,
    ann_file='Aff-Wild2',
    data_prefix=dict(img_path='Aff-Wild2'),
    window=300,
    stride=200,
    pipeline=[dict(type='PackClipInputs')],
)
train_dataloader = dict(
    batch_size=32,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(**clips, split='train'),
)
val_dataloader = dict(
    batch_size=32,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(**clips, split='val', test_mode=True),
)
test_dataloader = val_dataloader
# What tools/extract_features.py reads; its pipeline is the one that the
# student was tested with.
extract_dataloader = dict(
    batch_size=128,
    num_workers=8,
    dataset=dict(
        type='VideoFrameDataset',
        data_root=data_root,
        ann_file='Aff-Wild2',
        data_prefix=dict(img_path='Aff-Wild2'),
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='Resize', scale=(256, 256)),
            dict(type='CenterCrop', crop_size=224),
            dict(type='PackInputs'),
        ],
    ),
)

train_cfg = dict(type='ResumableEpochLoop', val_interval=1)
val_cfg = dict()
test_cfg = dict()
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=3e-5, weight_decay=1e-5),
)
# One epoch of warm-up; the cosine ends with the training.
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=3e-4,
        end=1,
        convert_to_iter_based=True,
    ),
    dict(
        type='CosineAnnealingLR',
        begin=1,
        eta_min=1e-8,
        convert_to_iter_based=True,
    ),
]
default_hooks = dict(
    logger=dict(log_metric_by_epoch=True),
    checkpoint=dict(by_epoch=True, interval=1, rule='greater'),
)
log_processor = dict(by_epoch=True)
