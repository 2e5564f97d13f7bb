# SoftMatch (arXiv 2301.10921) on FERPlus: every unlabeled face counts, with a
# weight that depends on its confidence. At first all weights are nearly 1,
# hence the supervised start.
#   FER_SSL_DATA=DIR OMP_NUM_THREADS=1 mim train fer_ssl \
#       configs/ferplus/ferplus_softmatch_r18.py
# 40 minutes of one CPU core. Result: docs/few_labels.md.
_base_ = ['ferplus_fixmatch_r18.py']

max_iters = 5400
train_cfg = dict(
    max_iters=max_iters,
    val_interval=max_iters,
    method=dict(
        _delete_=True,
        type='SoftMatch',
        warm_start=0.1,
        separate_weak_pass=True,
    ),
)
