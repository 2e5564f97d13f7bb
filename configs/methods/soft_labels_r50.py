# Soft pseudo-labels of the averaged network for all faces, without a
# threshold, after a supervised start, on the data, network and number of steps
# of spatial_r50.py.
#   mim train fer_ssl configs/methods/soft_labels_r50.py
# 1 GPU; time and result: not measured yet. There is no published result on
# these data. On few labels of FERPlus, see docs/few_labels.md.
_base_ = ['fixmatch_r50.py']

train_cfg = dict(
    method=dict(
        _delete_=True,
        type='FixMatch',
        threshold=0.0,
        pseudo_label='soft',
        teacher=True,
        warm_start=0.1,
        ramp=0.1,
    )
)
# In the beginning, the average of all steps so far.
custom_hooks = [
    dict(
        type='EMAHook',
        ema_type='MomentumAnnealingEMA',
        momentum=0.001,
        gamma=10,
        update_buffers=True,
    ),
    *_base_.custom_hooks,
]
