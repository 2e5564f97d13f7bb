# SGD with a cosine schedule for one network. A config adds the number of
# steps.
train_cfg = dict(type='ResumableTrainLoop')
val_cfg = dict()
test_cfg = dict()
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=5e-4),
)
param_scheduler = dict(type='CosineAnnealingLR', by_epoch=False)
