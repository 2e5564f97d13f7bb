"""Tiny networks for the export, each with as few operators as possible."""

from mmengine.config import Config

from tests.helpers.tiny_networks import (
    CLASSES,
    MEAN,
    classifier,
    frame_recognizer,
    image_loader,
)

# One stage: the exporter takes its time for every operator.
BACKBONE = dict(
    type='mmpretrain.ResNet_CIFAR',
    depth=18,
    stem_channels=4,
    base_channels=4,
    num_stages=1,
    strides=(1,),
    dilations=(1,),
    out_indices=(0,),
)
CALIBRATION = dict(
    temperature=1.7,
    bias=[0.3, -0.2, 0.5],
    classes=list(CLASSES),
    method='labels',
    prior=[0.5, 0.2, 0.3],
    num_faces=40,
    faces_per_class=[20, 8, 12],
)
TO_GRAY = dict(
    type='RandomGrayscale',
    prob=1.0,
    keep_channels=True,
    channel_weights=(0.114, 0.587, 0.299),
)


def pipeline(*steps, side=20, **load):
    return [
        dict(type='LoadImageFromFile', **load),
        dict(type='Resize', scale=(24, 24)),
        *steps,
        dict(type='CenterCrop', crop_size=side),
        dict(type='PackInputs'),
    ]


def image_classifier(steps=None, **changes):
    """Config of a classifier of faces of 20 pixels."""
    cfg = classifier(test_dataloader=image_loader(steps or pipeline()))
    cfg.model.backbone = dict(BACKBONE, **changes.pop('backbone', {}))
    cfg.model.head = dict(
        type='LinearClsHead', num_classes=3, in_channels=4
    ) | changes.pop('head', {})
    cfg.model.data_preprocessor.update(changes.pop('data_preprocessor', {}))
    cfg.merge_from_dict(dict(face_crop=dict(margin=0.1), **changes))
    return cfg


def gray_classifier():
    """Config of a classifier that reads one channel."""
    return image_classifier(
        pipeline(color_type='grayscale'),
        backbone=dict(in_channels=1),
        data_preprocessor=dict(mean=[127.5], std=[50.0], to_rgb=False),
    )


def teacher_student():
    """Two networks with a class prior, gray faces and a calibration."""
    cfg = image_classifier(
        pipeline(TO_GRAY),
        head=dict(type='PriorLinearHead'),
        calibration=CALIBRATION,
    )
    network = cfg.model
    cfg.model = dict(
        type='TeacherStudent',
        data_preprocessor=network.pop('data_preprocessor'),
        network=network,
    )
    return cfg


def recognizer(**changes):
    """Config of both phases; windows of 6 frames."""
    dataset = dict(
        type='VideoClipDataset',
        metainfo=dict(classes=CLASSES),
        window=6,
        stride=4,
        pipeline=[
            dict(type='LoadClipFrames', transforms=pipeline()[:-1]),
            dict(type='PackClipInputs'),
        ],
    )
    cfg = dict(
        custom_imports=dict(imports=['fer_ssl']),
        default_scope='mmpretrain',
        model=frame_recognizer(backbone=BACKBONE),
        test_dataloader=dict(dataset=dataset),
    )
    cfg['model']['cls_head']['temporal_encoder']['in_channels'] = 4
    cfg['model']['cls_head'].update(changes)
    cfg['model']['data_preprocessor'] = dict(
        type='FrameDataPreprocessor', **MEAN
    )
    return Config(cfg)


def multi_task_recognizer():
    """Both kinds of recurrent encoders and normalized classifiers."""
    cfg = recognizer()
    cfg.model.cls_head = dict(
        type='MultiTaskFrameHead',
        tasks=dict(
            VA=dict(type='ValenceArousalTask'),
            EXPR=dict(type='ExpressionTask', num_outputs=3),
            AU=dict(type='ActionUnitTask', num_outputs=4),
        ),
        hidden_channels=6,
        temporal_encoder=dict(
            type='TCNTransformerEncoder',
            in_channels=4,
            tcn=dict(type='RecurrentEncoder', embed_dims=8, num_layers=2),
            transformer=dict(
                type='RecurrentEncoder',
                cell='GRU',
                embed_dims=5,
                bidirectional=False,
            ),
        ),
    )
    cfg.calibration = CALIBRATION
    return cfg
