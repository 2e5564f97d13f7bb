# DeFixMatch (arXiv 2203.07512) on FERPlus: FixMatch without the bias of its
# pseudo-labels. All views are in one pass, since the loss of the labeled faces
# must be that of the unlabeled ones. Here the labeled faces are balanced and
# the others are not, so a part of the bias remains.
#   FER_SSL_DATA=DIR OMP_NUM_THREADS=1 mim train fer_ssl \
#       configs/ferplus/ferplus_defixmatch_r18.py
# 40 minutes of one CPU core. Result: docs/few_labels.md.
_base_ = ['ferplus_fixmatch_r18.py']

max_iters = 3700
train_cfg = dict(
    max_iters=max_iters,
    val_interval=max_iters,
    method=dict(_delete_=True, type='DeFixMatch'),
)
