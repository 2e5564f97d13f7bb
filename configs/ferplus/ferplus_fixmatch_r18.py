# FixMatch (arXiv 2001.07685) on 100 labeled faces per class of FERPlus, all
# other faces of its training set unlabeled. Like nearly all of these methods,
# it sees the labeled faces in a weak and a strong view.
#   FER_SSL_DATA=DIR OMP_NUM_THREADS=1 mim train fer_ssl \
#       configs/ferplus/ferplus_fixmatch_r18.py
# 40 minutes of one CPU core. Result: docs/few_labels.md.
_base_ = ['ferplus_supervised_r18.py']

max_iters = 5000
train_cfg = dict(
    max_iters=max_iters,
    val_interval=max_iters,
    method=dict(
        _delete_=True, type='FixMatch', threshold=0.95, separate_weak_pass=True
    ),
)
custom_hooks = [
    *_base_.custom_hooks,
    dict(type='PseudoLabelCollapseHook', interval=100),
]
