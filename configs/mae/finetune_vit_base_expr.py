# Paper B, section 3.1: the pretrained encoder, fine-tuned on the expressions
# of Aff-Wild2; batch 256, AdamW, lr 1e-4. Frozen, it then extracts the
# features for all three tasks. The paper does not state epochs, layer decay
# and augmentation; they are those of the masked autoencoder, with fewer
# epochs, since frames repeat.
#   FER_SSL_MAE=WEIGHTS.pth bash tools/dist_train.sh \
#       configs/mae/finetune_vit_base_expr.py 4
# 4 GPUs of 64 faces; time: not measured yet. The paper states no result of
# this step alone.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/fer_224.py']

pretrained = '{{$FER_SSL_MAE:work_dirs/mae_vit_base_faces/epoch_500.pth}}'
model = dict(
    type='ImageClassifier',
    data_preprocessor=_base_.data_preprocessor,
    backbone=dict(
        type='VisionTransformer',
        arch='b',
        img_size=224,
        patch_size=16,
        drop_path_rate=0.1,
        out_type='avg_featmap',
        final_norm=False,
        init_cfg=dict(
            type='Pretrained', checkpoint=pretrained, prefix='backbone.'
        ),
    ),
    head=dict(type='LinearClsHead', num_classes=8, in_channels=768, topk=(1,)),
)

train_dataloader = dict(
    batch_size=64,
    sampler=dict(_delete_=True, type='InfiniteShuffleSampler'),
    dataset=dict(
        _delete_=True,
        type='VideoFrameDataset',
        data_root=_base_.data_root,
        ann_file='Aff-Wild2',
        data_prefix=dict(img_path='Aff-Wild2'),
        reader=dict(type='AffWild2Reader', track='EXPR'),
        metainfo=_base_.metainfo,
        split='train',
        only_labeled=True,
        pipeline=_base_.load + _base_.strong_view + [dict(type='PackInputs')],
    ),
)

max_iters = 20000
train_cfg = dict(
    type='ResumableTrainLoop', max_iters=max_iters, val_interval=2000
)
val_cfg = dict()
test_cfg = dict()
val_evaluator = dict(type='MacroF1Metric')
test_evaluator = val_evaluator

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(
        type='AdamW', lr=1e-4, betas=(0.9, 0.999), weight_decay=0.05
    ),
    constructor='LearningRateDecayOptimWrapperConstructor',
    paramwise_cfg=dict(
        layer_decay_rate=0.65,
        custom_keys={
            '.ln': dict(decay_mult=0.0),
            '.bias': dict(decay_mult=0.0),
            '.cls_token': dict(decay_mult=0.0),
            '.pos_embed': dict(decay_mult=0.0),
        },
    ),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-4, by_epoch=False, end=1000),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=1000),
]
default_hooks = dict(
    checkpoint=dict(interval=2000, save_best='macro_f1', rule='greater')
)
