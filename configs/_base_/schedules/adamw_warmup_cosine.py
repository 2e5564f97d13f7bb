# AdamW with 40 steps of warm-up, then a cosine. A config adds the number of
# steps.
train_cfg = dict(type='ResumableTrainLoop')
val_cfg = dict()
test_cfg = dict()
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=5e-4, weight_decay=0.05),
    clip_grad=dict(max_norm=1.0),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, end=40),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=40),
]
