# Supervised training on 60 labeled faces per class, with the network, views
# and schedule of faces_soft_labels_r18.py, from random weights.
#   FER_SSL_FACES=DIR OMP_NUM_THREADS=1 mim train fer_ssl \
#       configs/faces/faces_supervised_48_r18.py
# 40 minutes of one CPU core. Result: docs/results.md.
_base_ = ['faces_soft_labels_r18.py']

max_iters = 14000
train_cfg = dict(
    max_iters=max_iters,
    val_interval=max_iters,
    method=dict(_delete_=True, type='Supervised'),
)
