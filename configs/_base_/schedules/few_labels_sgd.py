# SGD for training from random weights with batches of views: bfloat16, 100
# steps of warm-up, then a cosine. A config adds the number of steps.
train_cfg = dict(type='SemiSupervisedLoop', channels_last=True)
val_cfg = dict()
test_cfg = dict()
optim_wrapper = dict(
    type='Bfloat16OptimWrapper',
    optimizer=dict(
        type='SGD', lr=0.03, momentum=0.9, nesterov=True, weight_decay=5e-4
    ),
    paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, end=100),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=100),
]
