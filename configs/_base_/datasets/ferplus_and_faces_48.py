# All labeled faces of FERPlus and of a second collection, eight classes; 48
# pixels, gray. The folder FER_SSL_DATA contains FERPlus/; FER_SSL_FACES is a
# folder as for configs/faces. FERPlus gives the fractions of its votes. The
# collection has no contempt, so nothing is learned about it from its faces;
# its labels, one volunteer each, are smoothed.
data_root = '{{$FER_SSL_DATA:data}}'
classes = (
    'neutral',
    'happiness',
    'surprise',
    'sadness',
    'anger',
    'disgust',
    'fear',
    'contempt',
)
read = [
    dict(type='LoadImageFromFile', color_type='grayscale'),
    dict(type='Resize', scale=(48, 48), interpolation='area'),
]
pack = dict(type='PackInputs')
ferplus = dict(
    type='FERPlusDataset',
    data_root=f'{data_root}/FERPlus',
    label_options=dict(uncertain='drop'),
    metainfo=dict(classes=classes),
    pipeline=[*read, pack],
)
collection = dict(
    type='FaceDataset',
    data_root='{{$FER_SSL_FACES:data/faces}}',
    ann_file='labels.csv',
)
validation = dict(ferplus, split='val', voting='majority')

train_dataloader = dict(
    batch_size=128,
    num_workers=0,
    sampler=dict(type='InfiniteShuffleSampler'),
    collate_fn=dict(type='default_collate'),
    dataset=dict(
        type='CachedFaces',
        dataset=dict(
            type='ConcatDataset',
            datasets=[
                dict(ferplus, split='train', voting='distribution'),
                dict(
                    collection,
                    split='train',
                    metainfo=dict(classes=classes),
                    pipeline=[
                        *read,
                        dict(
                            type='LabelDistribution',
                            num_classes=8,
                            smoothing=0.1,
                            missing=[7],
                        ),
                        pack,
                    ],
                ),
            ],
        ),
        # FERPlus contains 279 validation images a second time, in its
        # training set.
        without=validation,
    ),
)
val_dataloader = dict(
    batch_size=256,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='default_collate'),
    dataset=dict(validation, test_mode=True),
)
test_dataloader = val_dataloader
data_preprocessor = dict(
    type='ClsDataPreprocessor', mean=[127.5], std=[63.75], to_rgb=False
)
