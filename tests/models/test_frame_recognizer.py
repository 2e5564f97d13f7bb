import pickle

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, init_default_scope
from mmengine.runner import Runner
from mmengine.runner.checkpoint import load_checkpoint, save_checkpoint
from mmengine.structures import BaseDataElement

from fer_ssl.features.extract_features import extract_features

BACKBONE = dict(
    type='mmpretrain.ResNet', depth=18, stem_channels=8, base_channels=8
)
DIM = 64


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmpretrain')
    torch.manual_seed(0)


def config(**kwargs):
    return dict(
        type='FrameRecognizer',
        backbone=BACKBONE,
        cls_head=dict(
            type='TemporalFrameHead',
            num_classes=3,
            temporal_encoder=dict(
                type='TransformerEncoder',
                in_channels=DIM,
                embed_dims=8,
                num_layers=1,
                num_heads=2,
            ),
        ),
        data_preprocessor=dict(
            type='FrameDataPreprocessor',
            mean=[120.0, 110.0, 100.0],
            std=[50.0, 60.0, 70.0],
            to_rgb=True,
        ),
        **kwargs,
    )


def build(**kwargs):
    return MODELS.build(config(**kwargs))


@pytest.fixture
def student(tmp_path):
    """Checkpoint of a TeacherStudent whose two networks differ."""
    weights = {}
    for network in ('teacher', 'student'):
        backbone = build().backbone
        backbone.init_weights()
        for key, value in backbone.state_dict().items():
            weights[f'{network}.backbone.{key}'] = value
    path = tmp_path / 'student.pth'
    save_checkpoint(dict(state_dict=weights, meta={}), str(path))
    return str(path), weights


def clips(num_clips=2, length=4, size=32, **metainfo):
    inputs, samples = [], []
    for i in range(num_clips):
        inputs.append(
            torch.randint(0, 256, (length, 3, size, size), dtype=torch.uint8)
        )
        sample = BaseDataElement(
            metainfo=dict(video='a', start=0, num_frames=length, **metainfo)
        )
        label = torch.tensor([i % 3, -1, 1, 2][:length])
        sample.set_field(label, 'gt_label')
        sample.set_field(torch.arange(length) != 2 - i, 'valid')
        samples.append(sample)
    return dict(inputs=inputs, data_samples=samples)


def weights_of(module):
    return {k: v.clone() for k, v in module.state_dict().items()}


def assert_same(module, before):
    for key, value in module.state_dict().items():
        torch.testing.assert_close(value, before[key], rtol=0, atol=0)


def test_student_comes_from_the_checkpoint(student):
    path, weights = student
    model = build(student_checkpoint=path)
    expected = {
        key[len('student.backbone.') :]: value
        for key, value in weights.items()
        if key.startswith('student.')
    }
    assert_same(model.backbone, expected)
    # Runner.train calls it, and ResNet would draw new weights.
    model.init_weights()
    assert_same(model.backbone, expected)
    assert len(model.student_sha256) == 64


def test_plain_classifier_checkpoint(tmp_path):
    weights = {
        f'backbone.{k}': v for k, v in build().backbone.state_dict().items()
    }
    weights['head.fc.weight'] = torch.zeros(2, DIM)
    path = str(tmp_path / 'classifier.pth')
    torch.save(dict(state_dict=weights), path)
    model = build(student_checkpoint=path)
    torch.testing.assert_close(
        model.backbone.conv1.weight, weights['backbone.conv1.weight']
    )


def test_bad_student_checkpoints(student, tmp_path):
    path, _ = student
    other = dict(config(), student_checkpoint=path)
    other['backbone'] = dict(BACKBONE, depth=34)
    with pytest.raises(
        ValueError, match=r'another architecture.*missing \(first'
    ):
        MODELS.build(other)
    other['backbone'] = dict(BACKBONE, base_channels=16)
    with pytest.raises(ValueError, match=r'of another shape \(first .*for \('):
        MODELS.build(other)
    strange = str(tmp_path / 'strange.pth')
    torch.save(dict(encoder=torch.zeros(1)), strange)
    with pytest.raises(ValueError, match='no keys student.backbone.*encoder'):
        build(student_checkpoint=strange)
    with pytest.raises(FileNotFoundError, match='Train the spatial phase'):
        build(student_checkpoint=str(tmp_path / 'none.pth'))


class Malicious:
    def __reduce__(self):
        return print, ('executed',)


def test_untrusted_pickle_is_refused(tmp_path, capsys):
    path = str(tmp_path / 'bad.pth')
    torch.save(dict(state_dict=Malicious()), path)
    with pytest.raises((ValueError, pickle.UnpicklingError)):
        build(student_checkpoint=path)
    assert 'executed' not in capsys.readouterr().out


