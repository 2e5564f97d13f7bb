# Learning rate of configs/paper_b/*_code.py: two epochs of warm-up.
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
