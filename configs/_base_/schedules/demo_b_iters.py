# 200 steps of AdamW for the demo of paper B. The runtime is one of its bases
# because checkpoints are saved only at the end.
_base_ = ['../default_runtime.py', 'adamw_warmup_cosine.py']

max_iters = 200
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
optim_wrapper = dict(optimizer=dict(lr=1e-3))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, end=20),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=20),
]
default_hooks = dict(checkpoint=dict(interval=max_iters))
