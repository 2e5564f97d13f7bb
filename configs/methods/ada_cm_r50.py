# Ada-CM (arXiv 2203.12341): margins learned from labeled faces,
# on the data, network and number of steps of spatial_r50.py.
#   mim train fer_ssl configs/methods/ada_cm_r50.py
# 1 GPU; time and result: not measured yet. There is no published result on
# these data. The method is described in docs/methods.md.
_base_ = ['fixmatch_r50.py']

for part in _base_.train_cfg.unlabeled_dataloader.dataset.datasets:
    part.pipeline[-2].num_views = [2, 1]  # two weak views
del part
train_cfg = dict(method=dict(_delete_=True, type='AdaCM'))
