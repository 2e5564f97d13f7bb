# Paper B (arXiv 2403.11440), action units on Aff-Wild2, as in its code
# (github.com/upczww/abaw6): no dropout, two epochs of warm-up, attention to
# all frames, and windows that do not overlap in the test.
# Not taken over: it leaves a frame out of the loss if any unit is not
# annotated.
# Commands are those of au_paper.py. 1 GPU. The paper's own result is there;
# which of the two forms it is of, the paper does not say.
_base_ = 'au_paper.py'

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
        T_max=28,
        eta_min=1e-8,
        convert_to_iter_based=True,
    ),
]
