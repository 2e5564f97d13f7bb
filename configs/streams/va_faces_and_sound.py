# Valence-arousal on Aff-Wild2 from faces and sound: paper B with a second
# stream, log-mel spectra of each video's own sound track. One TCN per stream
# and a joint Transformer, as in the authors' code of the previous year
# (github.com/upczww/abaw5); gates replace their concatenation.
#   FER_SSL_STUDENT=STUDENT.pth mim run fer_ssl extract_features \
#       configs/streams/va_faces_and_sound.py STUDENT.pth --out FEATURES
#   mim run fer_ssl extract_audio \
#       configs/streams/va_faces_and_sound.py VIDEOS --out SOUND
#   FER_SSL_STUDENT=STUDENT.pth FER_SSL_FEATURES=FEATURES FER_SSL_AUDIO=SOUND \
#       mim train fer_ssl configs/streams/va_faces_and_sound.py
# STUDENT.pth is the ViT-B/16 fine-tuned on EXPR of Aff-Wild2. 1 GPU; time:
# not measured yet. Not in the paper, so there is no expected result.
_base_ = '../paper_b/va_paper.py'

# `_delete_` as the base config has one store. Each data set has its own
# dict, as mmengine takes the key out of it.
stores = dict(
    visual=_base_.feature_store,
    audio='{{$FER_SSL_AUDIO:work_dirs/paper_b/sound}}',
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

transformer = dict(
    _base_.model.cls_head.temporal_encoder.transformer,
    type='TransformerEncoder',
)
tcn = dict(type='TCN', kernel_size=5, causal=True, dropout=0.3)
model = dict(
    cls_head=dict(
        temporal_encoder=dict(
            _delete_=True,
            type='StreamFusionEncoder',
            in_channels=768 + 64,
            streams=[
                dict(
                    in_channels=768,
                    encoder=dict(tcn, channels=(768, 256, 128)),
                ),
                dict(
                    in_channels=64,
                    encoder=dict(tcn, channels=(128, 128, 128)),
                    standardize=True,
                ),
            ],
            fusion='gated',
            encoder=transformer,
        )
    )
)
