# DebiasPL (arXiv 2201.01490) on FERPlus: fewer pseudo-labels of the classes
# that are predicted too often, and larger margins for the other classes.
#   FER_SSL_DATA=DIR OMP_NUM_THREADS=1 mim train fer_ssl \
#       configs/ferplus/ferplus_debias_pl_r18.py
# 40 minutes of one CPU core. Result: docs/few_labels.md.
_base_ = ['ferplus_fixmatch_r18.py']

train_cfg = dict(
    method=dict(_delete_=True, type='DebiasPL', separate_weak_pass=True),
)
