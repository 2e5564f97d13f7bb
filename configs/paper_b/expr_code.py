# Paper B (arXiv 2403.11440), expressions on Aff-Wild2, as in its code
# (github.com/upczww/abaw6): no dropout, two epochs of warm-up, attention to
# all frames, and windows that do not overlap in the test. Its predictions are
# smoothed by the majority of 40 frames. The commands are those of
# expr_paper.py. 1 GPU. The paper's own result is given there; the paper does
# not say which of the two variants it belongs to.
_base_ = [
    'expr_paper.py',
    '../_base_/models/paper_b_code_head.py',
    '../_base_/datasets/paper_b_code_windows.py',
    '../_base_/schedules/paper_b_code_schedule.py',
]

model = dict(cls_head=_base_.code_head)
test_dataloader = dict(dataset=_base_.code_test)
param_scheduler = _base_.code_schedule
test_evaluator = [
    dict(type='MacroF1Metric'),
    dict(
        type='MacroF1Metric',
        prefix='smoothed',
        post_process=dict(type='MajoritySmoothing', window=40),
    ),
]
