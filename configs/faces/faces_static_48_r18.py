# The network of faces_soft_labels_r18.py frame by frame on the sequences of
# tools/dataset/make_sequences.py: raw, smoothed, and with post-processing that
# is fitted to predictions for other sequences, FER_SSL_FIT_FILES. All classes
# count as equally frequent. The comparison for faces_temporal_48_r18.py.
#   mim test fer_ssl configs/faces/faces_static_48_r18.py \
#       --checkpoint work_dirs/faces_soft_labels_r18/iter_5400.pth
# configs/ablations/faces_sequences.yml runs everything. Reads data/sequences,
# or the folder FER_SSL_SEQUENCES.
# CPU, one minute. Result: docs/results.md.
_base_ = [
    'faces_soft_labels_r18.py',
    '../_base_/datasets/expression_steps.py',
]

test_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='VideoFrameDataset',
        data_root='{{$FER_SSL_SEQUENCES:data/sequences}}',
        ann_file='frames.csv',
        metainfo=dict(classes=_base_.classes),
        split='val',
        test_mode=True,
        pipeline=[
            *_base_.load[:-1],
            dict(
                type='PackInputs',
                meta_keys=('img_path', 'video', 'start', 'num_frames'),
            ),
        ],
    )
)
frames = dict(type='MacroF1Metric', network='balanced')
majority = dict(type='MajoritySmoothing', window=30)
test_evaluator = [
    dict(frames, out_file='work_dirs/faces_static_48_r18/predictions.csv'),
    dict(frames, prefix='smoothed', post_process=majority),
    *[dict(metric, network='balanced') for metric in _base_.step_metrics],
]
