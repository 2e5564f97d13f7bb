# FixMatch (arXiv 2001.07685): a fixed threshold for every class,
# 60 labeled faces per class, as faces_spatial_r18.py, from the same weights.
#   FER_SSL_FACES=DIR mim train fer_ssl configs/faces/faces_fixmatch_r18.py
# CPU or GPU. Result with a quarter of the channels: docs/results.md.
_base_ = ['faces_supervised_more_r18.py']

train_cfg = dict(
    type='SemiSupervisedLoop',
    unlabeled_dataloader=_base_.unlabeled_dataloader,
    method=dict(type='FixMatch', threshold=0.95),
)
custom_hooks = [dict(type='PseudoLabelCollapseHook', interval=100)]
