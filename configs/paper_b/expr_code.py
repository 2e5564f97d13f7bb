# Paper B (arXiv 2403.11440), expressions on Aff-Wild2, as in its code
# (github.com/upczww/abaw6): no dropout, two epochs of warm-up, attention to
# all frames, and windows that do not overlap in the test.
# Its predictions are smoothed by the majority of 40 frames.
# Commands are those of expr_paper.py. 1 GPU. The paper's own result is there;
# which of the two forms it is of, the paper does not say.
_base_ = 'expr_paper.py'

model = dict(
    cls_head=dict(
        temporal_encoder=dict(
            tcn=dict(dropout=0.0),
            transformer=dict(dropout=0.0, mask_invalid=False),
        ),
        dropout=0.0,
    )
)
test_dataloader = dict(dataset=dict(stride=300))
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=3e-4,
        end=2,
        convert_to_iter_based=True,
    ),
    dict(
        type='CosineAnnealingLR',
        begin=2,
        T_max=8,
        eta_min=1e-8,
        convert_to_iter_based=True,
    ),
]
test_evaluator = [
    dict(type='MacroF1Metric'),
    dict(
        type='MacroF1Metric',
        prefix='smoothed',
        post_process=dict(type='MajoritySmoothing', window=40),
    ),
]
