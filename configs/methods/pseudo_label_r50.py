# Pseudo-Label (Lee, ICML 2013 workshop): learns its own hard labels,
# on the data, network and number of steps of spatial_r50.py.
#   mim train fer_ssl configs/methods/pseudo_label_r50.py
# 1 GPU; time and result: not measured yet. There is no published result on
# these data. The method is described in docs/methods.md.
_base_ = ['fixmatch_r50.py']

train_cfg = dict(
    method=dict(_delete_=True, type='PseudoLabel', weight=3.0, ramp=(0.1, 0.6))
)