def test_student_is_frozen(student):
    model = build(student_checkpoint=student[0])
    before = weights_of(model.backbone)
    head_before = weights_of(model.cls_head)
    optim_wrapper = build_optim_wrapper(
        model,
        dict(optimizer=dict(type='AdamW', lr=0.1, weight_decay=0.5)),
    )
    model.train()
    assert model.cls_head.training
    assert not any(m.training for m in model.backbone.modules())
    losses = model.train_step(clips(), optim_wrapper)
    assert losses['loss'] > 0
    assert_same(model.backbone, before)
    assert all(p.grad is None for p in model.backbone.parameters())
    changed = model.cls_head.state_dict()
    assert any((changed[k] != v).any() for k, v in head_before.items())


def test_frames_and_cached_features_predict_the_same(student):
    model = build(student_checkpoint=student[0]).eval()
    data = clips()
    faces = model.data_preprocessor(
        dict(inputs=list(torch.cat(data['inputs'])), data_samples=None)
    )['inputs']
    with torch.no_grad():
        cached = model.student_features(faces).half().view(2, 4, DIM)
        for clip, sample in zip(cached, data['data_samples']):
            clip[~sample.valid] = 0  # as in the store
        on_frames = model.test_step(data)
    stamped = clips(student_sha256=model.student_sha256)
    stamped['inputs'] = list(cached)
    with torch.no_grad():
        on_features = model.test_step(stamped)
    for a, b in zip(on_frames, on_features):
        assert a.pred_score.shape == (4, 3)
        torch.testing.assert_close(
            a.pred_score, b.pred_score, rtol=1e-3, atol=1e-3
        )
        torch.testing.assert_close(a.pred_score.sum(1), torch.ones(4))


def test_preprocessor_normalizes_frames_and_only_casts_features():
    model = build()
    clip = torch.randint(0, 256, (4, 3, 5, 5), dtype=torch.uint8)
    out = model.data_preprocessor(dict(inputs=[clip], data_samples=None))
    rgb = clip.flip(1).float()
    mean = torch.tensor([120.0, 110.0, 100.0]).view(3, 1, 1)
    std = torch.tensor([50.0, 60.0, 70.0]).view(3, 1, 1)
    torch.testing.assert_close(out['inputs'][0], (rgb - mean) / std)
    feature = torch.randn(4, 6).half()
    out = model.data_preprocessor(dict(inputs=[feature], data_samples=None))
    torch.testing.assert_close(out['inputs'][0], feature.float())


def test_stale_features_are_refused(student):
    model = build(student_checkpoint=student[0])
    data = clips(student_sha256='ab' * 32)
    data['inputs'] = [torch.zeros(4, DIM)] * 2
    with pytest.raises(ValueError, match='with student abababababab, but'):
        model.test_step(data)
    with pytest.raises(ValueError, match='is none .*Run tools/extract'):
        build().test_step(data)


def test_checkpoint_carries_the_student_and_its_origin(student, tmp_path):
    model = build(student_checkpoint=student[0])
    path = str(tmp_path / 'temporal.pth')
    save_checkpoint(dict(state_dict=model.state_dict(), meta={}), path)
    other = build()
    assert other.student_sha256 is None
    load_checkpoint(other, path, strict=True)
    assert other.student_sha256 == model.student_sha256
    assert_same(other, weights_of(model))


def test_clip_without_a_face_and_without_samples(student):
    model = build(student_checkpoint=student[0]).eval()
    data = clips(num_clips=1)
    data['data_samples'][0].valid[:] = False
    with torch.no_grad():
        sample = model.test_step(data)[0]
    assert sample.pred_score.isfinite().all()
    assert not sample.valid.any()
    logits = model(torch.randn(2, 3, 3, 32, 32), stage='head')
    assert logits.shape == (2, 3, 3)


