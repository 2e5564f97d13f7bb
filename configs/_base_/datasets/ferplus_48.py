# Few labels of FERPlus. The folder FER_SSL_DATA contains FERPlus/, with
# fer2013new.csv and data/, as its owners' script makes it.
# 7 classes by plurality of all votes; 48 pixels, gray; all faces are kept in
# memory, and the views are made from whole batches. See docs/few_labels.md.
data_root = '{{$FER_SSL_DATA:data}}'
classes = (
    'neutral',
    'happiness',
    'surprise',
    'sadness',
    'anger',
    'disgust',
    'fear',
)
load = [
    dict(type='LoadImageFromFile', color_type='grayscale'),
    dict(type='Resize', scale=(48, 48), interpolation='area'),
    dict(type='PackInputs'),
]
ferplus = dict(
    type='FERPlusDataset',
    data_root=f'{data_root}/FERPlus',
    voting='most',
    label_options=dict(contempt='drop', uncertain='drop'),
    metainfo=dict(classes=classes),
    pipeline=load,
)
validation = dict(ferplus, split='val', subset='all', held_out=0.0)
# held_out > 0 keeps a part of the training set apart, on which to choose
# settings. docs/few_labels.md shows how to change the draw.
draw = dict(labeled_per_class=100, labeled_ratio=1.0, seed=0, held_out=0.0)

# FERPlus contains 279 validation images a second time, in its training set.
labeled = dict(
    type='CachedFaces',
    dataset=dict(ferplus, split='train', subset='labeled', **draw),
    without=validation,
)
unlabeled = dict(
    type='CachedFaces',
    dataset=dict(ferplus, split='train', subset='unlabeled', **draw),
    without=validation,
)
# Unlabeled faces of another collection, and both together, for
# unlabeled_dataloader.dataset. FER_SSL_FACES is a folder as for configs/faces.
collection = dict(
    type='FaceDataset',
    data_root='{{$FER_SSL_FACES:data/faces}}',
    ann_file='labels.csv',
    subset='unlabeled',
    labeled_per_class=0,
    metainfo=dict(classes=classes),
    pipeline=load,
)
other_faces = dict(type='CachedFaces', dataset=collection)
all_faces = dict(
    type='CachedFaces',
    dataset=dict(
        type='ConcatDataset', datasets=[unlabeled['dataset'], collection]
    ),
    without=validation,
)

train_dataloader = dict(
    batch_size=32,
    num_workers=0,
    sampler=dict(type='ClassBalancedSampler'),
    collate_fn=dict(type='default_collate'),
    dataset=labeled,
)
unlabeled_dataloader = dict(
    batch_size=96,
    num_workers=0,
    sampler=dict(type='InfiniteShuffleSampler'),
    collate_fn=dict(type='default_collate'),
    dataset=unlabeled,
)
val_dataloader = dict(
    batch_size=256,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='default_collate'),
    dataset=dict(validation, test_mode=True),
)
test_dataloader = val_dataloader

views = dict(
    weak=[
        dict(type='RandomHorizontalFlip'),
        dict(
            type='RandomAffine',
            degrees=5,
            translate=(0.04, 0.04),
            scale=(0.95, 1.05),
            padding_mode='border',
            p=1.0,
        ),
    ],
    strong=[
        dict(type='RandomHorizontalFlip'),
        dict(
            type='RandomAffine',
            degrees=25,
            translate=(0.06, 0.06),
            scale=(0.8, 1.25),
            shear=8,
            padding_mode='border',
            p=1.0,
        ),
        dict(
            type='ColorJitter',
            brightness=(0.7, 1.4),
            contrast=(0.5, 1.8),
            p=1.0,
        ),
        dict(type='RandomGamma', gamma=(0.6, 1.7), p=1.0),
        dict(type='RandomSharpness', sharpness=2.0, p=1.0),
        dict(
            type='RandomErasing',
            scale=(0.02, 0.17),
            ratio=(0.5, 2.0),
            value=0.5,
            p=1.0,
        ),
    ],
)
data_preprocessor = dict(
    type='ClsDataPreprocessor', mean=[127.5], std=[63.75], to_rgb=False
)
