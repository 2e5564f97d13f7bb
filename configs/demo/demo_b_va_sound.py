# Paper B on the synthetic videos, task VA, from faces and sound.
#   mim run fer_ssl extract_audio demo_b_va.py data/synthetic/sounds \
#       --out SOUND --fps 30
#   FER_SSL_STUDENT=STUDENT.pth FER_SSL_FEATURES=DIR FER_SSL_AUDIO=SOUND \
#       mim train fer_ssl configs/demo/demo_b_va_sound.py
# CPU, 2 cores: half a minute. Results: docs/results.md.
_base_ = 'demo_b_va.py'

# Each data set has its own dict, as mmengine takes the key out of it.
stores = dict(
    visual=_base_.feature_store,
    audio='{{$FER_SSL_AUDIO:work_dirs/demo_b/sound}}',
)
train_dataloader = dict(
    dataset=dict(feature_store=dict(_delete_=True, **stores))
)
val_dataloader = dict(
    dataset=dict(feature_store=dict(_delete_=True, **stores))
)
test_dataloader = dict(
    dataset=dict(feature_store=dict(_delete_=True, **stores))
)
model = dict(
    cls_head=dict(
        temporal_encoder=dict(
            _delete_=True,
            type='StreamFusionEncoder',
            in_channels=96 + 64,
            streams=[
                dict(in_channels=96, encoder=_base_.tcn),
                dict(in_channels=64, encoder=_base_.tcn, standardize=True),
            ],
            fusion='gated',
            encoder=_base_.transformer,
        )
    )
)
test_evaluator = dict(out_file='work_dirs/demo_b_va_sound/predictions.csv')
