# The synthetic faces and videos of tools/dataset/make_synthetic.py, 48 pixels.
_base_ = 'abaw_expressions.py'

data_root = '{{$FER_SSL_DEMO:data/synthetic}}'
metainfo = dict(classes=_base_.classes)

weak_view = [
    dict(type='RandomCrop', crop_size=44),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='ColorJitter', brightness=0.2, contrast=0.2, saturation=0.2),
]
strong_view = [
    dict(type='RandomCrop', crop_size=44),
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
            dict(type='Rotate', magnitude_range=(0, 20)),
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
# Size of the face crops when the network is applied to other videos.
face_crop = dict(size=48)
clean_view = [dict(type='CenterCrop', crop_size=44)]
load = [dict(type='LoadImageFromFile')]
faces = dict(type='FaceDataset', data_root=data_root, metainfo=metainfo)

loader = dict(
    num_workers=1,
    persistent_workers=True,
    collate_fn=dict(type='default_collate'),
)
train_dataloader = dict(
    **loader,
    batch_size=32,
    sampler=dict(type='ClassBalancedSampler'),
    dataset=dict(
        **faces,
        ann_file='labels.csv',
        split='train',
        subset='labeled',
        pipeline=load + weak_view + [dict(type='PackInputs')],
    ),
)
unlabeled_dataloader = dict(
    **loader,
    batch_size=32,
    sampler=dict(type='InfiniteShuffleSampler'),
    dataset=dict(
        **faces,
        ann_file='unlabeled.csv',
        subset='unlabeled',
        truth_column='truth',
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
# Validation uses still faces of other people, and the test whole videos.
val_dataloader = dict(
    **loader,
    batch_size=128,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        **faces,
        ann_file='labels.csv',
        split='val',
        test_mode=True,
        pipeline=load + clean_view + [dict(type='PackInputs')],
    ),
)
test_dataloader = dict(
    **loader,
    batch_size=128,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='VideoFrameDataset',
        data_root=data_root,
        ann_file='frames.csv',
        metainfo=metainfo,
        split='val',
        test_mode=True,
        pipeline=load
        + clean_view
        + [
            dict(
                type='PackInputs',
                meta_keys=('img_path', 'video', 'start', 'num_frames'),
            ),
        ],
    ),
)
data_preprocessor = dict(
    type='ClsDataPreprocessor',
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    to_rgb=True,
)
