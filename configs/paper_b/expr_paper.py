# Paper B (arXiv 2403.11440), expressions on Aff-Wild2, as in the paper:
# dropout 0.3, one epoch of warm-up. The paper does not say how many epochs.
#   FER_SSL_STUDENT=STUDENT.pth mim run fer_ssl extract_features \
#       configs/paper_b/expr_paper.py STUDENT.pth --out FEATURES
#   FER_SSL_STUDENT=STUDENT.pth FER_SSL_FEATURES=FEATURES \
#       mim train fer_ssl configs/paper_b/expr_paper.py
#   mim test fer_ssl configs/paper_b/expr_paper.py --checkpoint WEIGHTS.pth
# STUDENT.pth is the ViT-B/16 fine-tuned on EXPR of Aff-Wild2. 1 GPU; time:
# not measured yet.
# The paper's own result (official validation set): 45.61 macro-F1.
_base_ = [
    '../_base_/models/paper_b_temporal.py',
    '../_base_/datasets/abaw_expressions.py',
    '../_base_/datasets/paper_b_clips.py',
    '../_base_/schedules/paper_b_epochs.py',
]

feature_store = '{{$FER_SSL_FEATURES:work_dirs/paper_b/features_expr}}'
task = dict(
    reader=dict(type='AffWild2Reader', track='EXPR'),
    metainfo=dict(classes=_base_.classes),
)

model = dict(
    cls_head=dict(
        num_classes=8,
        task=dict(type='ExpressionTask'),
    )
)
train_dataloader = dict(dataset=dict(**task, feature_store=feature_store))
val_dataloader = dict(dataset=dict(**task, feature_store=feature_store))
test_dataloader = val_dataloader
extract_dataloader = dict(dataset=task)

train_cfg = dict(max_epochs=10)
val_evaluator = dict(type='MacroF1Metric')
test_evaluator = val_evaluator
default_hooks = dict(checkpoint=dict(save_best='macro_f1'))
