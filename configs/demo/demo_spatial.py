# Paper A, spatial phase, on the synthetic faces. Both networks start from the
# weights of demo_baseline.py (FER_SSL_BASELINE names their file): the
# pseudo-labels of an untrained teacher are of no use in such a short run.
#   mim train fer_ssl configs/demo/demo_spatial.py
# CPU, 2 cores: about four minutes. Results: docs/results.md.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/demo_resnet18.py',
    '../_base_/datasets/demo_data.py',
    '../_base_/schedules/teacher_student_short.py',
]

baseline = '{{$FER_SSL_BASELINE:work_dirs/demo_baseline/iter_1200.pth}}'
model = dict(
    type='TeacherStudent',
    network=dict(
        **_base_.network,
        init_cfg=dict(type='Pretrained', checkpoint=baseline),
    ),
    data_preprocessor=_base_.data_preprocessor,
)

max_iters = 1800
train_cfg = dict(
    max_iters=max_iters,
    val_interval=900,
    unlabeled_dataloader=_base_.unlabeled_dataloader,
    pseudo_label='soft',
    feedback='expected',
    logit_adjustment=1.0,
    consistency=dict(temperature=0.5, threshold=0.7),
)
val_evaluator = [
    dict(type='MacroF1Metric', prefix='student'),
    dict(type='MacroF1Metric', prefix='teacher', network='teacher'),
]
test_evaluator = [
    dict(
        type='MacroF1Metric',
        prefix='student',
        out_file='work_dirs/demo_spatial/predictions.csv',
    ),
    dict(type='MacroF1Metric', prefix='teacher', network='teacher'),
]

custom_hooks = [
    dict(type='FeedbackLossHook'),
    dict(type='PseudoLabelCollapseHook', interval=100),
]
default_hooks = dict(
    checkpoint=dict(interval=900, save_best='student/macro_f1', rule='greater')
)
