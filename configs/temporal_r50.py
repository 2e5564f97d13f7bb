# Paper A (arXiv 2403.11942), temporal phase: frozen student of the spatial
# phase, temporal Transformer over 64-frame clips, majority over 30 frames.
#   mim run fer_ssl extract_features configs/temporal_r50.py STUDENT.pth \
#       --out work_dirs/temporal_r50/features
#   mim train fer_ssl configs/temporal_r50.py
#   mim test fer_ssl configs/temporal_r50.py --checkpoint WEIGHTS.pth
# STUDENT.pth is the best checkpoint of spatial_r50.py, named by the variable
# FER_SSL_STUDENT. Frames in place of cached features: set feature_store=None
# and the pipeline of extract_dataloader inside LoadClipFrames. 1 GPU; time:
# not measured yet.
# The paper's own results on Aff-Wild2 (validation): 42.77 macro-F1, 44.43 with
# post-processing. Depth, width and schedule are not in the paper.
_base_ = [
    '_base_/default_runtime.py',
    '_base_/models/temporal_transformer.py',
    '_base_/datasets/abaw_expressions.py',
    '_base_/datasets/temporal_clips.py',
    '_base_/schedules/adamw_warmup_cosine.py',
]

data_root = '{{$FER_SSL_DATA:data}}'
student_checkpoint = '{{$FER_SSL_STUDENT:work_dirs/spatial_r50/student.pth}}'
feature_store = '{{$FER_SSL_FEATURES:work_dirs/temporal_r50/features}}'

model = dict(
    backbone=dict(type='mmpretrain.ResNet', depth=50),
    student_checkpoint=student_checkpoint,
    cls_head=dict(
        num_classes=8,
        temporal_encoder=dict(in_channels=2048, embed_dims=512, num_layers=4),
    ),
)

files = dict(
    data_root=data_root,
    ann_file='Aff-Wild2',
    data_prefix=dict(img_path='Aff-Wild2'),
    reader=dict(type='AffWild2Reader', track='EXPR'),
    metainfo=dict(classes=_base_.classes),
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

train_cfg = dict(max_iters=20000, val_interval=1000)
optim_wrapper = dict(optimizer=dict(lr=1e-4))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, end=500),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=500),
]
default_hooks = dict(
    checkpoint=dict(interval=1000, save_best='macro_f1', rule='greater')
)
