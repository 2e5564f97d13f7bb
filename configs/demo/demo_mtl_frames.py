# Multi-task learning on sparse frames of the synthetic videos, frame by frame.
#   mim train fer_ssl configs/demo/demo_mtl_frames.py
# FER_SSL_TASKS=VA (or EXPR, or AU, or two of them) trains a network for fewer
# tasks, on the frames that are annotated for them. CPU, 2 cores: about a
# minute. Results: docs/abaw.md.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/demo_resnet18.py',
    '../_base_/datasets/multi_task.py',
    '../_base_/schedules/sgd_cosine.py',
]

data_root = '{{$FER_SSL_DEMO:data/synthetic}}'
tasks = tuple('{{$FER_SSL_TASKS:VA,EXPR,AU}}'.split(','))
if not set(tasks) <= set(_base_.columns):
    raise ValueError(
        f'FER_SSL_TASKS={",".join(tasks)!r} must be one of '
        f'{", ".join(_base_.columns)}, or several, separated by commas.'
    )

model = dict(
    type='ImageClassifier',
    backbone=_base_.backbone,
    neck=dict(type='GlobalAveragePooling'),
    head=dict(
        type='MultiTaskImageHead',
        in_channels=64,
        tasks={task: _base_.task_heads[task] for task in tasks},
    ),
    data_preprocessor=dict(
        type='ClsDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        to_rgb=True,
    ),
)

frames = dict(
    type='VideoFrameDataset',
    data_root=data_root,
    ann_file='sparse',
    data_prefix=dict(img_path=''),
    reader=dict(type='SAffWild2Reader', tasks=tasks, crops=('frames',)),
    metainfo=dict(
        classes=tuple(x for task in tasks for x in _base_.columns[task])
    ),
)
loader = dict(
    num_workers=1,
    persistent_workers=True,
    collate_fn=dict(type='default_collate'),
)
train_dataloader = dict(
    **loader,
    batch_size=32,
    sampler=dict(type='InfiniteShuffleSampler'),
    dataset=dict(
        **frames,
        split='train',
        only_labeled=True,
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='FastRandomCrop', crop_size=44),
            dict(type='FastRandomFlip', prob=0.5, direction='horizontal'),
            dict(
                type='FastColorJitter',
                brightness=0.2,
                contrast=0.2,
                saturation=0.2,
            ),
            dict(
                type='FastPackInputs',
                algorithm_keys=tuple(f'{task}_gt_label' for task in tasks),
            ),
        ],
    ),
)
val_dataloader = dict(
    **loader,
    batch_size=128,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        **frames,
        split='val',
        test_mode=True,
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='CenterCrop', crop_size=44),
            dict(
                type='FastPackInputs',
                meta_keys=('img_path', 'video', 'start', 'num_frames'),
            ),
        ],
    ),
)
test_dataloader = val_dataloader
# Size of the face crops when the network is applied to other images.
face_crop = dict(size=48)

max_iters = 600
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
val_evaluator = dict(metrics=[_base_.metrics[task] for task in tasks])
test_evaluator = val_evaluator
optim_wrapper = dict(optimizer=dict(lr=0.03, nesterov=True))
default_hooks = dict(checkpoint=dict(interval=max_iters))
