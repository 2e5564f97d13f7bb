# Supervised training on 60 labeled faces per class, the comparison for
# faces_spatial_r18.py: same network, labeled batches, views and steps.
#   FER_SSL_FACES=DIR mim train fer_ssl configs/faces/faces_supervised_r18.py
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/faces_64.py',
    '../_base_/resnet18_64.py',
]

model = dict(
    **_base_.network,
    data_preprocessor=_base_.data_preprocessor,
)

max_iters = 400
train_cfg = dict(
    type='ResumableTrainLoop', max_iters=max_iters, val_interval=200
)
val_cfg = dict()
test_cfg = dict()
val_evaluator = dict(type='MacroF1Metric')
test_evaluator = val_evaluator

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(
        type='SGD', lr=0.03, momentum=0.9, nesterov=True, weight_decay=5e-4
    ),
)
param_scheduler = dict(type='CosineAnnealingLR', by_epoch=False)
default_hooks = dict(
    checkpoint=dict(interval=200, save_best='macro_f1', rule='greater')
)
