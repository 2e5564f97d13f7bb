# Paper A (arXiv 2403.11942), spatial phase, with the settings of section 4.2:
# ResNet-50 twice, teacher lr 1e-2, student lr 1e-3, cosine, batch 32 + 32,
# 100,000 steps. What the paper leaves open is in docs/method.md.
#   mim train fer_ssl configs/spatial_r50.py
# 1 GPU; time: not measured yet. The paper's own result on Aff-Wild2
# (validation): 40.57 macro-F1.
_base_ = [
    '_base_/default_runtime.py',
    '_base_/models/resnet50.py',
    '_base_/datasets/fer_224.py',
    '_base_/schedules/teacher_student_sgd.py',
]

model = dict(
    type='TeacherStudent',
    network=_base_.network,
    data_preprocessor=_base_.data_preprocessor,
)

max_iters = 100000
train_cfg = dict(
    max_iters=max_iters,
    val_interval=5000,
    unlabeled_dataloader=_base_.unlabeled_dataloader,
    pseudo_label='sample',
    student_view='strong',
    feedback='dot',
    consistency=dict(weight=1.0, temperature=1.0, threshold=0.0),
)
val_evaluator = [
    dict(type='MacroF1Metric', prefix='student'),
    dict(type='MacroF1Metric', prefix='teacher', network='teacher'),
]
test_evaluator = val_evaluator

custom_hooks = [
    dict(type='FeedbackLossHook', weight=1.0),
    dict(type='PseudoLabelCollapseHook'),
]
default_hooks = dict(
    checkpoint=dict(
        interval=5000, save_best='student/macro_f1', rule='greater'
    )
)
