# Paper B's fine-tuning on the synthetic faces: the encoder of demo_mae.py
# (FER_SSL_MAE names its checkpoint) on labeled stills and frames, with
# balanced classes.
#   mim train fer_ssl configs/demo/demo_mae_finetune.py
# CPU, 2 cores: about two minutes. Results: docs/results.md. From random
# weights:
#   --cfg-options model.backbone.init_cfg=None
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/demo_vit.py',
    '../_base_/datasets/demo_data.py',
    '../_base_/schedules/adamw_warmup_cosine.py',
]

pretrained = '{{$FER_SSL_MAE:work_dirs/demo_mae/iter_3500.pth}}'
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

# No crop: the faces are as large as the network's input.
view = [
    dict(type='RandomCrop', crop_size=48, padding=4, padding_mode='edge'),
    *_base_.weak_view[1:],
]
stills = dict(
    **_base_.faces,
    ann_file='labels.csv',
    split='train',
    subset='labeled',
    pipeline=[*_base_.load, *view, dict(type='PackInputs')],
)
frames = dict(
    type='VideoFrameDataset',
    data_root=_base_.data_root,
    ann_file='frames.csv',
    metainfo=_base_.metainfo,
    split='train',
    only_labeled=True,
    pipeline=[*_base_.load, *view, dict(type='PackInputs')],
)
# Draws about as many of the 900 stills of many people as of the 13,000 frames
# of few.
train_dataloader = dict(
    batch_size=64,
    dataset=dict(
        _delete_=True,
        type='ConcatDataset',
        datasets=[frames, *[stills] * 12],
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

max_iters = 450
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
val_evaluator = dict(type='MacroF1Metric')
test_evaluator = dict(
    type='MacroF1Metric', out_file='work_dirs/demo_mae_finetune/frames.csv'
)
optim_wrapper = dict(optimizer=dict(lr=2e-3))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, end=100),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=100),
]
default_hooks = dict(checkpoint=dict(interval=max_iters))
