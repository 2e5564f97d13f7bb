# spatial_r50.py with the unlabeled faces of AffectNet, ExpW and Aff-Wild2
# only.
#   mim train fer_ssl configs/spatial_r50_no_ms1mv2.py
# 1 GPU; time: not measured yet. The paper's own result on Aff-Wild2
# (validation): 39.96 macro-F1.
_base_ = 'spatial_r50.py'

train_cfg = dict(
    unlabeled_dataloader=dict(
        dataset=dict(_delete_=True, **_base_.the_rest),
    ),
)
