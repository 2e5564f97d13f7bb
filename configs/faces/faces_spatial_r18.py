# Semi-supervised training: 60 labeled faces per class, all other faces of
# split=train unlabeled (paper A, spatial phase). Both networks start from the
# weights of faces_supervised_r18.py (FER_SSL_BASELINE names their file): the
# pseudo-labels of an untrained teacher are of no use in a short run.
#   FER_SSL_FACES=DIR mim train fer_ssl configs/faces/faces_spatial_r18.py
# CPU, 2 cores: about a quarter of an hour. Result: docs/results.md.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/resnet18_64.py',
    '../_base_/datasets/faces_64.py',
    '../_base_/schedules/teacher_student_short.py',
]

baseline = '{{$FER_SSL_BASELINE:work_dirs/faces_supervised_r18/iter_400.pth}}'
model = dict(
    type='TeacherStudent',
    network=dict(
        **_base_.network,
        init_cfg=dict(type='Pretrained', checkpoint=baseline),
    ),
    data_preprocessor=_base_.data_preprocessor,
)

max_iters = 400
train_cfg = dict(
    max_iters=max_iters,
    val_interval=200,
    unlabeled_dataloader=_base_.unlabeled_dataloader,
    pseudo_label='argmax',
    feedback='dot',
    logit_adjustment=1.0,
    consistency=dict(temperature=0.5, threshold=0.7),
)
val_evaluator = [
    dict(type='MacroF1Metric', prefix='student'),
    dict(type='MacroF1Metric', prefix='teacher', network='teacher'),
]
test_evaluator = val_evaluator

custom_hooks = [
    dict(type='FeedbackLossHook'),
    dict(type='PseudoLabelCollapseHook', interval=100),
]
default_hooks = dict(
    checkpoint=dict(interval=200, save_best='student/macro_f1', rule='greater')
)
