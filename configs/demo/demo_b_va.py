# Paper B on the synthetic videos, task VA.
#   mim run fer_ssl extract_features demo_b_va.py STUDENT.pth --out DIR
#   FER_SSL_STUDENT=STUDENT.pth FER_SSL_FEATURES=DIR \
#       mim train fer_ssl configs/demo/demo_b_va.py
# CPU, 2 cores: half a minute. Results: docs/results.md.
_base_ = [
    '../_base_/models/demo_b_temporal.py',
    '../_base_/datasets/demo_b_clips.py',
    '../_base_/schedules/demo_b_iters.py',
]

classes = ('valence', 'arousal')
task = dict(
    reader=dict(type='FramesCSVReader', tasks='VA'),
    metainfo=dict(classes=classes),
)
model = dict(
    cls_head=dict(num_classes=2, task=dict(type='ValenceArousalTask')),
)
train_dataloader = dict(dataset=task)
val_dataloader = dict(dataset=task)
test_dataloader = val_dataloader
extract_dataloader = dict(dataset=task)
val_evaluator = dict(type='ValenceArousalMetric')
test_evaluator = dict(
    type='ValenceArousalMetric', out_file='work_dirs/demo_b_va/predictions.csv'
)
