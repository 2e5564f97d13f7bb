# Temporal phase on sequences of real stills (tools/dataset/make_sequences.py),
# with cached features of the network of faces_soft_labels_r18.py.
#   export FER_SSL_STUDENT=STUDENT.pth FER_SSL_FEATURES=F
#   mim run fer_ssl extract_features faces_temporal_48_r18.py STUDENT.pth \
#       --out F
#   mim train fer_ssl configs/faces/faces_temporal_48_r18.py
# Reads data/sequences, or the folder FER_SSL_SEQUENCES.
# CPU, a few minutes. Result: docs/results.md.
_base_ = ['faces_temporal_r18.py', '../_base_/models/resnet18_48.py']

student_checkpoint = (
    '{{$FER_SSL_STUDENT:work_dirs/faces_soft_labels_r18/iter_5400.pth}}'
)
feature_store = (
    '{{$FER_SSL_FEATURES:work_dirs/faces_temporal_48_r18/features}}'
)
model = dict(
    backbone=dict(_delete_=True, **_base_.network.backbone),
    student_checkpoint=student_checkpoint,
    data_preprocessor=dict(mean=[127.5], std=[63.75], to_rgb=False),
    cls_head=dict(temporal_encoder=dict(in_channels=128)),
)
store = dict(feature_store=feature_store)
train_dataloader = dict(dataset=store)
val_dataloader = dict(dataset=store)
test_dataloader = val_dataloader
extract_dataloader = dict(
    dataset=dict(
        pipeline=[
            dict(type='LoadImageFromFile', color_type='grayscale'),
            dict(type='Resize', scale=(48, 48), interpolation='area'),
            dict(type='PackInputs'),
        ]
    )
)
