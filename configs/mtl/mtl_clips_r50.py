# Multi-task learning on s-Aff-Wild2 (7th and 11th ABAW), temporal phase: a
# Transformer on the features of the network of mtl_frames_r50.py, over
# stretches of 256 frames of which only some are listed.
#   mim run fer_ssl extract_features mtl_clips_r50.py STUDENT.pth \
#       --out work_dirs/mtl_clips_r50/features --split train val test
#   mim train fer_ssl configs/mtl/mtl_clips_r50.py
#   mim test fer_ssl configs/mtl/mtl_clips_r50.py --checkpoint WEIGHTS.pth
# STUDENT.pth is the best checkpoint of mtl_frames_r50.py, which the variable
# FER_SSL_STUDENT names. 1 GPU; time and result: not measured yet.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/temporal_transformer.py',
    '../_base_/datasets/mtl_clips.py',
    '../_base_/schedules/adamw_warmup_cosine.py',
]

data_root = '{{$FER_SSL_DATA:data}}'
student_checkpoint = '{{$FER_SSL_STUDENT:work_dirs/mtl_frames_r50/best.pth}}'
feature_store = '{{$FER_SSL_FEATURES:work_dirs/mtl_clips_r50/features}}'

model = dict(
    backbone=dict(type='mmpretrain.ResNet', depth=50),
    student_checkpoint=student_checkpoint,
    cls_head=dict(
        type='MultiTaskFrameHead',
        tasks=_base_.task_heads,
        temporal_encoder=dict(
            in_channels=2048, embed_dims=512, num_layers=4, skip_invalid=True
        ),
    ),
)

files = dict(
    data_root=data_root,
    ann_file='s-Aff-Wild2',
    data_prefix=dict(img_path='s-Aff-Wild2'),
    reader=dict(type='SAffWild2Reader'),
)
store = dict(**files, feature_store=feature_store)
train_dataloader = dict(
    batch_size=32, num_workers=4, persistent_workers=True, dataset=store
)
val_dataloader = dict(num_workers=4, persistent_workers=True, dataset=store)
test_dataloader = val_dataloader
extract_dataloader = dict(
    num_workers=8,
    dataset=dict(
        **files,
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='Resize', scale=(256, 256)),
            dict(type='CenterCrop', crop_size=224),
            dict(type='PackInputs'),
        ],
    ),
)

train_cfg = dict(max_iters=10000, val_interval=1000)
optim_wrapper = dict(optimizer=dict(lr=1e-4))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, end=500),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=500),
]
default_hooks = dict(
    checkpoint=dict(interval=1000, save_best='P', rule='greater')
)
