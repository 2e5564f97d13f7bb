# Post-processing of the expressions of videos, step by step and with five ways
# to smooth, as metrics for test_evaluator. All steps are fitted to predictions
# for other videos, FER_SSL_FIT_FILES (CSV files with commas in between).
# FER_SSL_BLEND_FILES are predictions of another model for the same and the
# scored videos. Without files, there is no such step.
fit_files = '{{$FER_SSL_FIT_FILES:none}}'
blend_files = '{{$FER_SSL_BLEND_FILES:none}}'

windows = [1, 11, 21, 31, 51, 101]
smoothings = dict(
    gaussian=dict(
        type='GaussianSmoothing', search=dict(sigma=[0, 3, 5, 10, 15, 30])
    ),
    mean=dict(type='ProbabilitySmoothing', search=dict(window=windows)),
    median=dict(type='MedianSmoothing', search=dict(window=windows)),
    majority=dict(type='MajoritySmoothing', search=dict(window=windows)),
    viterbi=dict(
        type='ViterbiSmoothing',
        search=dict(switch_cost=[0, 1, 2, 5, 10, 20, 40]),
    ),
)
# None switches a step off: in a config of your own, or with
# --cfg-options test_evaluator.1.post_process.steps.gate=None
steps = dict(
    blend=dict(
        type='Blend',
        models=[blend_files.split(',')],
        search=dict(weights=[[1, 0], [3, 1], [1, 1], [1, 3]]),
    )
    if blend_files != 'none'
    else None,
    calibration=dict(
        type='ClassCalibration',
        search=dict(adjustment=[0.0, 0.25, 0.5, 0.75, 1.0]),
    ),
    gate=dict(
        type='ConfidenceGate',
        search=dict(threshold=[0.0, 0.3, 0.4, 0.5, 0.6, 0.7]),
    ),
)
step_metrics = [
    dict(
        type='MacroF1Metric',
        prefix=name,
        post_process=dict(
            type='PostProcessingSteps',
            steps=dict(**steps, smoothing=smoothing),
            fit_files=fit_files.split(','),
        ),
    )
    for name, smoothing in smoothings.items()
    if fit_files != 'none'
]
