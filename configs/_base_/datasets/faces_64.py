# Faces from one CSV `image,expression[,identity,split]`: 60 labeled per class,
# all other faces of split=train unlabeled, split=val for validation; 64
# pixels.
data_root = '{{$FER_SSL_FACES:data/faces}}'
classes = ('neutral', 'anger', 'happiness', 'sadness', 'surprise')
dataset = dict(
    type='FaceDataset',
    data_root=data_root,
    ann_file='labels.csv',
    metainfo=dict(classes=classes),
    ignore_classes=('disgust', 'fear'),
)

load = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(72, 72)),
]
weak_view = [
    dict(type='RandomCrop', crop_size=64),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='ColorJitter', brightness=0.2, contrast=0.2, saturation=0.2),
]
# Rotation, pixel operations and removal (paper A, section 3.3.2).
strong_view = [
    dict(type='RandomCrop', crop_size=64),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    dict(
        type='RandAugment',
        policies=[
            dict(type='AutoContrast'),
            dict(type='Equalize'),
            dict(type='Brightness', magnitude_range=(0, 0.6)),
            dict(type='Contrast', magnitude_range=(0, 0.6)),
            dict(type='ColorTransform', magnitude_range=(0, 0.6)),
            dict(type='Sharpness', magnitude_range=(0, 0.6)),
            dict(type='Posterize', magnitude_range=(8, 4)),
            dict(type='Rotate', magnitude_range=(0, 20)),
            dict(
                type='Shear', magnitude_range=(0, 0.2), direction='horizontal'
            ),
            dict(
                type='Translate',
                magnitude_range=(0, 0.1),
                direction='horizontal',
            ),
            dict(
                type='Translate',
                magnitude_range=(0, 0.1),
                direction='vertical',
            ),
        ],
        num_policies=2,
        magnitude_level=7,
        magnitude_std=0.5,
        total_level=10,
    ),
    dict(type='RandomErasing', erase_prob=0.5, max_area_ratio=0.2),
]

train_dataloader = dict(
    batch_size=32,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='ClassBalancedSampler'),
    collate_fn=dict(type='default_collate'),
    dataset=dict(
        **dataset,
        split='train',
        subset='labeled',
        labeled_per_class=60,
        pipeline=load + weak_view + [dict(type='PackInputs')],
    ),
)
unlabeled_dataloader = dict(
    batch_size=32,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='InfiniteShuffleSampler'),
    collate_fn=dict(type='default_collate'),
    dataset=dict(
        **dataset,
        split='train',
        subset='unlabeled',
        labeled_per_class=60,
        pipeline=load
        + [
            dict(
                type='MultiView',
                num_views=[1, 1],
                transforms=[weak_view, strong_view],
            ),
            dict(type='PackInputs'),
        ],
    ),
)
val_dataloader = dict(
    batch_size=128,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='default_collate'),
    dataset=dict(
        **dataset,
        split='val',
        test_mode=True,
        pipeline=load
        + [
            dict(type='CenterCrop', crop_size=64),
            dict(type='PackInputs'),
        ],
    ),
)
test_dataloader = val_dataloader
data_preprocessor = dict(
    type='ClsDataPreprocessor',
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    to_rgb=True,
)
