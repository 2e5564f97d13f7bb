# FreeMatch (arXiv 2205.07246) on FERPlus: thresholds that rise with the
# confidence of the network, one per class, and a fairness loss. They begin so
# low that nearly all faces pass, hence the supervised start.
#   FER_SSL_DATA=DIR OMP_NUM_THREADS=1 mim train fer_ssl \
#       configs/ferplus/ferplus_freematch_r18.py
# 40 minutes of one CPU core. Result: docs/few_labels.md.
_base_ = ['ferplus_fixmatch_r18.py']

max_iters = 5400
train_cfg = dict(
    max_iters=max_iters,
    val_interval=max_iters,
    method=dict(
        _delete_=True,
        type='FreeMatch',
        warm_start=0.1,
        separate_weak_pass=True,
    ),
)
