# UDA (arXiv 1904.12848): sharpened targets and training signal annealing,
# on the data, network and number of steps of spatial_r50.py.
#   mim train fer_ssl configs/methods/uda_r50.py
# 1 GPU; time and result: not measured yet. There is no published result on
# these data. The method is described in docs/methods.md.
_base_ = ['fixmatch_r50.py']

train_cfg = dict(
    method=dict(
        _delete_=True,
        type='UDA',
        threshold=0.8,
        temperature=0.4,
        annealing='exp',
    )
)
