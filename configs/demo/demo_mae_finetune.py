# Paper B's fine-tuning on the synthetic faces: the encoder of demo_mae.py
# (FER_SSL_MAE names its checkpoint) on the labeled expressions.
#   mim train fer_ssl configs/demo/demo_mae_finetune.py
# About a minute on 2 cores. From random weights:
#   --cfg-options model.backbone.init_cfg=None
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/demo_data.py',
    '../_base_/demo_vit.py',
]

pretrained = '{{$FER_SSL_MAE:work_dirs/demo_mae/iter_1500.pth}}'
model = dict(
    type='ImageClassifier',
    data_preprocessor=_base_.data_preprocessor,
    backbone=dict(
        **_base_.vit,
        type='VisionTransformer',
        out_type='avg_featmap',
        final_norm=False,
        init_cfg=dict(
            type='Pretrained', checkpoint=pretrained, prefix='backbone.'
        ),
    ),
    head=dict(type='LinearClsHead', num_classes=8, in_channels=96, topk=(1,)),
)

# No centre crop: the faces are as large as the network's input.
shift = dict(type='RandomCrop', crop_size=48, padding=4)
train_dataloader = dict(
    sampler=dict(_delete_=True, type='InfiniteShuffleSampler'),
    dataset=dict(
        _delete_=True,
        type='VideoFrameDataset',
        data_root=_base_.data_root,
        ann_file='frames.csv',
        metainfo=_base_.metainfo,
        split='train',
        only_labeled=True,
        pipeline=[
            *_base_.load,
            shift,
            *_base_.strong_view[1:],
            dict(type='PackInputs'),
        ],
    ),
)
val_dataloader = dict(
    dataset=dict(pipeline=[*_base_.load, dict(type='PackInputs')])
)
test_dataloader = dict(
    dataset=dict(
        pipeline=[
            *_base_.load,
            dict(
                type='PackInputs',
                meta_keys=('img_path', 'video', 'start', 'num_frames'),
            ),
        ],
    ),
)

max_iters = 1000
train_cfg = dict(
    type='ResumableTrainLoop', max_iters=max_iters, val_interval=500
)
val_cfg = dict()
test_cfg = dict()
val_evaluator = dict(type='MacroF1Metric')
test_evaluator = dict(
    type='MacroF1Metric', out_file='work_dirs/demo_mae_finetune/frames.csv'
)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.05),
    constructor='LearningRateDecayOptimWrapperConstructor',
    paramwise_cfg=dict(layer_decay_rate=0.75),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, end=100),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=100),
]
default_hooks = dict(checkpoint=dict(interval=500))
