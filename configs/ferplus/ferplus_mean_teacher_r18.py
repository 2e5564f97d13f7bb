# Mean Teacher (arXiv 1703.01780) on FERPlus: the network learns what its
# averaged weights predict.
#   FER_SSL_DATA=DIR OMP_NUM_THREADS=1 mim train fer_ssl \
#       configs/ferplus/ferplus_mean_teacher_r18.py
# 40 minutes of one CPU core. Result: docs/few_labels.md.
_base_ = ['ferplus_fixmatch_r18.py']

train_cfg = dict(
    method=dict(_delete_=True, type='MeanTeacher'),
)
