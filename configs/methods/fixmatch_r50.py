# FixMatch (arXiv 2001.07685): a fixed threshold for every class,
# on the data, network and number of steps of spatial_r50.py.
#   mim train fer_ssl configs/methods/fixmatch_r50.py
# 1 GPU; time and result: not measured yet. There is no published result on
# these data. The method is described in docs/methods.md.
_base_ = ['../baseline_r50.py']

train_cfg = dict(
    type='SemiSupervisedLoop',
    unlabeled_dataloader=_base_.unlabeled_dataloader,
    method=dict(type='FixMatch', threshold=0.95),
)
custom_hooks = [dict(type='PseudoLabelCollapseHook')]
