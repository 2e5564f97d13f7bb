# The student of spatial_r50.py, fine-tuned on the labeled faces alone, the
# last step of Meta Pseudo Labels (arXiv 2003.10580). Paper A does not say
# whether it has this step.
#   FER_SSL_STUDENT=WEIGHTS.pth mim train fer_ssl configs/finetune_r50.py
# 1 GPU; time and result: not measured yet.
_base_ = ['baseline_r50.py']

student = '{{$FER_SSL_STUDENT:work_dirs/spatial_r50/iter_100000.pth}}'
model = dict(
    backbone=dict(init_cfg=None),
    init_cfg=dict(type='Pretrained', checkpoint=student, prefix='student'),
)
train_cfg = dict(max_iters=5000, val_interval=1000)
optim_wrapper = dict(optimizer=dict(lr=1e-3))
