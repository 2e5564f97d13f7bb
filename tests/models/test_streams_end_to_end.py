"""Faces and sound from files to scores, through the runner."""

import numpy as np
import pytest
from mmengine.runner import Runner

from fer_ssl.evaluation.video_predictions import VideoPredictions
from fer_ssl.features.extract_audio import extract_audio
from fer_ssl.features.extract_features import extract_features
from tests.helpers.sound_files import tone, write_wav
from tests.helpers.tiny_networks import extraction, write_student

ENCODER = dict(
    type='TransformerEncoder', embed_dims=8, num_layers=1, num_heads=2
)
# At 30 fps. '.' is a frame without a face; 'silent' has no sound at all, and
# the sound of 'short' ends after 8 of its 12 frames.
VIDEOS = {'a': '0122.1..2001', 'short': '..11220011.0', 'silent': '1.20'}


@pytest.fixture
def cfg(write_videos, tmp_path):
    files = write_videos(VIDEOS, size=16)
    # Frames without a face are labeled too, as in VA of Aff-Wild2.
    csv = tmp_path / 'frames.csv'
    csv.write_text(csv.read_text().replace(',,,train', ',,anger,train'))
    write_wav(tmp_path / 'sounds/a.wav', tone(0.4))
    write_wav(tmp_path / 'sounds/short.wav', tone(8 / 30))
    clips = dict(
        type='VideoClipDataset',
        window=8,
        stride=4,
        feature_store=dict(
            visual=str(tmp_path / 'visual'), audio=str(tmp_path / 'audio')
        ),
        pipeline=[dict(type='PackClipInputs')],
        **files,
    )
    loader = dict(batch_size=2, sampler=dict(type='DefaultSampler'))
    cfg = extraction(files)
    cfg.model.cls_head.temporal_encoder = dict(
        type='StreamFusionEncoder',
        in_channels=32 + 20,
        streams=[
            dict(in_channels=32, encoder=ENCODER),
            dict(in_channels=20, encoder=ENCODER, standardize=True),
        ],
        fusion='concat',
        encoder=ENCODER,
    )
    cfg.update(
        train_dataloader=dict(**loader, dataset=clips),
        train_cfg=dict(by_epoch=True, max_epochs=2),
        optim_wrapper=dict(optimizer=dict(type='AdamW', lr=1e-3)),
        test_dataloader=dict(**loader, dataset=dict(test_mode=True, **clips)),
        test_cfg=dict(),
        test_evaluator=[
            dict(type='MacroF1Metric', out_file=str(tmp_path / 'out.csv'))
        ],
        work_dir=str(tmp_path / 'work'),
        experiment_name='streams',
        log_level='ERROR',
    )
    return cfg


def test_extract_train_and_test(cfg, tmp_path):
    pytest.importorskip('av')
    student = write_student(tmp_path / 'student.pth', cfg.model.backbone)
    extract_features(cfg, student, str(tmp_path / 'visual'))
    from fer_ssl.media.log_mel import LogMel

    sound = extract_audio(
        cfg,
        str(tmp_path / 'sounds'),
        str(tmp_path / 'audio'),
        fps=30,
        log_mel=LogMel(num_mels=20),
        allow_missing=True,
    )
    assert sound.valid.tolist() == [True] * 20 + [False] * 8
    cfg.model.student_checkpoint = student
    runner = Runner.from_cfg(cfg)
    runner.train()
    scores = runner.test()
    assert {'macro_f1', 'macro_f1_with_face'} <= set(scores)
    predictions = VideoPredictions.from_csv(str(tmp_path / 'out.csv'))
    for name, frames in VIDEOS.items():
        has_face = [kind != '.' for kind in frames]
        assert predictions[name].has_face.tolist() == has_face
    # 'short' begins with two frames that have only sound, each with its own
    # score; frame 11 has neither stream and is interpolated.
    short = predictions['short'].scores
    assert np.abs(short[0] - short[1]).max() > 1e-5
    np.testing.assert_allclose(
        short[10], (short[9] + short[11]) / 2, atol=1e-4
    )
