# Paper B on the synthetic videos, task AU.
#   mim run fer_ssl extract_features demo_b_au.py STUDENT.pth --out DIR
#   FER_SSL_STUDENT=STUDENT.pth FER_SSL_FEATURES=DIR \
#       mim train fer_ssl configs/demo/demo_b_au.py
# CPU, 2 cores: half a minute. Results: docs/results.md.
_base_ = [
    '../_base_/models/demo_b_temporal.py',
    '../_base_/datasets/demo_b_clips.py',
    '../_base_/schedules/demo_b_iters.py',
]

classes = tuple(f'AU{i}' for i in (1, 2, 4, 6, 7, 10, 12, 15, 23, 24, 25, 26))
task = dict(
    reader=dict(type='FramesCSVReader', tasks='AU'),
    metainfo=dict(classes=classes),
)
model = dict(
    cls_head=dict(num_classes=12, task=dict(type='ActionUnitTask')),
)
train_dataloader = dict(dataset=task)
val_dataloader = dict(dataset=task)
test_dataloader = val_dataloader
extract_dataloader = dict(dataset=task)
val_evaluator = dict(type='ActionUnitMetric')
test_evaluator = dict(
    type='ActionUnitMetric', out_file='work_dirs/demo_b_au/predictions.csv'
)
