# Supervised baseline: the network of the spatial phase on the labeled faces
# alone, with the same batches, augmentation and number of steps.
#   mim train fer_ssl configs/baseline_r50.py
# 1 GPU; time: not measured yet. The paper's 23.00 macro-F1 is the challenge
# organizers' baseline.
_base_ = [
    '_base_/default_runtime.py',
    '_base_/models/resnet50.py',
    '_base_/datasets/fer_224.py',
    '_base_/schedules/sgd_cosine.py',
]

model = dict(
    **_base_.network,
    data_preprocessor=_base_.data_preprocessor,
)

max_iters = 100000
train_cfg = dict(max_iters=max_iters, val_interval=5000)
val_evaluator = dict(type='MacroF1Metric')
test_evaluator = val_evaluator

default_hooks = dict(
    checkpoint=dict(interval=5000, save_best='macro_f1', rule='greater')
)
