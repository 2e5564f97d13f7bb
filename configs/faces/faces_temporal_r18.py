# Temporal phase on sequences of real stills (tools/dataset/make_sequences.py),
# with cached features of the student of faces_spatial_r18.py.
#   export FER_SSL_STUDENT=STUDENT.pth FER_SSL_FEATURES=F
#   mim run fer_ssl extract_features faces_temporal_r18.py STUDENT.pth --out F
#   mim train fer_ssl configs/faces/faces_temporal_r18.py
# Reads data/sequences, or the folder FER_SSL_SEQUENCES.
# CPU, 2 cores. Result: docs/results.md.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/temporal_transformer.py',
    '../_base_/datasets/temporal_clips.py',
    '../_base_/schedules/adamw_warmup_cosine.py',
]

data_root = '{{$FER_SSL_SEQUENCES:data/sequences}}'
student_checkpoint = (
    '{{$FER_SSL_STUDENT:work_dirs/faces_spatial_r18/iter_400.pth}}'
)
feature_store = '{{$FER_SSL_FEATURES:work_dirs/faces_temporal_r18/features}}'
classes = ('neutral', 'anger', 'happiness', 'sadness', 'surprise')

model = dict(
    backbone=dict(type='mmpretrain.ResNet', depth=18),
    student_checkpoint=student_checkpoint,
    cls_head=dict(
        num_classes=5,
        temporal_encoder=dict(in_channels=512, embed_dims=128, num_layers=2),
    ),
)

files = dict(data_root=data_root, metainfo=dict(classes=classes))
store = dict(**files, feature_store=feature_store)
train_dataloader = dict(
    batch_size=16, num_workers=0, dataset=dict(**store, stride=32)
)
val_dataloader = dict(num_workers=0, dataset=store)
test_dataloader = val_dataloader
extract_dataloader = dict(
    num_workers=2,
    dataset=dict(
        **files,
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='Resize', scale=(72, 72)),
            dict(type='CenterCrop', crop_size=64),
            dict(type='PackInputs'),
        ],
    ),
)

train_cfg = dict(max_iters=400, val_interval=200)
default_hooks = dict(checkpoint=dict(interval=200))
