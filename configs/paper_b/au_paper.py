# Paper B (arXiv 2403.11440), action units on Aff-Wild2, as in the paper:
# dropout 0.3, one epoch of warm-up. The paper does not say how many epochs.
#   FER_SSL_STUDENT=STUDENT.pth mim run fer_ssl extract_features \
#       configs/paper_b/au_paper.py STUDENT.pth --out FEATURES
#   FER_SSL_STUDENT=STUDENT.pth FER_SSL_FEATURES=FEATURES \
#       mim train fer_ssl configs/paper_b/au_paper.py
#   mim test fer_ssl configs/paper_b/au_paper.py --checkpoint WEIGHTS.pth
# STUDENT.pth is the ViT-B/16 fine-tuned on EXPR of Aff-Wild2. 1 GPU; time:
# not measured yet.
# The paper's own result (official validation set): 57.62 mean F1.
_base_ = [
    '../_base_/models/paper_b_temporal.py',
    '../_base_/datasets/paper_b_clips.py',
    '../_base_/schedules/paper_b_epochs.py',
]

feature_store = '{{$FER_SSL_FEATURES:work_dirs/paper_b/features_au}}'
classes = (
    'AU1',
    'AU2',
    'AU4',
    'AU6',
    'AU7',
    'AU10',
    'AU12',
    'AU15',
    'AU23',
    'AU24',
    'AU25',
    'AU26',
)
task = dict(
    reader=dict(type='AffWild2Reader', track='AU'),
    metainfo=dict(classes=classes),
)

model = dict(
    cls_head=dict(
        num_classes=12,
        task=dict(type='ActionUnitTask'),
    )
)
train_dataloader = dict(dataset=dict(**task, feature_store=feature_store))
val_dataloader = dict(dataset=dict(**task, feature_store=feature_store))
test_dataloader = val_dataloader
extract_dataloader = dict(dataset=task)

train_cfg = dict(max_epochs=30)
val_evaluator = dict(type='ActionUnitMetric')
test_evaluator = val_evaluator
default_hooks = dict(checkpoint=dict(save_best='au_f1'))
