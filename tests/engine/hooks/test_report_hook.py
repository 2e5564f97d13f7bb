"""The report at the end of a test, and of a training before it."""

import re

import pytest

from fer_ssl.engine import ReportHook
from fer_ssl.visualization.report import report
from tests.helpers.html_page import Page


def test_of_student_and_teacher(
    spatial_config, build_runner, tmp_path, monkeypatch
):
    monkeypatch.setattr(report, 'collect_env', dict)  # runs compilers
    spatial_config.visualizer = dict(
        type='Visualizer', vis_backends=[dict(type='LocalVisBackend')]
    )
    spatial_config.default_hooks.logger = dict(type='LoggerHook', interval=1)
    build_runner(spatial_config).train()
    checkpoint = f'{spatial_config.work_dir}/iter_3.pth'

    spatial_config.test_dataloader = spatial_config.val_dataloader
    spatial_config.test_evaluator = spatial_config.val_evaluator
    spatial_config.test_cfg = dict()
    spatial_config.load_from = checkpoint
    runner = build_runner(spatial_config, work_dir=str(tmp_path / 'elsewhere'))
    runner.register_hook(ReportHook(tmp_path / 'new' / 'folder'))
    scores = runner.test()

    page = Page(tmp_path / 'new' / 'folder' / 'report.html')
    assert set(page.scores) == {
        key for key in scores if '/' in key and 'time' not in key
    }
    log = next((tmp_path / 'elsewhere').glob('*/*.log')).read_text()
    printed = dict(re.findall(r'(\S+/\S+): ([\d.]+)', log.splitlines()[-2]))
    for key, text in page.scores.items():
        assert float(text) == pytest.approx(float(printed[key]), abs=0.00501)
    assert f'{checkpoint}, iteration 3' in page.text
    assert 'FaceDataset, split val' in page.text
    # of the six iterations, those up to the checkpoint
    assert 'Logged up to iteration 3' in page.text
    drawn = ' '.join(page.figures)
    assert 'Feedback coefficient' in drawn and 'Pseudo-labels' in drawn
    assert "type='TeacherStudent'" in page.text


def test_report_folder_that_is_a_file(tmp_path):
    (tmp_path / 'file').touch()
    for folder in ('file', 'file/below'):
        with pytest.raises(ValueError, match='cannot be used as the folder'):
            ReportHook(tmp_path / folder)
