# The three tasks of the multi-task challenge of ABAW: columns of a prediction,
# tasks of a head, and the score P with its parts.
_base_ = 'abaw_expressions.py'

columns = dict(
    VA=('valence', 'arousal'),
    EXPR=_base_.classes,
    AU=tuple(f'AU{i}' for i in (1, 2, 4, 6, 7, 10, 12, 15, 23, 24, 25, 26)),
)
all_columns = (*columns['VA'], *columns['EXPR'], *columns['AU'])
task_heads = dict(
    VA=dict(type='ValenceArousalTask'),
    EXPR=dict(type='ExpressionTask'),
    AU=dict(type='ActionUnitTask'),
)
labels_of_tasks = ('VA_gt_label', 'EXPR_gt_label', 'AU_gt_label')
metrics = dict(
    VA=dict(type='ValenceArousalMetric', task='VA'),
    EXPR=dict(type='MacroF1Metric', task='EXPR'),
    AU=dict(type='ActionUnitMetric', task='AU'),
)
val_evaluator = dict(
    type='MultiTaskEvaluator',
    metrics=[metrics['VA'], metrics['EXPR'], metrics['AU']],
)
test_evaluator = val_evaluator
