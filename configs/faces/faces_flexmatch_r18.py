# FlexMatch (arXiv 2110.08263): a growing threshold for each class, 60 labeled
# faces per class, as faces_spatial_r18.py, from the same weights.
#   FER_SSL_FACES=DIR mim train fer_ssl configs/faces/faces_flexmatch_r18.py
# CPU or GPU. Result with a quarter of the channels: docs/results.md.
_base_ = ['faces_fixmatch_r18.py']

train_cfg = dict(method=dict(_delete_=True, type='FlexMatch', threshold=0.95))
