# The student of faces_spatial_r18.py frame by frame on the sequences of
# tools/dataset/make_sequences.py, raw and smoothed: the comparison for
# faces_temporal_r18.py.
#   mim test fer_ssl configs/faces/faces_static_r18.py \
#       --checkpoint work_dirs/faces_spatial_r18/iter_400.pth
# Reads data/sequences, or the folder FER_SSL_SEQUENCES.
# CPU, 2 cores. Result: docs/results.md.
_base_ = ['faces_spatial_r18.py']

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
            *_base_.load,
            dict(type='CenterCrop', crop_size=64),
            dict(
                type='PackInputs',
                meta_keys=('img_path', 'video', 'start', 'num_frames'),
            ),
        ],
    )
)
majority = dict(type='MajoritySmoothing', window=30)
test_evaluator = [
    dict(type='MacroF1Metric', prefix='student'),
    dict(
        type='MacroF1Metric', prefix='student_smoothed', post_process=majority
    ),
    dict(type='MacroF1Metric', prefix='teacher', network='teacher'),
]
