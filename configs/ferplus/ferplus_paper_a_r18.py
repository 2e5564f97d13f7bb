# Paper A as printed, on 100 labeled faces per class of FERPlus, all others of
# its training set unlabeled: sampled pseudo-labels of a teacher, and the
# feedback of its student. Both networks start from random weights.
#   FER_SSL_DATA=DIR OMP_NUM_THREADS=1 mim train fer_ssl \
#       configs/ferplus/ferplus_paper_a_r18.py
# 40 minutes of one CPU core. Result: docs/few_labels.md.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/resnet18_48.py',
    '../_base_/datasets/ferplus_48.py',
    '../_base_/schedules/few_labels_sgd.py',
]

model = dict(
    type='TeacherStudent',
    network=_base_.network,
    data_preprocessor=_base_.data_preprocessor,
)

max_iters = 2400
train_cfg = dict(
    type='MetaPseudoLabelLoop',
    max_iters=max_iters,
    val_interval=max_iters,
    unlabeled_dataloader=_base_.unlabeled_dataloader,
    views=_base_.views,
    pseudo_label='sample',
    feedback=dict(type='DotFeedback', bfloat16=True),
)
optim_wrapper = dict(
    _delete_=True,
    constructor='MultiOptimWrapperConstructor',
    teacher=_base_.optim_wrapper,
    student=_base_.optim_wrapper,
)
param_scheduler = dict(
    _delete_=True,
    teacher=_base_.param_scheduler,
    student=_base_.param_scheduler,
)
model_wrapper_cfg = dict(type='MMSeparateDistributedDataParallel')

# The student learns pseudo-labels, not balanced faces, so a class prior added
# to its predictions would count twice: `prior` equals `balanced`.
val_evaluator = [
    dict(type='MacroF1Metric', network='balanced', prefix='balanced'),
    dict(type='MacroF1Metric', prefix='prior'),
    dict(type='MacroF1Metric', network='teacher', prefix='teacher'),
]
test_evaluator = val_evaluator
custom_hooks = [
    dict(type='FeedbackLossHook'),
    dict(type='PseudoLabelCollapseHook', interval=100),
    dict(type='CpuTimeHook'),
]
