# Windows of 300 frames of Aff-Wild2 with cached features, for the temporal
# phase of paper B (arXiv 2403.11440). A config adds its task.
data_root = '{{$FER_SSL_DATA:data}}'

# The paper's code leaves out the frames at the end of a video that fill no
# window, and videos shorter than a window; here the last window ends with the
# video.
clips = dict(
    type='VideoClipDataset',
    data_root=data_root,
    ann_file='Aff-Wild2',
    data_prefix=dict(img_path='Aff-Wild2'),
    window=300,
    stride=200,
    pipeline=[dict(type='PackClipInputs')],
)
train_dataloader = dict(
    batch_size=32,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(**clips, split='train'),
)
val_dataloader = dict(
    batch_size=32,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(**clips, split='val', test_mode=True),
)
test_dataloader = val_dataloader
# What tools/extract_features.py reads; its pipeline is the one that the
# student was tested with.
extract_dataloader = dict(
    batch_size=128,
    num_workers=8,
    dataset=dict(
        type='VideoFrameDataset',
        data_root=data_root,
        ann_file='Aff-Wild2',
        data_prefix=dict(img_path='Aff-Wild2'),
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='Resize', scale=(256, 256)),
            dict(type='CenterCrop', crop_size=224),
            dict(type='PackInputs'),
        ],
    ),
)
