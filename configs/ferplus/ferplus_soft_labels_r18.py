# Soft pseudo-labels of the averaged network for all other faces of FERPlus,
# without a threshold, after a supervised start: FixMatch with the targets of
# Mean Teacher. A step has a third of the unlabeled faces of the other configs,
# which leaves time for more steps.
#   FER_SSL_DATA=DIR OMP_NUM_THREADS=1 mim train fer_ssl \
#       configs/ferplus/ferplus_soft_labels_r18.py
# 40 minutes of one CPU core. Result: docs/few_labels.md.
_base_ = ['ferplus_fixmatch_r18.py']

max_iters = 9000
train_cfg = dict(
    max_iters=max_iters,
    val_interval=max_iters,
    unlabeled_dataloader=dict(batch_size=32),
    method=dict(
        _delete_=True,
        type='FixMatch',
        threshold=0.0,
        pseudo_label='soft',
        teacher=True,
        warm_start=0.1,
        ramp=0.1,
    ),
)
