# UDA (arXiv 1904.12848): sharpened targets and training signal annealing,
# 60 labeled faces per class, as faces_spatial_r18.py, from the same weights.
#   FER_SSL_FACES=DIR mim train fer_ssl configs/faces/faces_uda_r18.py
# CPU or GPU. Result with a quarter of the channels: docs/results.md.
_base_ = ['faces_fixmatch_r18.py']

train_cfg = dict(
    method=dict(
        _delete_=True,
        type='UDA',
        threshold=0.8,
        temperature=0.4,
        annealing='exp',
    )
)
