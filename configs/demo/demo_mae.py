# Paper B's pretraining on the synthetic faces: a masked autoencoder of a small
# Vision Transformer (48 pixels, patches of 6) on all stills, without their
# labels.
#   mim train fer_ssl configs/demo/demo_mae.py
# CPU, 1 core: six minutes. Results: docs/results.md.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/demo_vit.py',
    '../_base_/datasets/demo_data.py',
]

model = dict(
    type='MAE',
    data_preprocessor=dict(
        _base_.data_preprocessor, type='SelfSupDataPreprocessor'
    ),
    backbone=dict(**_base_.vit, type='MAEViT', mask_ratio=0.75),
    neck=dict(
        type='MAEPretrainDecoder',
        num_patches=64,
        patch_size=6,
        embed_dim=96,
        decoder_embed_dim=64,
        decoder_depth=1,
        decoder_num_heads=4,
    ),
    head=dict(
        type='MAEPretrainHead',
        patch_size=6,
        norm_pix=True,
        loss=dict(type='PixelReconstructionLoss', criterion='L2'),
    ),
)

faces = dict(
    type='FaceDataset',
    data_root=_base_.data_root,
    metainfo=_base_.metainfo,
    subset='unlabeled',
    pipeline=[
        dict(type='LoadImageFromFile'),
        dict(
            type='RandomResizedCrop',
            scale=48,
            crop_ratio_range=(0.5, 1.0),
        ),
        dict(type='RandomFlip', prob=0.5),
        dict(type='PackInputs'),
    ],
)
train_dataloader = dict(
    batch_size=64,
    num_workers=1,
    persistent_workers=True,
    collate_fn=dict(type='default_collate'),
    sampler=dict(_delete_=True, type='InfiniteShuffleSampler'),
    dataset=dict(
        _delete_=True,
        type='ConcatDataset',
        datasets=[
            dict(**faces, ann_file='unlabeled.csv'),
            dict(
                **faces,
                ann_file='labels.csv',
                split='train',
                labeled_per_class=0,
            ),
        ],
    ),
)
val_dataloader = None
test_dataloader = None

max_iters = 3500
train_cfg = dict(type='ResumableTrainLoop', max_iters=max_iters)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(
        type='AdamW', lr=1.5e-3, betas=(0.9, 0.95), weight_decay=0.05
    ),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, end=100),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=100),
]
