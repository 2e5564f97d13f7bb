# A classifier for this collection alone, which docs/calibration.md adapts to
# another one: ResNet-18 with half of its channels, 64 pixels, on all labeled
# faces of split=train, balanced by class, in gray.
# In that split, 64 % of the sad faces are in color and 7 % of the others, so a
# network would learn that color means sadness, and split=val (71 % and 0.3 %)
# would not reveal it.
#   FER_SSL_FACES=DIR mim train fer_ssl configs/faces/faces_starter.py
# About 20 minutes on one busy core. Our own result on split=val, one training:
# macro-F1 63.95, UAR 67.31, accuracy 86.90.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/faces_64.py',
    '../_base_/schedules/sgd_cosine.py',
]

model = dict(
    type='ImageClassifier',
    backbone=dict(type='ResNet', depth=18, stem_channels=32, base_channels=32),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(
        type='LinearClsHead',
        num_classes=5,
        in_channels=256,
        loss=dict(type='LabelSmoothLoss', label_smooth_val=0.1, num_classes=5),
        topk=(1,),
    ),
    data_preprocessor=_base_.data_preprocessor,
)

load = [
    *_base_.load,
    # BGR weights of the brightness
    dict(
        type='RandomGrayscale',
        prob=1.0,
        keep_channels=True,
        channel_weights=(0.114, 0.587, 0.299),
    ),
]
augment = [dict(step, type=f'Fast{step.type}') for step in _base_.strong_view]
train_dataloader = dict(
    batch_size=64,
    dataset=dict(
        labeled_per_class=None,
        pipeline=load + augment + [dict(type='FastPackInputs')],
    ),
)
val_dataloader = dict(
    dataset=dict(
        pipeline=[
            *load,
            dict(type='CenterCrop', crop_size=64),
            dict(type='PackInputs'),
        ]
    )
)
test_dataloader = val_dataloader

# The collection was cropped by the boxes of OpenCV's frontal Haar cascade.
face_crop = dict(size=112, margin=0.0)

max_iters = 4000
train_cfg = dict(max_iters=max_iters, val_interval=1000)
val_evaluator = dict(type='MacroF1Metric')
test_evaluator = val_evaluator

optim_wrapper = dict(optimizer=dict(lr=0.1, nesterov=True))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, end=200),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=200),
]
# Saves the mean of the weights over about the last 500 steps.
custom_hooks = [
    dict(
        type='EMAHook',
        ema_type='ExponentialMovingAverage',
        momentum=0.002,
        update_buffers=True,
    )
]
default_hooks = dict(checkpoint=dict(interval=1000))
