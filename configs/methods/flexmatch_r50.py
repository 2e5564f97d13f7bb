# FlexMatch (arXiv 2110.08263): a growing threshold for each class, on the
# data, network and number of steps of spatial_r50.py.
#   mim train fer_ssl configs/methods/flexmatch_r50.py
# 1 GPU; time and result: not measured yet. There is no published result on
# these data. The method is described in docs/methods.md.
_base_ = ['fixmatch_r50.py']

train_cfg = dict(method=dict(_delete_=True, type='FlexMatch', threshold=0.95))
