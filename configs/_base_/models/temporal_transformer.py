# Temporal phase of paper A (section 3.4): a Transformer encoder on the frozen
# features of the student. A config adds its backbone, student and sizes.
model = dict(
    type='FrameRecognizer',
    data_preprocessor=dict(
        type='FrameDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        to_rgb=True,
    ),
    cls_head=dict(
        type='TemporalFrameHead',
        temporal_encoder=dict(
            type='TransformerEncoder', num_heads=4, dropout=0.3
        ),
        dropout=0.3,
    ),
)
