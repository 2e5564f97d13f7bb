# Meta-Face2Exp (CVPR 2022) as in its public code, for comparison: seven
# unlabeled faces for each labeled one, the argmax of the weak view as the
# label, a feedback that BatchNorm biases (docs/feedback.md), learning rates of
# 1e-3, no weight decay; on the data and with the number of steps of
# spatial_r50.py.
#   mim train fer_ssl configs/methods/meta_face2exp_r50.py
# 1 GPU; time and result: not measured yet. There is no published result on
# these data.
_base_ = ['../spatial_r50.py']

train_cfg = dict(
    unlabeled_dataloader=dict(batch_size=224),
    pseudo_label='argmax',
    feedback='public_recipe',
)
optim_wrapper = dict(
    teacher=dict(optimizer=dict(lr=1e-3, weight_decay=0)),
    student=dict(optimizer=dict(lr=1e-3, weight_decay=0)),
)
