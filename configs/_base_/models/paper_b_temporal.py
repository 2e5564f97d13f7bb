# Temporal phase of paper B (arXiv 2403.11440): ViT-B/16 features, three
# temporal blocks, a Transformer encoder and an MLP. Choices that the paper
# does not state follow its code (github.com/upczww/abaw6), see
# configs/paper_b. A config adds its task.
student_checkpoint = (
    '{{$FER_SSL_STUDENT:work_dirs/finetune_vit_base_expr/iter_20000.pth}}'
)

model = dict(
    type='FrameRecognizer',
    # Without its decoder the pretrained encoder has no norm at the end, and
    # its fine-tuning averages the patches (arXiv:2111.06377, A.1).
    backbone=dict(
        type='mmpretrain.VisionTransformer',
        arch='b',
        img_size=224,
        patch_size=16,
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
        temporal_encoder=dict(
            type='TCNTransformerEncoder',
            in_channels=768,
            tcn=dict(
                channels=(768, 256, 128),
                kernel_size=5,
                causal=True,
                dropout=0.3,
            ),
            transformer=dict(
                embed_dims=512,
                num_layers=8,
                num_heads=4,
                feedforward_dims=512,
                activation='relu',
                norm_first=False,
                positional_encoding=False,
                dropout=0.3,
            ),
        ),
        hidden_channels=256,
        dropout=0.3,
    ),
)
