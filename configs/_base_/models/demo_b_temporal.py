# Temporal phase of paper B on features of the Vision Transformer of
# demo_mae_finetune.py. FER_SSL_ENCODER chooses the encoder: full, no_tcn,
# no_transformer (Table 5 of the paper) or gru, a simple comparison. A config
# adds its task.
_base_ = 'demo_vit.py'

student_checkpoint = (
    '{{$FER_SSL_STUDENT:work_dirs/demo_mae_finetune/iter_450.pth}}'
)
variant = '{{$FER_SSL_ENCODER:full}}'

tcn = dict(type='TCN', channels=(96, 64), dropout=0.3)
transformer = dict(
    type='TransformerEncoder', embed_dims=64, num_layers=2, dropout=0.3
)
encoders = dict(
    full=dict(type='TCNTransformerEncoder', tcn=tcn, transformer=transformer),
    no_tcn=transformer,
    no_transformer=tcn,
    gru=dict(type='RecurrentEncoder', cell='GRU', embed_dims=64),
)
if variant not in encoders:
    raise ValueError(
        f'FER_SSL_ENCODER={variant!r} must be one of {", ".join(encoders)}.'
    )

model = dict(
    type='FrameRecognizer',
    backbone=dict(
        **_base_.vit,
        type='mmpretrain.VisionTransformer',
        out_type='avg_featmap',
        final_norm=False,
    ),
    student_checkpoint=student_checkpoint,
    data_preprocessor=dict(
        type='FrameDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        to_rgb=True,
    ),
    cls_head=dict(
        type='TemporalFrameHead',
        temporal_encoder=dict(**encoders[variant], in_channels=96),
        dropout=0.3,
    ),
)
