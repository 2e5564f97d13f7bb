# Data of paper A, section 4.1, in one folder, as shipped:
#   Aff-Wild2/    cropped_aligned*/ and the annotations
#   AffectNet/, ExpW/, faces_emore/ (MS1MV2, RecordIO)
#   split/        labels.csv and unlabeled.csv, made from the first three by
#                 mim run fer_ssl dataset:build_split DIR/split \
#                     --recipe configs/split_paper_a.yml
# 256 pixels, cropped to 224 (section 4.2). See docs/data_preparation.md.
_base_ = 'abaw_expressions.py'

data_root = '{{$FER_SSL_DATA:data}}'
num_classes = len(_base_.classes)
metainfo = dict(classes=_base_.classes)

load = [
    dict(type='LoadImageFromFile'),
    dict(type='CropFace', required=False),  # ExpW: photographs with boxes
    dict(type='Resize', scale=(256, 256)),
]
# Flip and color jitter (section 3.2.2). No hue: mmcv's hue fails on NumPy 2.
# The transforms named Fast... are faster versions of those of mmpretrain.
weak_view = [
    dict(type='FastRandomCrop', crop_size=224),
    dict(type='FastRandomFlip', prob=0.5, direction='horizontal'),
    dict(type='FastColorJitter', brightness=0.2, contrast=0.2, saturation=0.2),
]
# RandAugment: rotation, removal and pixel operations (3.2.2, 3.3.2).
strong_view = [
    dict(type='FastRandomCrop', crop_size=224),
    dict(type='FastRandomFlip', prob=0.5, direction='horizontal'),
    dict(
        type='FastRandAugment',
        policies=[
            dict(type='AutoContrast'),
            dict(type='Equalize'),
            dict(type='Brightness', magnitude_range=(0, 0.9)),
            dict(type='Contrast', magnitude_range=(0, 0.9)),
            dict(type='ColorTransform', magnitude_range=(0, 0.9)),
            dict(type='Sharpness', magnitude_range=(0, 0.9)),
            dict(type='Posterize', magnitude_range=(8, 4)),
            dict(type='Solarize', magnitude_range=(256, 128)),
            dict(type='Rotate', magnitude_range=(0, 30)),
            dict(
                type='Shear', magnitude_range=(0, 0.3), direction='horizontal'
            ),
            dict(type='Shear', magnitude_range=(0, 0.3), direction='vertical'),
            dict(
                type='Translate',
                magnitude_range=(0, 0.2),
                direction='horizontal',
            ),
            dict(
                type='Translate',
                magnitude_range=(0, 0.2),
                direction='vertical',
            ),
        ],
        num_policies=2,
        magnitude_level=7,
        magnitude_std=0.5,
        total_level=10,
    ),
    dict(type='FastRandomErasing', erase_prob=0.5, max_area_ratio=1 / 3),
]
clean_view = [dict(type='CenterCrop', crop_size=224)]

loader = dict(
    batch_size=32,
    num_workers=8,
    persistent_workers=True,
    pin_memory=True,
    collate_fn=dict(type='default_collate'),
)
train_dataloader = dict(
    **loader,
    sampler=dict(type='ClassBalancedSampler'),
    dataset=dict(
        type='FaceDataset',
        data_root=data_root,
        ann_file='split/labels.csv',
        data_prefix=dict(img_path=''),
        metainfo=metainfo,
        split='train',
        subset='labeled',
        on_unreadable='skip',
        pipeline=load + weak_view + [dict(type='FastPackInputs')],
    ),
)
unlabeled = dict(
    data_root=data_root,
    metainfo=metainfo,
    on_unreadable='skip',
    pipeline=load
    + [
        dict(
            type='FastMultiView',
            num_views=[1, 1],
            transforms=[weak_view, strong_view],
        ),
        dict(type='FastPackInputs'),
    ],
)
the_rest = dict(
    **unlabeled,
    type='FaceDataset',
    ann_file='split/unlabeled.csv',
    data_prefix=dict(img_path=''),
    subset='unlabeled',
    truth_column='truth',
)
ms1mv2 = dict(
    **unlabeled,
    type='RecordIODataset',
    ann_file='faces_emore/train.rec',
    fraction=1 / 3,  # "a third of the entire dataset"
)
unlabeled_dataloader = dict(
    **loader,
    sampler=dict(type='InfiniteShuffleSampler'),
    dataset=dict(type='ConcatDataset', datasets=[the_rest, ms1mv2]),
)
val_dataloader = dict(
    batch_size=128,
    num_workers=8,
    persistent_workers=True,
    pin_memory=True,
    collate_fn=dict(type='default_collate'),
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='VideoFrameDataset',
        data_root=data_root,
        ann_file='Aff-Wild2',
        data_prefix=dict(img_path='Aff-Wild2'),
        reader=dict(type='AffWild2Reader', track='EXPR'),
        metainfo=metainfo,
        split='val',
        test_mode=True,
        pipeline=load
        + clean_view
        + [
            dict(
                type='FastPackInputs',
                meta_keys=('img_path', 'video', 'start', 'num_frames'),
            ),
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
