# Test-time augmentation on the synthetic stills of split=val: the networks of
# demo_spatial.py, each averaged over several views of a face, and the mean of
# both networks. FER_SSL_VIEWS chooses the views: one, flip (with the mirror
# image), crops (center crops of three sizes) or all (both, six views).
#   FER_SSL_VIEWS=flip mim test fer_ssl demo_spatial_views.py \
#       --checkpoint work_dirs/demo_spatial/iter_1800.pth
# CPU, 2 cores: seconds. Results: docs/method.md.
_base_ = 'demo_spatial.py'

model = dict(
    _delete_=True, type='AverageScoresTTA', module=dict(**_base_.model)
)

as_it_is = [dict(type='RandomFlip', prob=0.0)]
both_sides = [*as_it_is, dict(type='RandomFlip', prob=1.0)]
one_size = [dict(type='CenterCrop', crop_size=44)]
three_sizes = [dict(type='CenterCrop', crop_size=x) for x in (40, 44, 48)]
views = dict(
    one=[one_size, as_it_is],
    flip=[one_size, both_sides],
    crops=[three_sizes, as_it_is],
    all=[three_sizes, both_sides],
)
chosen = '{{$FER_SSL_VIEWS:all}}'
if chosen not in views:
    raise ValueError(
        f'FER_SSL_VIEWS={chosen!r} must be one of {", ".join(views)}.'
    )
crops, flips = views[chosen]
resize = [dict(type='Resize', scale=(44, 44))]
pack = [dict(type='PackInputs')]
test_dataloader = dict(
    dataset=dict(
        _delete_=True,
        **_base_.faces,
        ann_file='labels.csv',
        split='val',
        test_mode=True,
        pipeline=[
            *_base_.load,
            dict(type='TestTimeAug', transforms=[crops, resize, flips, pack]),
        ],
    )
)
test_evaluator = [
    dict(type='MacroF1Metric', prefix='student'),
    dict(type='MacroF1Metric', prefix='teacher', network='teacher'),
    dict(type='MacroF1Metric', prefix='both', network=['student', 'teacher']),
]
