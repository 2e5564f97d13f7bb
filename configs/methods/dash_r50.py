# Dash (arXiv 2109.00650): a threshold that rises with the steps,
# on the data, network and number of steps of spatial_r50.py.
#   mim train fer_ssl configs/methods/dash_r50.py
# 1 GPU; time and result: not measured yet. There is no published result on
# these data. The method is described in docs/methods.md.
_base_ = ['fixmatch_r50.py']

train_cfg = dict(
    method=dict(_delete_=True, type='Dash', gamma=1.27, rho_min=0.05)
)
