# spatial_r50.py with faster steps: bfloat16, channels-last memory format,
# fused optimizers and compiled backbones. docs/benchmarks.md compares the two.
#   mim train fer_ssl configs/spatial_r50_fast.py
# 1 GPU with bfloat16 (Ampere or later); on the CPU with
# --cfg-options compile=False. Time and result: not measured yet.
_base_ = ['spatial_r50.py']

train_cfg = dict(
    channels_last=True,
    feedback=dict(_delete_=True, type='DotFeedback', bfloat16=True),
)
optim_wrapper = dict(
    teacher=dict(type='Bfloat16OptimWrapper', optimizer=dict(fused=True)),
    student=dict(type='Bfloat16OptimWrapper', optimizer=dict(fused=True)),
)
# Batches have few sizes, so a kernel for each is faster than a general one.
compile = dict(dynamic=False)
