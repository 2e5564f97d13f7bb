# Pseudo-Label (Lee, ICML 2013 workshop): learns its own hard labels,
# 60 labeled faces per class, as faces_spatial_r18.py, from the same weights.
#   FER_SSL_FACES=DIR mim train fer_ssl configs/faces/faces_pseudo_label_r18.py
# CPU or GPU. Result with a quarter of the channels: docs/results.md.
_base_ = ['faces_fixmatch_r18.py']

train_cfg = dict(
    method=dict(_delete_=True, type='PseudoLabel', weight=3.0, ramp=(0.1, 0.6))
)
