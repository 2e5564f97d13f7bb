import pytest
from mmengine.config import Config
from mmengine.runner import Runner

LOADER = dict(num_workers=0, collate_fn=dict(type='default_collate'))
PACK = dict(type='PackInputs')
LOAD = dict(type='LoadImageFromFile')


def network(num_classes=3):
    return dict(
        type='ImageClassifier',
        backbone=dict(
            type='ResNet', depth=18, stem_channels=4, base_channels=4
        ),
        neck=dict(type='GlobalAveragePooling'),
        head=dict(
            type='LinearClsHead',
            num_classes=num_classes,
            in_channels=32,
            topk=(1,),
        ),
    )


@pytest.fixture
def spatial_config(write_faces, tmp_path):
    """Spatial phase on 60 faces of 32 pixels, networks of 11,000 weights."""
    names = ('neutral', 'anger', 'happiness')
    rows = [
        (f'{name}{split}{i}.png', name, split)
        for name in names
        for split, count in (('train', 14), ('val', 6))
        for i in range(count)
    ]
    dataset = dict(type='FaceDataset', **write_faces(rows), seed=0)
    train = dict(dataset, split='train', labeled_per_class=5)
    flip = dict(type='RandomFlip', prob=0.5, direction='horizontal')
    views = dict(type='MultiView', num_views=[1, 1], transforms=[[flip]] * 2)
    sgd = dict(type='SGD', lr=0.05, momentum=0.9, nesterov=True)
    cosine = dict(type='CosineAnnealingLR', by_epoch=False, T_max=6)
    return Config(
        dict(
            default_scope='mmpretrain',
            custom_imports=dict(imports=['fer_ssl']),
            work_dir=str(tmp_path / 'work_dir'),
            randomness=dict(seed=0),
            model=dict(
                type='TeacherStudent',
                network=network(),
                data_preprocessor=dict(
                    type='ClsDataPreprocessor',
                    mean=[128.0] * 3,
                    std=[64.0] * 3,
                    to_rgb=True,
                ),
            ),
            train_dataloader=dict(
                LOADER,
                batch_size=6,
                sampler=dict(type='ClassBalancedSampler'),
                dataset=dict(
                    train, subset='labeled', pipeline=[LOAD, flip, PACK]
                ),
            ),
            train_cfg=dict(
                type='MetaPseudoLabelLoop',
                max_iters=6,
                val_interval=100,
                unlabeled_dataloader=dict(
                    LOADER,
                    batch_size=8,
                    sampler=dict(type='InfiniteShuffleSampler'),
                    dataset=dict(
                        train,
                        subset='unlabeled',
                        pipeline=[LOAD, views, PACK],
                    ),
                ),
            ),
            optim_wrapper=dict(
                constructor='MultiOptimWrapperConstructor',
                teacher=dict(optimizer=sgd),
                student=dict(optimizer=dict(sgd, lr=0.02)),
            ),
            param_scheduler=dict(teacher=cosine, student=cosine),
            val_dataloader=dict(
                LOADER,
                batch_size=9,
                sampler=dict(type='DefaultSampler', shuffle=False),
                dataset=dict(
                    dataset, split='val', test_mode=True, pipeline=[LOAD, PACK]
                ),
            ),
            val_cfg=dict(),
            val_evaluator=[
                dict(type='MacroF1Metric', prefix='student'),
                dict(
                    type='MacroF1Metric', prefix='teacher', network='teacher'
                ),
            ],
            custom_hooks=[dict(type='FeedbackLossHook', weight=2.0)],
            default_hooks=dict(
                checkpoint=dict(
                    type='CheckpointHook', by_epoch=False, interval=3
                )
            ),
            log_processor=dict(by_epoch=False),
        )
    )


@pytest.fixture
def one_network(spatial_config):
    """``spatial_config`` with the student alone, for SemiSupervisedLoop.

    Its start weights are large, so that it is confident of some faces.
    """
    cfg = spatial_config
    cfg.model = dict(
        **cfg.model.network, data_preprocessor=cfg.model.data_preprocessor
    )
    cfg.model.head.init_cfg = dict(type='Normal', layer='Linear', std=1.0)
    cfg.optim_wrapper = dict(type='OptimWrapper', **cfg.optim_wrapper.student)
    cfg.param_scheduler = cfg.param_scheduler.student
    cfg.val_evaluator = dict(type='MacroF1Metric')
    cfg.custom_hooks = []
    cfg.train_cfg.type = 'SemiSupervisedLoop'
    return cfg


@pytest.fixture
def build_runner():
    """Function that builds a runner from a config, each under a new name."""
    count = iter(range(100))

    def build(config, **changes):
        # Without yapf, which takes longer than a tiny training.
        config = Config(config._cfg_dict.to_dict(), format_python_code=False)
        config.merge_from_dict(changes)
        config.experiment_name = f'test_{next(count)}_{id(config)}'
        return Runner.from_cfg(config)

    return build
