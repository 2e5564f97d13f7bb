# Head of configs/paper_b/*_code.py: no dropout, attention to all frames.
code_head = dict(
    temporal_encoder=dict(
        tcn=dict(dropout=0.0),
        transformer=dict(dropout=0.0, mask_invalid=False),
    ),
    dropout=0.0,
)
