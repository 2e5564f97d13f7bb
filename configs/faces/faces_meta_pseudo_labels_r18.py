# Meta Pseudo Labels (arXiv 2003.10580), as meta_pseudo_labels_r50.py, on the
# faces of faces_spatial_r18.py, from the same weights.
#   FER_SSL_FACES=DIR mim train fer_ssl \
#       configs/faces/faces_meta_pseudo_labels_r18.py
# CPU or GPU. Result with a quarter of the channels: docs/results.md.
_base_ = ['faces_spatial_r18.py']

train_cfg = dict(
    pseudo_label='sample',
    feedback='finite_difference',
    logit_adjustment=0.0,
    consistency=dict(temperature=0.7, threshold=0.6),
)
custom_hooks = [
    dict(type='FeedbackLossHook', moving_baseline=True),
    dict(type='PseudoLabelCollapseHook', interval=100),
]
