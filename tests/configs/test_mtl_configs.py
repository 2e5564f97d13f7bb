"""Multi-task configs on tiny data, from both phases to a submission."""

from pathlib import Path

from mmengine.config import Config
from mmengine.runner import Runner

from fer_ssl.datasets.videos.submission_frames import read_frame_list
from fer_ssl.evaluation import VideoPredictions
from fer_ssl.evaluation.submission import check_submission, write_submission
from fer_ssl.features.extract_features import extract_features
from tests.datasets.videos.s_aff_wild2_files import FILES, write_s_aff_wild2

CONFIGS = Path(__file__).parents[2] / 'configs/mtl'
BACKBONE = dict(depth=18, stem_channels=4, base_channels=4)
PARTS = {'VA/ccc': 1, 'EXPR/macro_f1': 0.01, 'AU/au_f1': 0.01}


def shrink(config, folder, name):
    for part in ('train', 'val', 'test', 'extract'):
        loader = config.get(f'{part}_dataloader')
        if loader is not None:
            loader.update(
                batch_size=4,
                num_workers=0,
                persistent_workers=False,
                pin_memory=False,
            )
            loader.dataset.update(
                data_root=str(folder / 'data'), ann_file='', data_prefix=None
            )
            for step in loader.dataset.get('pipeline', ()):
                if 'scale' in step:
                    step.scale = (10, 10)
                if 'crop_size' in step:
                    step.crop_size = 8
    config.train_cfg.update(max_iters=2, val_interval=2)
    config.default_hooks.checkpoint.interval = 2
    config.work_dir = str(folder / name)
    config.experiment_name = f'{folder.name}_{name}'
    config.update(param_scheduler=None, visualizer=None, log_level='ERROR')


def train(config, folder):
    """Train; returns the runner and the best checkpoint."""
    runner = Runner.from_cfg(config)
    runner.train()
    for parameter in runner.model.parameters():
        assert parameter.isfinite().all()
    return runner, str(Path(config.work_dir) / 'best_P_iter_2.pth')


def test_both_phases(tmp_path):
    write_s_aff_wild2(tmp_path / 'data')
    config = Config.fromfile(CONFIGS / 'mtl_frames_r50.py')
    shrink(config, tmp_path, 'frames')
    config.model.backbone = dict(type='ResNet', **BACKBONE)
    config.model.head.in_channels = 32
    runner, student = train(config, tmp_path)
    scores = runner.test()
    total = sum(scores[key] * factor for key, factor in PARTS.items())
    assert abs(scores['P'] - total) < 1e-6

    config = Config.fromfile(CONFIGS / 'mtl_clips_r50.py')
    shrink(config, tmp_path, 'clips')
    config.model.update(student_checkpoint=student)
    config.model.backbone = dict(type='mmpretrain.ResNet', **BACKBONE)
    config.model.cls_head.temporal_encoder.update(
        in_channels=32, embed_dims=8, num_layers=1, num_heads=2
    )
    store = str(tmp_path / 'features')
    for part in ('train', 'val', 'test'):
        config[f'{part}_dataloader'].dataset.feature_store = store
    extract_features(config, student, store, ['train', 'val', 'test'])
    config.test_dataloader.dataset.split = 'test'
    paths = []
    for metric in config.test_evaluator.metrics:
        metric.out_file = str(tmp_path / f'{metric.task}.csv')
        paths.append(metric.out_file)
    runner, _ = train(config, tmp_path)
    assert runner.test() == {}  # the test set has no labels
    expected = read_frame_list(
        str(tmp_path / 'data/MTL_Challenge' / FILES['test'])
    )
    path = str(tmp_path / 'submission.txt')
    predictions = [VideoPredictions.from_csv(x) for x in paths]
    assert write_submission(predictions, expected, path) == []
    report = check_submission(path, expected)
    assert report.is_valid and report.num_rows == 5
