# Encoder of paper B (arXiv 2403.11440) shared by expressions, valence-arousal
# and action units on Aff-Wild2, each frame with the labels that it has. Videos
# that any track uses for validation are not used for training. Not in the
# paper, so there is no expected result. The commands are those of va_paper.py.
# 1 GPU; time: not measured yet.
_base_ = 'va_paper.py'

feature_store = '{{$FER_SSL_FEATURES:work_dirs/paper_b/features_all}}'
expressions = (
    'neutral',
    'anger',
    'disgust',
    'fear',
    'happiness',
    'sadness',
    'surprise',
    'other',
)
action_units = tuple(
    f'AU{i}' for i in (1, 2, 4, 6, 7, 10, 12, 15, 23, 24, 25, 26)
)
classes = (*expressions, 'valence', 'arousal', *action_units)
task = dict(
    reader=dict(type='AffWild2Reader', track=('EXPR', 'VA', 'AU')),
    metainfo=dict(classes=classes),
)

model = dict(
    cls_head=dict(
        _delete_=True,
        type='MultiTaskFrameHead',
        tasks=dict(
            EXPR=dict(type='ExpressionTask'),
            VA=dict(type='ValenceArousalTask', output='clip'),
            AU=dict(type='ActionUnitTask'),
        ),
        temporal_encoder=_base_.model.cls_head.temporal_encoder,
        hidden_channels=256,
        dropout=0.3,
    )
)
train_dataloader = dict(dataset=dict(**task, feature_store=feature_store))
val_dataloader = dict(dataset=dict(**task, feature_store=feature_store))
test_dataloader = val_dataloader
extract_dataloader = dict(dataset=task)

val_evaluator = [
    dict(type='MacroF1Metric', task='EXPR'),
    dict(type='ValenceArousalMetric', task='VA'),
    dict(type='ActionUnitMetric', task='AU'),
]
test_evaluator = val_evaluator
default_hooks = dict(checkpoint=dict(save_best='VA/ccc'))
