# Supervised training on the labeled synthetic faces alone.
#   mim train fer_ssl configs/demo/demo_baseline.py
# About a minute on 2 cores.
_base_ = ['../_base_/default_runtime.py', '../_base_/demo_data.py']

model = dict(
    **_base_.network,
    data_preprocessor=_base_.data_preprocessor,
)

max_iters = 1200
train_cfg = dict(
    type='ResumableTrainLoop', max_iters=max_iters, val_interval=600
)
val_cfg = dict()
test_cfg = dict()
val_evaluator = dict(type='MacroF1Metric')
test_evaluator = dict(
    type='MacroF1Metric', out_file='work_dirs/demo_baseline/predictions.csv'
)

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(
        type='SGD', lr=0.03, momentum=0.9, nesterov=True, weight_decay=5e-4
    ),
)
param_scheduler = dict(type='CosineAnnealingLR', by_epoch=False)
default_hooks = dict(checkpoint=dict(interval=600))
