# SimPro with a head of its own for the pseudo-labels, which come from the head
# of the labeled faces; otherwise as ferplus_simpro_r18.py.
#   FER_SSL_DATA=DIR OMP_NUM_THREADS=1 mim train fer_ssl \
#       configs/ferplus/ferplus_decoupled_student_r18.py
# 40 minutes of one CPU core. Result: docs/few_labels.md.
_base_ = ['ferplus_simpro_r18.py']

model = dict(head=dict(type='AuxiliaryLinearHead', num_auxiliary=7))
train_cfg = dict(method=dict(type='DecoupledStudent'))
