# Paper B (arXiv 2403.11440), section 3.1: masked autoencoder (arXiv
# 2111.06377) of ViT-B/16 on faces; 75 % masked, pixels under an L2 loss, 500
# epochs, AdamW, batch 1024, lr 5e-4. The paper does not state warm-up, decay
# and augmentation; they are those of the masked autoencoder.
#   bash tools/dist_train.sh configs/mae/mae_vit_base_faces.py 8
# 8 GPUs of 128 faces; for another batch auto_scale_lr.enable=True scales lr.
# Time: not measured yet. The paper states no result of this step alone.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/mae_faces_224.py',
]

model = dict(
    type='MAE',
    data_preprocessor=_base_.data_preprocessor,
    backbone=dict(type='MAEViT', arch='b', patch_size=16, mask_ratio=0.75),
    neck=dict(
        type='MAEPretrainDecoder',
        patch_size=16,
        embed_dim=768,
        decoder_embed_dim=512,
        decoder_depth=8,
        decoder_num_heads=16,
    ),
    head=dict(
        type='MAEPretrainHead',
        patch_size=16,
        norm_pix=True,
        loss=dict(type='PixelReconstructionLoss', criterion='L2'),
    ),
)

max_epochs = 500
train_cfg = dict(type='ResumableEpochLoop', max_epochs=max_epochs)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(
        type='AdamW', lr=5e-4, betas=(0.9, 0.95), weight_decay=0.05
    ),
    paramwise_cfg=dict(
        custom_keys={
            'ln': dict(decay_mult=0.0),
            'bias': dict(decay_mult=0.0),
            'pos_embed': dict(decay_mult=0.0),
            'mask_token': dict(decay_mult=0.0),
            'cls_token': dict(decay_mult=0.0),
        }
    ),
)
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=1e-9,
        end=40,
        convert_to_iter_based=True,
    ),
    dict(
        type='CosineAnnealingLR',
        begin=40,
        end=max_epochs,
        convert_to_iter_based=True,
    ),
]
auto_scale_lr = dict(base_batch_size=1024)
default_hooks = dict(checkpoint=dict(by_epoch=True, interval=10))
log_processor = dict(by_epoch=True)
