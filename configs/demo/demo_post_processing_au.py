# Action units of the synthetic videos, trained as demo_temporal.py with the
# same features, and their post-processing step by step. As there, the steps
# are fitted to predictions for other videos, FER_SSL_FIT_FILES (CSV files with
# commas in between).
#   mim train fer_ssl demo_post_processing_au.py
#   FER_SSL_FIT_FILES=other_videos.csv mim test fer_ssl \
#       demo_post_processing_au.py \
#       --checkpoint work_dirs/demo_post_processing_au/iter_400.pth
# CPU, 2 cores: about a minute. Result: docs/method.md.
_base_ = 'demo_temporal.py'

classes = tuple(f'AU{i}' for i in (1, 2, 4, 6, 7, 10, 12, 15, 23, 24, 25, 26))
task = dict(
    reader=dict(type='FramesCSVReader', tasks='AU'),
    metainfo=dict(classes=classes),
)
model = dict(
    cls_head=dict(
        num_classes=12,
        loss_cls=None,
        task=dict(type='ActionUnitTask'),
    )
)
train_dataloader = dict(dataset=task)
val_dataloader = dict(dataset=task)
test_dataloader = val_dataloader
extract_dataloader = dict(dataset=task)

fit_files = '{{$FER_SSL_FIT_FILES:none}}'
val_evaluator = dict(_delete_=True, type='ActionUnitMetric')
test_evaluator = [
    dict(
        type='ActionUnitMetric',
        out_file='work_dirs/demo_post_processing_au/predictions.csv',
    )
]
if fit_files != 'none':
    test_evaluator.append(
        dict(
            type='ActionUnitMetric',
            prefix='post',
            post_process=dict(
                type='PostProcessingSteps',
                # The search scores active units, so the thresholds come first.
                steps=dict(
                    thresholds=dict(type='ActionUnitThresholds'),
                    smoothing=dict(
                        type='GaussianSmoothing',
                        search=dict(sigma=[0, 3, 5, 10, 15, 30]),
                    ),
                ),
                fit_files=fit_files.split(','),
            ),
        )
    )