def test_runner_trains_and_tests_with_cached_features(
    student, write_videos, tmp_path
):
    """The whole phase: extract, train, test on features and on frames."""
    files = write_videos({'a': '00112.20' * 2, 'b': '.12'}, size=16)
    image_pipeline = [
        dict(type='LoadImageFromFile'),
        dict(type='CenterCrop', crop_size=16),
    ]
    clip_dataset = dict(type='VideoClipDataset', window=8, stride=4, **files)
    store = str(tmp_path / 'features')
    cfg = Config(
        dict(
            default_scope='mmpretrain',
            model=config(student_checkpoint=student[0]),
            extract_dataloader=dict(
                batch_size=4,
                dataset=dict(
                    type='VideoFrameDataset',
                    pipeline=[*image_pipeline, dict(type='PackInputs')],
                    **files,
                ),
            ),
            train_dataloader=dict(
                batch_size=2,
                sampler=dict(type='DefaultSampler', shuffle=True),
                dataset=dict(
                    feature_store=store,
                    pipeline=[dict(type='PackClipInputs')],
                    **clip_dataset,
                ),
            ),
            train_cfg=dict(by_epoch=True, max_epochs=1),
            optim_wrapper=dict(optimizer=dict(type='AdamW', lr=1e-3)),
            work_dir=str(tmp_path / 'work'),
            experiment_name='temporal',
            log_level='ERROR',
        )
    )
    extract_features(cfg, student[0], store)
    runner = Runner.from_cfg(cfg)
    runner.train()
    trained = str(tmp_path / 'work' / 'epoch_1.pth')
    model = build()
    load_checkpoint(model, trained, strict=True)
    assert model.student_sha256 == runner.model.student_sha256

    load_frames = dict(type='LoadClipFrames', transforms=image_pipeline)
    scores = []
    for options in (
        dict(feature_store=store, pipeline=[dict(type='PackClipInputs')]),
        dict(pipeline=[load_frames, dict(type='PackClipInputs')]),
    ):
        loader = Runner.build_dataloader(
            dict(
                batch_size=3,
                sampler=dict(type='DefaultSampler', shuffle=False),
                dataset=dict(test_mode=True, **clip_dataset, **options),
            )
        )
        with torch.no_grad():
            samples = [s for b in loader for s in model.eval().test_step(b)]
        scores.append(np.concatenate([s.pred_score for s in samples]))
    assert len(scores[0]) == 3 * 8 + 3
    np.testing.assert_allclose(scores[0], scores[1], rtol=1e-3, atol=1e-3)


FUSION = dict(
    type='StreamFusionEncoder',
    in_channels=DIM + 3,
    streams=[
        dict(in_channels=width, encoder=encoder, standardize=width == 3)
        for width, encoder in zip(
            (DIM, 3),
            [
                dict(
                    type='TransformerEncoder',
                    embed_dims=8,
                    num_layers=1,
                    num_heads=2,
                )
            ]
            * 2,
        )
    ],
    fusion='gated',
)


def stream_clips(length=5):
    """Face and sound, only a face, only sound, neither, padding."""
    sample = BaseDataElement(
        metainfo=dict(video='a', start=0, num_frames=length - 1)
    )
    stream_valid = torch.tensor([[1, 1], [1, 0], [0, 1], [0, 0], [0, 0]])
    sample.set_field(stream_valid.bool(), 'stream_valid')
    sample.set_field(stream_valid.any(dim=1), 'valid')
    sample.set_field(torch.tensor([0, 1, 2, 0, -1]), 'gt_label')
    features = torch.randn(length, DIM + 3).half()
    return dict(inputs=[features], data_samples=[sample])


def build_fusion():
    cfg = config()
    cfg['cls_head'] = dict(cfg['cls_head'], temporal_encoder=FUSION)
    return MODELS.build(cfg)


def test_streams_reach_the_encoder(student):
    model = build_fusion().eval()
    data = stream_clips()
    other = stream_clips()
    other['inputs'][0] = data['inputs'][0].clone()
    other['inputs'][0][1, DIM:] = 7.0  # no sound there
    other['inputs'][0][2, :DIM] = float('nan')  # no face there
    other['inputs'][0][3:] = -7.0
    with torch.no_grad():
        first, second = model.test_step(data)[0], model.test_step(other)[0]
    assert first.pred_score.shape == (4, 3)
    assert first.valid.tolist() == [True, True, True, False]
    torch.testing.assert_close(first.pred_score[:3], second.pred_score[:3])
    heard = stream_clips()
    heard['inputs'][0] = data['inputs'][0].clone()
    heard['inputs'][0][2, DIM:] += 3.0
    with torch.no_grad():
        third = model.test_step(heard)[0]
    assert not torch.allclose(first.pred_score[2], third.pred_score[2])


def test_frames_with_only_sound_are_learned_from():
    model = build_fusion().train()
    optim_wrapper = build_optim_wrapper(
        model, dict(optimizer=dict(type='SGD', lr=0.1))
    )
    data = stream_clips()
    data['data_samples'][0].gt_label[:2] = -1  # only frame 3, without a face
    encoder = model.cls_head.temporal_encoder.encoders[1]
    before = weights_of(encoder)
    assert model.train_step(data, optim_wrapper)['loss'] > 0
    after = encoder.state_dict()
    assert any((after[k] != v).any() for k, v in before.items())
    assert all(value.isfinite().all() for value in after.values())


def test_streams_need_an_encoder_that_tells_them_apart():
    data = stream_clips()
    with pytest.raises(ValueError, match='2 streams, but TransformerEncoder'):
        build().test_step(data)


def test_stamp_of_the_visual_stream_is_checked(student):
    model = build_fusion()
    data = stream_clips()
    data['data_samples'][0].set_metainfo(dict(student_sha256='ab' * 32))
    with pytest.raises(ValueError, match='with student abababababab, but'):
        model.test_step(data)
