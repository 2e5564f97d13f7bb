# The student of faces_spatial_r18.py, fine-tuned on the labeled faces alone,
# the last step of Meta Pseudo Labels (arXiv 2003.10580).
#   FER_SSL_FACES=DIR FER_SSL_STUDENT=WEIGHTS.pth \
#       mim train fer_ssl configs/faces/faces_finetune_r18.py
# CPU, 2 cores; time and result: not measured yet.
_base_ = ['faces_supervised_r18.py']

student = '{{$FER_SSL_STUDENT:work_dirs/faces_spatial_r18/iter_400.pth}}'
model = dict(
    init_cfg=dict(type='Pretrained', checkpoint=student, prefix='student')
)
train_cfg = dict(max_iters=100, val_interval=100)
optim_wrapper = dict(optimizer=dict(lr=0.003))
default_hooks = dict(checkpoint=dict(interval=100))
