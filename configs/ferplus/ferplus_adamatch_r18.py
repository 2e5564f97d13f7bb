# AdaMatch (arXiv 2106.04732) on FERPlus: a method for labeled and unlabeled
# faces of different domains.
#   FER_SSL_DATA=DIR OMP_NUM_THREADS=1 mim train fer_ssl \
#       configs/ferplus/ferplus_adamatch_r18.py
# 40 minutes of one CPU core. Result: docs/few_labels.md.
_base_ = ['ferplus_fixmatch_r18.py']

max_iters = 3700
train_cfg = dict(
    max_iters=max_iters,
    val_interval=max_iters,
    method=dict(_delete_=True, type='AdaMatch', separate_weak_pass=True),
)
