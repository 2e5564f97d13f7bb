# Supervised training continued from the weights of faces_supervised_r18.py
# (FER_SSL_BASELINE names their file): the control for every semi-supervised
# method that starts from them, with the same number of steps.
#   FER_SSL_FACES=DIR mim train fer_ssl \
#       configs/faces/faces_supervised_more_r18.py
# CPU or GPU. Result with a quarter of the channels: docs/results.md.
_base_ = ['faces_supervised_r18.py']

baseline = '{{$FER_SSL_BASELINE:work_dirs/faces_supervised_r18/iter_400.pth}}'
model = dict(init_cfg=dict(type='Pretrained', checkpoint=baseline))
