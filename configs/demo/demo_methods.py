# One network on the synthetic faces, from the weights of demo_baseline.py
# (FER_SSL_BASELINE names their file), with as many steps as demo_spatial.py.
# FER_SSL_METHOD chooses the method: soft_labels, supervised, pseudo_label,
# uda, fixmatch, flexmatch, dash, ada_cm. demo_meta.py has the methods with two
# networks.
#   FER_SSL_METHOD=soft_labels mim train fer_ssl configs/demo/demo_methods.py
# CPU, a few minutes. Results, with 900 steps: docs/results.md.
_base_ = ['demo_baseline.py']

baseline = '{{$FER_SSL_BASELINE:work_dirs/demo_baseline/iter_1200.pth}}'
method = '{{$FER_SSL_METHOD:soft_labels}}'
methods = dict(
    supervised=None,
    pseudo_label=dict(type='PseudoLabel'),
    uda=dict(type='UDA'),
    fixmatch=dict(type='FixMatch'),
    flexmatch=dict(type='FlexMatch'),
    dash=dict(type='Dash'),
    ada_cm=dict(type='AdaCM'),
    soft_labels=dict(
        type='FixMatch', threshold=0.0, pseudo_label='soft', teacher=True
    ),
)

model = dict(init_cfg=dict(type='Pretrained', checkpoint=baseline))
max_iters = 1800
if method not in methods:
    raise ValueError(
        f'FER_SSL_METHOD={method!r} must be one of {", ".join(methods)}.'
    )
train_cfg = dict(max_iters=max_iters, val_interval=900)
if method != 'supervised':
    views = _base_.unlabeled_dataloader.dataset.pipeline[-2]
    views.num_views = [2, 1] if method == 'ada_cm' else [1, 1]
    train_cfg.update(
        type='SemiSupervisedLoop',
        unlabeled_dataloader=_base_.unlabeled_dataloader,
        method=methods[method],
    )
    custom_hooks = [dict(type='PseudoLabelCollapseHook', interval=100)]
if method == 'soft_labels':
    custom_hooks.append(
        dict(
            type='EMAHook',
            ema_type='MomentumAnnealingEMA',
            momentum=0.001,
            gamma=10,
            update_buffers=True,
        )
    )
test_evaluator = dict(out_file=f'work_dirs/demo_{method}/predictions.csv')
default_hooks = dict(checkpoint=dict(interval=900))
