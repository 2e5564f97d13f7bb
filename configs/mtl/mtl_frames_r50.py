# Multi-task learning on s-Aff-Wild2 (7th and 11th ABAW), frame by frame: one
# ResNet-50 for valence and arousal, expressions and action units.
#   mim run fer_ssl dataset:check data
#   mim train fer_ssl configs/mtl/mtl_frames_r50.py
#   mim test fer_ssl configs/mtl/mtl_frames_r50.py --checkpoint WEIGHTS.pth
# 1 GPU; time and result: not measured yet. The organizers' baselines: P of .32
# (7th) and .45 (11th); the winner of the 7th: P of 1.5286, the sum of .5420
# (VA), .4286 (expressions) and .5580 (action units), on the test set. The 11th
# forbids weights that were trained on Aff-Wild2, as those of spatial_r50.py.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/resnet50.py',
    '../_base_/datasets/mtl_frames_224.py',
    '../_base_/schedules/sgd_cosine.py',
]

model = dict(
    **_base_.network,
    data_preprocessor=_base_.data_preprocessor,
)
model['head'] = dict(
    type='MultiTaskImageHead', in_channels=2048, tasks=_base_.task_heads
)

max_iters = 20000
train_cfg = dict(max_iters=max_iters, val_interval=2000)
default_hooks = dict(
    checkpoint=dict(interval=2000, save_best='P', rule='greater')
)
