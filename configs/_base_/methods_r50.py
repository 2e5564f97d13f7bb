# One network on labeled and unlabeled faces: the network, optimizer, labeled
# batches and number of steps of baseline_r50.py, and the unlabeled batches of
# spatial_r50.py. A config adds its method.
_base_ = ['../baseline_r50.py']

train_cfg = dict(
    type='SemiSupervisedLoop',
    unlabeled_dataloader=_base_.unlabeled_dataloader,
)
custom_hooks = [dict(type='PseudoLabelCollapseHook')]
