# Self-supervised start: the backbone reconstructs masked patches of all
# training faces of FERPlus, without labels.
#   FER_SSL_DATA=DIR OMP_NUM_THREADS=1 mim train fer_ssl \
#       configs/ferplus/ferplus_masked_r18.py
# 10 minutes of one CPU core. ferplus_masked_soft_labels_r18.py starts from its
# weights.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/resnet18_48.py',
    '../_base_/datasets/ferplus_48.py',
]

model = dict(
    type='MaskedReconstruction',
    backbone=_base_.network.backbone,
    in_channels=128,
    stride=8,
    image_channels=1,
    patch_size=6,
    mask_ratio=0.5,
    data_preprocessor=dict(
        type='BatchViewDataPreprocessor',
        view=_base_.views.weak,
        mean=[127.5],
        std=[63.75],
    ),
)

train_dataloader = dict(
    batch_size=128,
    sampler=dict(_delete_=True, type='InfiniteShuffleSampler'),
    dataset=dict(dataset=dict(subset='unlabeled', labeled_per_class=0)),
)
val_dataloader = None
test_dataloader = None

max_iters = 1900
train_cfg = dict(type='ResumableTrainLoop', max_iters=max_iters)
optim_wrapper = dict(
    type='Bfloat16OptimWrapper',
    optimizer=dict(
        type='AdamW', lr=1.5e-3, betas=(0.9, 0.95), weight_decay=0.05
    ),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, end=100),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=100),
]
