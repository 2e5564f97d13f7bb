# Temporal phase of the multi-task challenge: one Transformer encoder on the
# frozen features of the network for single frames, which predicts all tasks of
# every frame. A config adds its backbone, student, tasks and sizes.
model = dict(
    type='FrameRecognizer',
    data_preprocessor=dict(
        type='FrameDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        to_rgb=True,
    ),
    cls_head=dict(
        type='MultiTaskFrameHead',
        temporal_encoder=dict(
            type='TransformerEncoder', num_heads=4, dropout=0.3
        ),
        dropout=0.3,
    ),
)
