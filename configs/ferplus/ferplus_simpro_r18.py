# SimPro without a threshold, after a supervised start: pseudo-labels of the
# averaged network for all other faces of FERPlus, with their class prior.
#   FER_SSL_DATA=DIR OMP_NUM_THREADS=1 mim train fer_ssl \
#       configs/ferplus/ferplus_simpro_r18.py
# 40 minutes of one CPU core. Result: docs/few_labels.md.
_base_ = ['ferplus_fixmatch_r18.py']

max_iters = 5400
train_cfg = dict(
    max_iters=max_iters,
    val_interval=max_iters,
    method=dict(
        _delete_=True,
        type='SimPro',
        threshold=0.0,
        pseudo_label='soft',
        teacher=True,
        warm_start=0.1,
        ramp=0.1,
        momentum=0.995,
    ),
)
