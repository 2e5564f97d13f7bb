# SimPro without a threshold, for unlabeled faces of which most are neutral or
# happy: as faces_soft_labels_r18.py, but with the class prior of the unlabeled
# faces in label and loss, so that rare expressions keep their recall, and with
# three times as many unlabeled faces in a step.
#   FER_SSL_FACES=DIR OMP_NUM_THREADS=1 mim train fer_ssl \
#       configs/faces/faces_simpro_r18.py
# 40 minutes of one CPU core. Result: docs/results.md.
_base_ = ['faces_soft_labels_r18.py']

max_iters = 5400
train_cfg = dict(
    max_iters=max_iters,
    val_interval=max_iters,
    unlabeled_dataloader=dict(batch_size=96),
    method=dict(type='SimPro', momentum=0.995),
)
