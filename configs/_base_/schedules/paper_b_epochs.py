# AdamW of paper B (arXiv 2403.11440). A config adds the number of epochs. The
# runtime is its base because logs and checkpoints count epochs here.
_base_ = '../default_runtime.py'

train_cfg = dict(type='ResumableEpochLoop', val_interval=1)
val_cfg = dict()
test_cfg = dict()
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=3e-5, weight_decay=1e-5),
)
# One epoch of warm-up; the cosine ends with the training.
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=3e-4,
        end=1,
        convert_to_iter_based=True,
    ),
    dict(
        type='CosineAnnealingLR',
        begin=1,
        eta_min=1e-8,
        convert_to_iter_based=True,
    ),
]
default_hooks = dict(
    logger=dict(log_metric_by_epoch=True),
    checkpoint=dict(by_epoch=True, interval=1, rule='greater'),
)
log_processor = dict(by_epoch=True)
