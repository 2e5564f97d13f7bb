# ferplus_soft_labels_r18.py from the weights of ferplus_masked_r18.py
# (FER_SSL_MAE names their file), in the same time including that start.
#   FER_SSL_DATA=DIR OMP_NUM_THREADS=1 mim train fer_ssl \
#       configs/ferplus/ferplus_masked_soft_labels_r18.py
# 30 minutes of one CPU core. Result: docs/few_labels.md.
_base_ = ['ferplus_soft_labels_r18.py']

pretrained = '{{$FER_SSL_MAE:work_dirs/ferplus_masked_r18/iter_1900.pth}}'
model = dict(
    backbone=dict(
        init_cfg=dict(
            _delete_=True,
            type='Pretrained',
            checkpoint=pretrained,
            prefix='backbone.',
        )
    )
)

max_iters = 6750
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
