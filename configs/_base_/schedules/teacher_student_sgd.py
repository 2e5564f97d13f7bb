# SGD with a cosine schedule for teacher and student, with the learning rates
# of paper A (section 4.2). A config adds the number of steps and the options
# of the loop.
train_cfg = dict(type='MetaPseudoLabelLoop')
val_cfg = dict()
test_cfg = dict()
optim_wrapper = dict(
    constructor='MultiOptimWrapperConstructor',
    teacher=dict(
        type='OptimWrapper',
        optimizer=dict(type='SGD', lr=1e-2, momentum=0.9, weight_decay=5e-4),
    ),
    student=dict(
        type='OptimWrapper',
        optimizer=dict(type='SGD', lr=1e-3, momentum=0.9, weight_decay=5e-4),
    ),
)
cosine = dict(type='CosineAnnealingLR', by_epoch=False)
param_scheduler = dict(teacher=cosine, student=cosine)
# Each network has its own optimizer, so each needs its own DDP reducer.
model_wrapper_cfg = dict(type='MMSeparateDistributedDataParallel')
