# What configs/paper_b/*_code.py have in common: no dropout, attention to all
# frames, two epochs of warm-up, windows that do not overlap in the test.
code_head = dict(
    temporal_encoder=dict(
        tcn=dict(dropout=0.0),
        transformer=dict(dropout=0.0, mask_invalid=False),
    ),
    dropout=0.0,
)
code_test = dict(stride=300)
code_schedule = [
    dict(
        type='LinearLR',
        start_factor=3e-4,
        end=2,
        convert_to_iter_based=True,
    ),
    dict(
        type='CosineAnnealingLR',
        begin=2,
        eta_min=1e-8,
        convert_to_iter_based=True,
    ),
]
