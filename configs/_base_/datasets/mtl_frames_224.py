# Single frames of s-Aff-Wild2, the data of the multi-task challenge of ABAW,
# as shipped: s-Aff-Wild2/ with MTL_Challenge/ and cropped_aligned/. 256
# pixels, cropped to 224. See docs/abaw.md.
_base_ = 'multi_task.py'

data_root = '{{$FER_SSL_DATA:data}}'
load = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(256, 256)),
]
frames = dict(
    type='VideoFrameDataset',
    data_root=data_root,
    ann_file='s-Aff-Wild2',
    data_prefix=dict(img_path='s-Aff-Wild2'),
    reader=dict(type='SAffWild2Reader'),
    metainfo=dict(classes=_base_.all_columns),
)
loader = dict(
    num_workers=8,
    persistent_workers=True,
    pin_memory=True,
    collate_fn=dict(type='default_collate'),
)
train_dataloader = dict(
    **loader,
    batch_size=64,
    sampler=dict(type='InfiniteShuffleSampler'),
    dataset=dict(
        **frames,
        split='train',
        only_labeled=True,
        pipeline=load
        + [
            dict(type='FastRandomCrop', crop_size=224),
            dict(type='FastRandomFlip', prob=0.5, direction='horizontal'),
            dict(
                type='FastColorJitter',
                brightness=0.2,
                contrast=0.2,
                saturation=0.2,
            ),
            dict(type='FastPackInputs', algorithm_keys=_base_.labels_of_tasks),
        ],
    ),
)
val_dataloader = dict(
    **loader,
    batch_size=128,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        **frames,
        split='val',
        test_mode=True,
        pipeline=load
        + [
            dict(type='CenterCrop', crop_size=224),
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
