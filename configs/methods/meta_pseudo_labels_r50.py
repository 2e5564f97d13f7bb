# Meta Pseudo Labels (arXiv 2003.10580) on the data, networks and number of
# steps of spatial_r50.py: sampled labels, the decrease of the student's
# labeled loss minus its running mean as feedback, and the sharpened, masked
# consistency of its code (without the ramp and the factor 8 of its weight).
#   mim train fer_ssl configs/methods/meta_pseudo_labels_r50.py
# 1 GPU; time and result: not measured yet. There is no published result on
# these data. The method is described in docs/feedback.md.
_base_ = ['../spatial_r50.py']

train_cfg = dict(
    pseudo_label='sample',
    feedback='finite_difference',
    consistency=dict(temperature=0.7, threshold=0.6),
)
custom_hooks = [
    dict(type='FeedbackLossHook', moving_baseline=True),
    dict(type='PseudoLabelCollapseHook'),
]
