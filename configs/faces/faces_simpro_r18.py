# SimPro without a threshold, for unlabeled faces of which most are neutral or
# happy: as faces_soft_labels_r18.py, but with the class prior of the unlabeled
# faces in label and loss, so that rare expressions keep their recall.
#   FER_SSL_FACES=DIR OMP_NUM_THREADS=1 mim train fer_ssl \
#       configs/faces/faces_simpro_r18.py
# 40 minutes of one CPU core. Result: docs/results.md.
_base_ = ['faces_soft_labels_r18.py']

train_cfg = dict(method=dict(type='SimPro', momentum=0.995))
