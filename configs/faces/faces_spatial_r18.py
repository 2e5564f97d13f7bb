_base_ = ['../_base_/default_runtime.py', '../_base_/faces_64.py']

network = dict(
    type='ImageClassifier',
    backbone=dict(type='ResNet', depth=18),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(
        type='LinearClsHead', num_classes=5, in_channels=512, topk=(1,)
    ),
)
model = dict(
    type='TeacherStudent',
    network=network,
    data_preprocessor=_base_.data_preprocessor,
)

max_iters = 1200
train_cfg = dict(
    type='MetaPseudoLabelLoop',
    max_iters=max_iters,
    val_interval=300,
    unlabeled_dataloader=_base_.unlabeled_dataloader,
    pseudo_label='sample',
)
val_cfg = dict()
test_cfg = dict()
val_evaluator = [
    dict(type='MacroF1Metric', prefix='student'),
    dict(type='MacroF1Metric', prefix='teacher', network='teacher'),
]
test_evaluator = val_evaluator

sgd = dict(
    type='SGD', lr=0.03, momentum=0.9, nesterov=True, weight_decay=5e-4
)
optim_wrapper = dict(
    constructor='MultiOptimWrapperConstructor',
    teacher=dict(type='OptimWrapper', optimizer=sgd),
    student=dict(type='OptimWrapper', optimizer=sgd),
)
cosine = [
    dict(type='CosineAnnealingLR', by_epoch=False, T_max=max_iters, eta_min=0)
]
param_scheduler = dict(teacher=cosine, student=cosine)
custom_hooks = [dict(type='FeedbackLossHook')]
