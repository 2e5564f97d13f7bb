# SoftMatch, as in ferplus_softmatch_r18.py, for the other faces of FERPlus and
# those of another collection.
#   FER_SSL_DATA=DIR FER_SSL_FACES=DIR OMP_NUM_THREADS=1 mim train fer_ssl \
#       configs/ferplus/ferplus_softmatch_both_r18.py
# 40 minutes of one CPU core. Result: docs/few_labels.md.
_base_ = ['ferplus_softmatch_r18.py']

train_cfg = dict(
    unlabeled_dataloader=dict(dataset=dict(_delete_=True, **_base_.all_faces)),
)
