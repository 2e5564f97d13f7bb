# ReMixMatch (arXiv 1911.09785) on 100 labeled faces per class of FERPlus,
# after a supervised start.
#   FER_SSL_DATA=DIR OMP_NUM_THREADS=1 mim train fer_ssl \
#       configs/ferplus/ferplus_remixmatch_r18.py
# 40 minutes of one CPU core. Result: docs/few_labels.md.
_base_ = ['ferplus_fixmatch_r18.py']

model = dict(head=dict(type='AuxiliaryLinearHead', num_auxiliary=4))
max_iters = 2480
train_cfg = dict(
    max_iters=max_iters,
    val_interval=max_iters,
    labeled_views=('strong',),
    # As in the paper, the pseudo-labels are aligned with the balanced classes
    # of the labeled faces, although the other faces are not balanced;
    # alignment=False does not align them.
    method=dict(_delete_=True, type='ReMixMatch', warm_start=0.1),
)
