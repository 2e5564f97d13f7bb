# Ada-CM (arXiv 2203.12341): margins learned from labeled faces,
# 60 labeled faces per class, as faces_spatial_r18.py, from the same weights.
#   FER_SSL_FACES=DIR mim train fer_ssl configs/faces/faces_ada_cm_r18.py
# CPU or GPU. Result with a quarter of the channels: docs/results.md.
_base_ = ['faces_fixmatch_r18.py']

pipeline = _base_.train_cfg.unlabeled_dataloader.dataset.pipeline
pipeline[-2].num_views = [2, 1]  # two weak views
train_cfg = dict(
    unlabeled_dataloader=dict(dataset=dict(pipeline=pipeline)),
    method=dict(_delete_=True, type='AdaCM'),
)
