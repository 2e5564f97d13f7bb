# Post-processing of the expressions that demo_temporal.py predicts for the
# synthetic videos, step by step and with five ways to smooth. All steps are
# fitted to predictions for other videos, FER_SSL_FIT_FILES.
#   FER_SSL_FIT_FILES=other_videos.csv mim test fer_ssl \
#       demo_post_processing.py \
#       --checkpoint work_dirs/demo_temporal/iter_400.pth
# configs/ablations/demo_post_processing.yml runs everything. CPU, 2 cores:
# half a minute. Results: docs/method.md.
_base_ = ['demo_temporal.py', '../_base_/datasets/expression_steps.py']

test_evaluator = [
    dict(
        type='MacroF1Metric',
        out_file='work_dirs/demo_post_processing/predictions.csv',
    ),
    *_base_.step_metrics,
]
