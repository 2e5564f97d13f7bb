# ResNet-18 for gray faces of 48 pixels: 0.7 million weights in three stages.
network = dict(
    type='ImageClassifier',
    backbone=dict(
        type='ResNet_CIFAR',
        depth=18,
        in_channels=1,
        stem_channels=16,
        base_channels=32,
        num_stages=3,
        strides=(2, 2, 2),
        dilations=(1, 1, 1),
        out_indices=(2,),
    ),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(
        type='PriorLinearHead', num_classes=7, in_channels=128, topk=(1,)
    ),
)
