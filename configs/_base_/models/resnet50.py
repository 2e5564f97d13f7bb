# The network of paper A, for teacher, student and baseline, with ImageNet
# weights as in the method's predecessor. For random weights: --cfg-options
# model.network.backbone.init_cfg=None (model.backbone.init_cfg for the
# baseline).
network = dict(
    type='ImageClassifier',
    backbone=dict(
        type='ResNet',
        depth=50,
        init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet50'),
    ),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(
        type='LinearClsHead', num_classes=8, in_channels=2048, topk=(1,)
    ),
)
