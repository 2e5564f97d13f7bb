"""Configs and checkpoints of tiny networks with random weights."""

import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope

from fer_ssl.labels import (
    ABAW_ACTION_UNITS,
    ABAW_EXPRESSIONS,
    ABAW_VALENCE_AROUSAL,
)

#: Columns of a data set of three tasks.
TASK_COLUMNS = (*ABAW_VALENCE_AROUSAL, *ABAW_EXPRESSIONS, *ABAW_ACTION_UNITS)
TASKS = dict(
    VA=dict(type='ValenceArousalTask'),
    EXPR=dict(type='ExpressionTask'),
    AU=dict(type='ActionUnitTask'),
)
CLASSES = ('neutral', 'anger', 'happiness')
BACKBONE = dict(type='ResNet', depth=18, stem_channels=4, base_channels=4)
MEAN = dict(mean=[127.5] * 3, std=[50.0] * 3, to_rgb=True)
PIPELINE = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(24, 24)),
    dict(type='PackInputs'),
]


def image_loader(pipeline=PIPELINE, classes=CLASSES):
    dataset = dict(type='FaceDataset', pipeline=pipeline)
    if classes is not None:
        dataset['metainfo'] = dict(classes=classes)
    return dict(batch_size=2, dataset=dataset)


def use_eight_channels(network):
    """Widen a network for the channels-last memory format.

    With 4 channels, the backward pass of a 1 x 1 convolution with stride 2
    writes out of bounds in oneDNN 3.12 on a CPU without AVX-512.
    """
    network.backbone.update(stem_channels=8, base_channels=8)
    num_stages = network.backbone.get('num_stages', 4)
    network.head.in_channels = 8 * 2 ** (num_stages - 1)


def classifier(**changes):
    """Config of an image classifier."""
    network = dict(
        type='ImageClassifier',
        backbone=BACKBONE,
        neck=dict(type='GlobalAveragePooling'),
        head=dict(type='LinearClsHead', num_classes=3, in_channels=32),
        data_preprocessor=dict(type='ClsDataPreprocessor', **MEAN),
    )
    cfg = dict(
        custom_imports=dict(imports=['fer_ssl']),
        default_scope='mmpretrain',
        model=network,
        test_dataloader=image_loader(),
    )
    return Config(dict(cfg, **changes))


def task_classifier(tasks=TASKS):
    """Config of an image classifier of several tasks."""
    cfg = classifier(test_dataloader=image_loader(classes=TASK_COLUMNS))
    cfg.model.head = dict(
        type='MultiTaskImageHead', in_channels=32, tasks=tasks
    )
    return cfg


def teacher_student():
    network = classifier().model
    preprocessor = network.pop('data_preprocessor')
    return classifier(
        model=dict(
            type='TeacherStudent',
            network=network,
            data_preprocessor=preprocessor,
        )
    )


def frame_recognizer(**changes):
    network = dict(
        type='FrameRecognizer',
        backbone=dict(BACKBONE, type='mmpretrain.ResNet'),
        data_preprocessor=dict(type='FrameDataPreprocessor', **MEAN),
        cls_head=dict(
            type='TemporalFrameHead',
            num_classes=3,
            temporal_encoder=dict(
                type='TransformerEncoder',
                in_channels=32,
                embed_dims=8,
                num_layers=1,
                num_heads=2,
            ),
        ),
    )
    return dict(network, **changes)


def extraction(files):
    """Config that extracts features; ``files`` are arguments of the data set.

    The student has 32 features.
    """
    return Config(
        dict(
            custom_imports=dict(imports=['fer_ssl']),
            default_scope='mmpretrain',
            model=frame_recognizer(),
            extract_dataloader=dict(
                batch_size=4,
                num_workers=0,
                dataset=dict(
                    type='VideoFrameDataset', pipeline=PIPELINE, **files
                ),
            ),
        )
    )


def recognizer(files, window=6, stride=4):
    """Config of both phases; ``files`` are arguments of the data set."""
    return Config(
        dict(
            custom_imports=dict(imports=['fer_ssl']),
            default_scope='mmpretrain',
            model=frame_recognizer(student_checkpoint='student.pth'),
            test_dataloader=dict(
                dataset=dict(
                    type='VideoClipDataset',
                    window=window,
                    stride=stride,
                    test_mode=True,
                    pipeline=[
                        dict(type='LoadClipFrames', transforms=PIPELINE[:-1]),
                        dict(type='PackClipInputs'),
                    ],
                    **files,
                )
            ),
        )
    )


def task_recognizer(tasks=TASKS):
    """Config of both phases with several tasks."""
    cfg = recognizer(dict(metainfo=dict(classes=TASK_COLUMNS)))
    head = cfg.model.cls_head
    cfg.model.cls_head = dict(
        type='MultiTaskFrameHead',
        tasks=tasks,
        temporal_encoder=head.temporal_encoder,
    )
    return cfg


def build(cfg, seed=0):
    """Build the model in eval mode, with outputs that are far from uniform."""
    init_default_scope(cfg.default_scope)
    model_cfg = cfg.copy().model
    if 'student_checkpoint' in model_cfg:
        model_cfg.student_checkpoint = None
    torch.manual_seed(seed)
    model = MODELS.build(model_cfg).eval()
    with torch.no_grad():
        for value in model.parameters():
            if value.dim() > 1:
                value.normal_(std=1.2 / value[0].numel() ** 0.5)
    return model


def write_checkpoint(path, cfg, seed=0, with_config=True):
    """Checkpoint as the runner writes it; returns path and model."""
    model = build(cfg, seed)
    meta = dict(cfg=cfg.pretty_text) if with_config else {}
    torch.save(dict(state_dict=model.state_dict(), meta=meta), path)
    return str(path), model


def write_student(path, backbone, seed=0):
    """Checkpoint of an untrained student; returns its path."""
    init_default_scope('mmpretrain')
    torch.manual_seed(seed)
    student = MODELS.build(backbone)
    student.init_weights()
    weights = {f'backbone.{k}': v for k, v in student.state_dict().items()}
    torch.save(dict(state_dict=weights, meta={}), path)
    return str(path)
