# Dynamic thresholds and negative learning, after the outline of arXiv
# 2601.05556, on 100 labeled faces per class of FERPlus.
#   FER_SSL_DATA=DIR OMP_NUM_THREADS=1 mim train fer_ssl \
#       configs/ferplus/ferplus_negative_learning_r18.py
# 40 minutes of one CPU core. Result: docs/few_labels.md.
_base_ = ['ferplus_fixmatch_r18.py']

max_iters = 5400
train_cfg = dict(
    max_iters=max_iters,
    val_interval=max_iters,
    method=dict(
        _delete_=True,
        type='NegativeLearning',
        warm_start=0.1,
        momentum=0.995,
    ),
)
