# ResNet-18 for gray faces of 48 pixels: 0.7 million weights in three stages.
# The start weights are drawn as PyTorch draws them by default; the bias of the
# linear layer, which PyTorch draws too, is 0. From those of ResNet_CIFAR
# (normal, fan-out, last norm of a block zero), the loss on strong views stays
# for hundreds of steps, with any learning rate.
start = dict(
    type='Kaiming',
    a=5**0.5,
    mode='fan_in',
    nonlinearity='leaky_relu',
    distribution='uniform',
)
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
        zero_init_residual=False,
        init_cfg=dict(start, layer='Conv2d'),
    ),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(
        type='PriorLinearHead',
        num_classes=7,
        in_channels=128,
        topk=(1,),
        init_cfg=dict(start, layer='Linear'),
    ),
)
