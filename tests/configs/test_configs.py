import ast
from collections import Counter
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope

CONFIGS = sorted(Path(__file__).parents[2].glob('configs/**/*.py'))
EXPERIMENTS = [path for path in CONFIGS if '_base_' not in path.parts]


def test_base_names_are_unique():
    # mim looks a config up by its base name.
    names = Counter(path.name for path in CONFIGS)
    assert len(EXPERIMENTS) >= 8
    assert max(names.values()) == 1


def test_bases_inherit_bases_only():
    root = Path(__file__).parents[2] / 'configs/_base_'
    parts = set()
    for path in root.rglob('*.py'):
        place = path.relative_to(root)
        parts.add(place.parts[0])
        code = ast.parse(path.read_text()).body
        for node in code:
            if isinstance(node, ast.Assign) and node.targets[0].id == '_base_':
                names = ast.literal_eval(node.value)
                for name in [names] if isinstance(names, str) else names:
                    base = (path.parent / name).resolve()
                    assert base.is_relative_to(root.resolve()), place
    assert parts == {'models', 'datasets', 'schedules', 'default_runtime.py'}


def drop_weights(config):
    """Keep configs from downloading or reading weights."""
    if isinstance(config, dict):
        return {
            key: None
            if key in ('init_cfg', 'student_checkpoint')
            else drop_weights(value)
            for key, value in config.items()
        }
    return config


@pytest.mark.parametrize('path', EXPERIMENTS, ids=lambda path: path.stem)
def test_config_is_complete(path):
    assert path.read_text().startswith('#'), 'say what it is and how to run it'
    config = Config.fromfile(path)
    init_default_scope(config.default_scope)
    model = MODELS.build(drop_weights(config.model))
    if config.get('val_dataloader') is None:
        return  # self-supervised, knows no classes
    classes = config.val_dataloader.dataset.metainfo.classes
    network = getattr(model, 'module', model)  # of several views
    network = getattr(network, 'student', network)
    head = getattr(network, 'head', None) or network.cls_head
    assert head.num_classes == len(classes)
    for loader in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        dataset = config[loader].dataset
        while dataset.type in ('CachedFaces', 'ClassBalancedDataset'):
            dataset = dataset.dataset
        for part in dataset.get('datasets', [dataset]):
            assert tuple(part.metainfo.classes) == tuple(classes)
