# Methods with a teacher and a student on the synthetic faces, from the weights
# of demo_baseline.py; paper A is in demo_spatial.py. FER_SSL_METHOD chooses:
# meta_pseudo_labels (arXiv 2003.10580), or meta_face2exp, the recipe of that
# method's public code. The headers in configs/methods/ describe them.
#   FER_SSL_METHOD=meta_face2exp mim train fer_ssl configs/demo/demo_meta.py
# CPU, a few minutes. Results, with 900 steps: docs/results.md.
_base_ = ['demo_spatial.py']

method = '{{$FER_SSL_METHOD:meta_pseudo_labels}}'
methods = dict(
    meta_pseudo_labels=dict(
        pseudo_label='sample',
        feedback='finite_difference',
        consistency=dict(temperature=0.7, threshold=0.6),
    ),
    meta_face2exp=dict(
        pseudo_label='argmax',
        feedback='public_recipe',
        consistency=dict(temperature=1.0, threshold=0.0),
    ),
)
if method not in methods:
    raise ValueError(
        f'FER_SSL_METHOD={method!r} must be one of {", ".join(methods)}.'
    )
train_cfg = dict(**methods[method], logit_adjustment=0.0)
custom_hooks = [
    dict(
        type='FeedbackLossHook',
        moving_baseline=method == 'meta_pseudo_labels',
    ),
    dict(type='PseudoLabelCollapseHook', interval=100),
]
