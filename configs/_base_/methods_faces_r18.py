# One network on labeled and unlabeled faces, from the weights of
# faces_supervised_r18.py (FER_SSL_BASELINE names their file), with its
# optimizer and number of steps and the unlabeled batches of
# faces_spatial_r18.py. A config adds its method.
_base_ = ['../faces/faces_supervised_r18.py']

baseline = '{{$FER_SSL_BASELINE:work_dirs/faces_supervised_r18/iter_400.pth}}'
model = dict(init_cfg=dict(type='Pretrained', checkpoint=baseline))
train_cfg = dict(
    type='SemiSupervisedLoop',
    unlabeled_dataloader=_base_.unlabeled_dataloader,
)
custom_hooks = [dict(type='PseudoLabelCollapseHook', interval=100)]
