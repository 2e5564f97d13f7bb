# The recipe of the public code of Meta-Face2Exp (CVPR 2022), for comparison,
# on the faces of faces_spatial_r18.py, from the same weights, with its
# optimizer and batches. See meta_face2exp_r50.py.
#   FER_SSL_FACES=DIR mim train fer_ssl \
#       configs/faces/faces_meta_face2exp_r18.py
# CPU or GPU. Result with a quarter of the channels: docs/results.md.
_base_ = ['faces_spatial_r18.py']

train_cfg = dict(
    pseudo_label='argmax',
    feedback='public_recipe',
    logit_adjustment=0.0,
    consistency=dict(temperature=1.0, threshold=0.0),
)
