# Supervised training on the labeled synthetic faces alone.
#   mim train fer_ssl configs/demo/demo_baseline.py
# CPU, 2 cores: about a minute. Results: docs/results.md.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/demo_resnet18.py',
    '../_base_/datasets/demo_data.py',
    '../_base_/schedules/sgd_cosine.py',
]

model = dict(
    **_base_.network,
    data_preprocessor=_base_.data_preprocessor,
)

max_iters = 1200
train_cfg = dict(max_iters=max_iters, val_interval=600)
val_evaluator = dict(type='MacroF1Metric')
test_evaluator = dict(
    type='MacroF1Metric', out_file='work_dirs/demo_baseline/predictions.csv'
)

optim_wrapper = dict(optimizer=dict(lr=0.03, nesterov=True))
default_hooks = dict(checkpoint=dict(interval=600))
