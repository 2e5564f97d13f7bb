# Faces without their labels for paper B's pretraining, section 3.1: AffectNet,
# RAF-DB and FER2013 (with FERPlus), 224 pixels. For another mixture, replace
# `faces`. With labeled_per_class=0, all faces of a set are unlabeled.
data_root = '{{$FER_SSL_DATA:data}}'
crops = dict(
    pipeline=[
        dict(type='LoadImageFromFile'),
        dict(
            type='RandomResizedCrop',
            scale=224,
            crop_ratio_range=(0.2, 1.0),
            backend='pillow',
            interpolation='bicubic',
        ),
        dict(type='RandomFlip', prob=0.5),
        dict(type='PackInputs'),
    ],
    split='train',
    subset='unlabeled',
    labeled_per_class=0,
    on_unreadable='skip',
)
faces = [
    dict(
        **crops,
        type='AffectNetDataset',
        data_root=data_root + '/AffectNet',
        release='2021',
    ),
    dict(**crops, type='RAFDBDataset', data_root=data_root + '/RAF-DB'),
    dict(**crops, type='FERPlusDataset', data_root=data_root + '/FERPlus'),
]
train_dataloader = dict(
    batch_size=128,
    num_workers=8,
    persistent_workers=True,
    pin_memory=True,
    collate_fn=dict(type='default_collate'),
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(type='ConcatDataset', datasets=faces),
)
data_preprocessor = dict(
    type='SelfSupDataPreprocessor',
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    to_rgb=True,
)
