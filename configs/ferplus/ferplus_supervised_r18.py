# Supervised training on 100 labeled faces per class of FERPlus, in a weak and
# a strong view: the baseline of the few-label benchmark.
#   FER_SSL_DATA=DIR OMP_NUM_THREADS=1 mim train fer_ssl \
#       configs/ferplus/ferplus_supervised_r18.py
# 40 minutes of one CPU core. Result: docs/few_labels.md.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/resnet18_48.py',
    '../_base_/datasets/ferplus_48.py',
    '../_base_/schedules/few_labels_sgd.py',
]

model = dict(**_base_.network, data_preprocessor=_base_.data_preprocessor)

max_iters = 14000
train_cfg = dict(
    max_iters=max_iters,
    val_interval=max_iters,
    unlabeled_dataloader=_base_.unlabeled_dataloader,
    views=_base_.views,
    labeled_views=('weak', 'strong'),
    method=dict(type='Supervised'),
)
# As if all expressions were equally frequent, and with the prior that
# ClassPriorHook has estimated.
val_evaluator = [
    dict(type='MacroF1Metric', network='balanced', prefix='balanced'),
    dict(type='MacroF1Metric', prefix='prior'),
]
test_evaluator = val_evaluator
# The unlabeled faces serve only to estimate the prior.
custom_hooks = [
    # In the beginning, the average of all steps so far.
    dict(
        type='EMAHook',
        ema_type='MomentumAnnealingEMA',
        momentum=0.001,
        gamma=10,
        update_buffers=True,
    ),
    dict(type='ClassPriorHook'),
    dict(type='CpuTimeHook'),
]
