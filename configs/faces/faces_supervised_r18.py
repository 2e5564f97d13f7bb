# Supervised training on 60 labeled faces per class, the comparison for
# faces_spatial_r18.py: same network, labeled batches, views and steps.
#   FER_SSL_FACES=DIR mim train fer_ssl configs/faces/faces_supervised_r18.py
# CPU, 2 cores: minutes. Result: docs/results.md.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/resnet18_64.py',
    '../_base_/datasets/faces_64.py',
    '../_base_/schedules/sgd_cosine.py',
]

model = dict(
    **_base_.network,
    data_preprocessor=_base_.data_preprocessor,
)

max_iters = 400
train_cfg = dict(max_iters=max_iters, val_interval=200)
val_evaluator = dict(type='MacroF1Metric')
test_evaluator = val_evaluator

optim_wrapper = dict(optimizer=dict(lr=0.03, nesterov=True))
default_hooks = dict(
    checkpoint=dict(interval=200, save_best='macro_f1', rule='greater')
)
