# Paper A, temporal phase and post-processing, on the synthetic videos, with
# cached features of the student of demo_spatial.py.
#   mim run fer_ssl extract_features demo_temporal.py STUDENT.pth --out DIR
#   FER_SSL_STUDENT=STUDENT.pth FER_SSL_FEATURES=DIR \
#       mim train fer_ssl configs/demo/demo_temporal.py
# CPU, 2 cores: about a minute. Results: docs/results.md.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/temporal_transformer.py',
    '../_base_/datasets/abaw_expressions.py',
    '../_base_/datasets/temporal_clips.py',
    '../_base_/schedules/adamw_warmup_cosine.py',
]

data_root = '{{$FER_SSL_DEMO:data/synthetic}}'
student_checkpoint = (
    '{{$FER_SSL_STUDENT:work_dirs/demo_spatial/iter_1800.pth}}'
)
feature_store = '{{$FER_SSL_FEATURES:work_dirs/demo_temporal/features}}'

model = dict(
    backbone=dict(
        type='mmpretrain.ResNet',
        depth=18,
        stem_channels=16,
        base_channels=16,
        num_stages=3,
        strides=(1, 2, 2),
        dilations=(1, 1, 1),
        out_indices=(2,),
    ),
    student_checkpoint=student_checkpoint,
    cls_head=dict(
        num_classes=8,
        # About the inverse square root of the class frequencies: neutral is a
        # third of all frames, and macro-F1 weights all classes equally.
        loss_cls=dict(
            type='CrossEntropyLoss',
            class_weight=[0.5, 1.0, 1.0, 1.2, 1.0, 1.0, 1.0, 1.0],
        ),
        temporal_encoder=dict(in_channels=64, embed_dims=128, num_layers=2),
    ),
)

files = dict(data_root=data_root, metainfo=dict(classes=_base_.classes))
store = dict(**files, feature_store=feature_store)
train_dataloader = dict(
    batch_size=16, num_workers=0, dataset=dict(**store, stride=32)
)
val_dataloader = dict(num_workers=0, dataset=store)
test_dataloader = val_dataloader
# Size of the face crops when the network is applied to other videos.
face_crop = dict(size=48)
extract_dataloader = dict(
    num_workers=1,
    dataset=dict(
        **files,
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='CenterCrop', crop_size=44),
            dict(type='PackInputs'),
        ],
    ),
)

train_cfg = dict(max_iters=400, val_interval=200)
test_evaluator = [
    dict(
        type='MacroF1Metric',
        out_file='work_dirs/demo_temporal/predictions.csv',
    ),
    dict(
        type='MacroF1Metric',
        prefix='smoothed',
        post_process=_base_.majority,
        out_file='work_dirs/demo_temporal/smoothed.csv',
    ),
]
default_hooks = dict(checkpoint=dict(interval=200))
