# Multi-task learning on sparse frames of the synthetic videos, temporal phase:
# cached features of the network of demo_mtl_frames.py.
#   mim run fer_ssl extract_features demo_mtl_clips.py STUDENT.pth --out DIR
#   FER_SSL_STUDENT=STUDENT.pth FER_SSL_FEATURES=DIR \
#       mim train fer_ssl configs/demo/demo_mtl_clips.py
# CPU, 2 cores: about a minute. Results: docs/abaw.md.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/demo_resnet18.py',
    '../_base_/models/temporal_transformer.py',
    '../_base_/datasets/mtl_clips.py',
    '../_base_/schedules/adamw_warmup_cosine.py',
]

data_root = '{{$FER_SSL_DEMO:data/synthetic}}'
student_checkpoint = (
    '{{$FER_SSL_STUDENT:work_dirs/demo_mtl_frames/iter_600.pth}}'
)
feature_store = '{{$FER_SSL_FEATURES:work_dirs/demo_mtl_clips/features}}'

model = dict(
    backbone=dict(_base_.backbone, type='mmpretrain.ResNet'),
    student_checkpoint=student_checkpoint,
    cls_head=dict(
        type='MultiTaskFrameHead',
        tasks=_base_.task_heads,
        temporal_encoder=dict(
            in_channels=64, embed_dims=64, num_layers=2, skip_invalid=True
        ),
    ),
)

files = dict(
    data_root=data_root,
    ann_file='sparse',
    data_prefix=dict(img_path=''),
    reader=dict(type='SAffWild2Reader', crops=('frames',)),
)
store = dict(**files, feature_store=feature_store)
train_dataloader = dict(batch_size=16, num_workers=0, dataset=store)
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

train_cfg = dict(max_iters=200, val_interval=200)
default_hooks = dict(checkpoint=dict(interval=200))
