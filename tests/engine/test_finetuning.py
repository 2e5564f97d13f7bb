from pathlib import Path

import pytest
from mmengine.config import Config

from fer_ssl.utils.safe_load import safe_load

CONFIGS = Path(__file__).parents[2] / 'configs'


@pytest.mark.parametrize(
    'name', ['finetune_r50.py', 'faces/faces_finetune_r18.py']
)
def test_configs_load_the_student_and_nothing_else(name):
    config = Config.fromfile(CONFIGS / name)
    assert config.model.init_cfg.prefix == 'student'
    assert config.model.backbone.get('init_cfg') is None
    assert config.train_cfg.type == 'ResumableTrainLoop'


def test_student_is_fine_tuned_on_the_labeled_faces(
    spatial_config, build_runner
):
    build_runner(spatial_config).train()
    path = f'{spatial_config.work_dir}/iter_6.pth'
    student = {
        name.removeprefix('student.'): value
        for name, value in safe_load(path)['state_dict'].items()
        if name.startswith('student.')
    }
    config = spatial_config
    config.model = dict(
        **config.model.network,
        data_preprocessor=config.model.data_preprocessor,
        init_cfg=dict(type='Pretrained', checkpoint=path, prefix='student'),
    )
    config.train_cfg = dict(type='ResumableTrainLoop', max_iters=2)
    config.optim_wrapper = dict(optimizer=dict(type='SGD', lr=1e-3))
    config.param_scheduler = config.custom_hooks = None
    config.val_dataloader = config.val_cfg = config.val_evaluator = None
    config.work_dir += '_tuned'
    runner = build_runner(config)
    runner.train()
    tuned = runner.model.state_dict()
    assert list(tuned) == list(student)
    assert (
        0 < (tuned['head.fc.weight'] - student['head.fc.weight']).abs().max()
    )
    for name, parameter in runner.model.named_parameters():
        moved = (parameter.detach() - student[name]).abs().max()
        assert moved < 0.05, name
