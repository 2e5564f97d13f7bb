# The semi-supervised method to start with: soft pseudo-labels of the averaged
# network, from random weights, with 60 labeled faces per class and all other
# faces of split=train. Network, views and schedule are those of
# ferplus_soft_labels_r18.py; faces are gray, since in one public collection
# color tells the sad ones.
#   FER_SSL_FACES=DIR OMP_NUM_THREADS=1 mim train fer_ssl \
#       configs/faces/faces_soft_labels_r18.py
# 40 minutes of one CPU core. Result: docs/results.md.
_base_ = ['../ferplus/ferplus_soft_labels_r18.py']

classes = ('neutral', 'anger', 'happiness', 'sadness', 'surprise')
faces = dict(
    type='FaceDataset',
    data_root='{{$FER_SSL_FACES:data/faces}}',
    ann_file='labels.csv',
    metainfo=dict(classes=classes),
    ignore_classes=('disgust', 'fear'),
    pipeline=_base_.load,
)
train = dict(faces, split='train', labeled_per_class=60, seed=0)
labeled = dict(type='CachedFaces', dataset=dict(train, subset='labeled'))
unlabeled = dict(type='CachedFaces', dataset=dict(train, subset='unlabeled'))

model = dict(head=dict(num_classes=5))
train_dataloader = dict(dataset=dict(_delete_=True, **labeled))
train_cfg = dict(
    unlabeled_dataloader=dict(dataset=dict(_delete_=True, **unlabeled))
)
val_dataloader = dict(
    dataset=dict(_delete_=True, **faces, split='val', test_mode=True)
)
test_dataloader = val_dataloader
