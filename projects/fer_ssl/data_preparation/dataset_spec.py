"""Parse and build data sets that are named on a command line."""

from __future__ import annotations

import ast
import os.path as osp
from collections.abc import Iterable

import numpy as np
from mmengine.config import Config
from mmengine.registry import DATASETS, TASK_UTILS

from ..labels import ABAW_EXPRESSIONS, IGNORE_LABEL
from ..utils.data_files import read_data_file
from ..utils.placeholders import check_file
from ..utils.text_rows import read_lines

#: What :func:`parse_dataset_spec` takes.
SPEC_FORMS = (
    "a class with its arguments (FaceDataset(data_root='data', "
    "ann_file='labels.csv')), or a config file (Python, which is executed, or "
    'YAML or JSON, which are not) with the variable `dataset` '
    '(data.py, or data.py:unlabeled_dataloader.dataset for another one)'
)
#: What :func:`build_image_source` takes.
SOURCE_FORMS = (
    f'{SPEC_FORMS}, or FILE.rec, FILE.csv (as FaceDataset) or FILE.txt (one '
    'image per line)'
)


def build_image_source(text: str, image_root: str = '', **changes):
    """Build the data set that a spec names.

    Args:
        text: One of :data:`SOURCE_FORMS`.
        image_root: Base folder of the images in a ``.csv`` or ``.txt`` file.
            Defaults to the folder of that file.
        changes: Additional arguments of the class.

    Returns:
        A dataset without a pipeline; an :class:`ImageList` for ``.txt``.

    Raises:
        ValueError: The text has none of the forms, it sets an argument that
            ``changes`` sets as well, or the items are not single images.
    """
    folder, name = osp.split(osp.abspath(text))
    extension = osp.splitext(name)[1]
    if extension == '.txt':
        if changes:
            raise ValueError(
                f'{text}: a list of images does not take {[*changes]}.'
            )
        return ImageList(text, image_root or folder)
    if extension == '.rec':
        config = dict(type='RecordIODataset', data_root=folder, ann_file=name)
    elif extension == '.csv':
        config = dict(
            type='FaceDataset',
            data_root=folder,
            ann_file=name,
            data_prefix=dict(img_path=osp.abspath(image_root or folder)),
        )
    else:
        config = parse_dataset_spec(text)
    twice = ', '.join(sorted(set(config) & set(changes)))
    if twice:
        raise ValueError(f'{text}: the text already sets {twice}.')
    dataset = DATASETS.build(without_pipeline(dict(config, **changes)))
    check_single_images(dataset)
    return dataset


def without_pipeline(config: dict, **defaults) -> dict:
    """Return the config of a dataset with an empty pipeline.

    The data sets inside a wrapper, such as ``ConcatDataset``, are changed
    instead of the wrapper.

    Args:
        config: Config of the dataset.
        defaults: Arguments to add where the config does not set them.
    """
    if 'datasets' in config:
        inner = [without_pipeline(x, **defaults) for x in config['datasets']]
        return dict(config, datasets=inner)
    if 'dataset' in config:
        inner = without_pipeline(config['dataset'], **defaults)
        return dict(config, dataset=inner)
    return {**defaults, **config, 'pipeline': []}


def check_single_images(dataset) -> None:
    """Check that the items of a dataset are single images.

    Raises:
        ValueError: They are not.
    """
    if len(dataset) and 'img_path' not in dataset.get_data_info(0):
        raise ValueError(
            f'{type(dataset).__name__}: its items are not single images (they '
            'have no `img_path`).'
        )


def parse_dataset_spec(text: str) -> dict:
    """Return the config of the dataset that a text names.

    Args:
        text: One of :data:`SPEC_FORMS`.

    Raises:
        FileNotFoundError: There is no such config file.
        ValueError: The text has none of the forms, or a YAML or JSON file
            names a type that is not a registered data set.
    """
    path, _, key = text.rpartition(':')
    if osp.splitext(text)[1] in ('.py', '.yml', '.yaml', '.json'):
        path, key = text, 'dataset'
    if osp.splitext(path)[1] in ('.py', '.yml', '.yaml', '.json'):
        is_code = path.endswith('.py')
        check_file(path)
        config = Config.fromfile(path) if is_code else read_data_file(path)
        for part in key.split('.'):
            if not hasattr(config, 'keys') or part not in config:
                raise ValueError(f'{path}: there is no variable `{key}`.')
            config = config[part]
        if not hasattr(config, 'keys'):
            raise ValueError(f'{path}: `{key}` is not a data set.')
        if not is_code:
            check_registered_types(path, config)
        return dict(config)
    try:
        call = ast.parse(text, mode='eval').body
        config = {x.arg: _literal(x.value) for x in call.keywords}
        if call.args or not isinstance(call.func, ast.Name):
            raise ValueError
        if call.func.id != 'dict':
            config['type'] = call.func.id
        if 'type' not in config:
            raise ValueError
    except (ArithmeticError, AttributeError, SyntaxError, ValueError):
        raise ValueError(
            f'{text!r} is not a data set. Give {SPEC_FORMS}.'
        ) from None
    return config


def parse_named_specs(texts: Iterable[str]) -> dict[str, dict]:
    """Return the configs of the data sets of options ``NAME=SET``, by name.

    Raises:
        ValueError: An option has no name or that of another one; or see
            :func:`parse_dataset_spec`.
    """
    configs: dict[str, dict] = {}
    for text in texts:
        name, equals, spec = text.partition('=')
        # Class(argument=...) has an equals sign, but no name before it.
        if not name or not equals or name.count('(') > name.count(')'):
            raise ValueError(
                f'{text!r} is not of the form NAME=SET. Put a name of your '
                f'choice before it: {f"mine={text}"!r}.'
            )
        if name in configs:
            raise ValueError(
                f'{text!r}: another data set has the name {name!r}. Choose '
                'different names.'
            )
        configs[name] = parse_dataset_spec(spec)
    return configs


def check_registered_types(path: str, config) -> None:
    """Refuse types that are not registered, since data must not run code.

    A registry imports any module that it is asked for by name.

    Args:
        path: The file, for error messages.
        config: Config of a data set, or several in a dict or list. Pipelines
            are not checked, as they are not built.

    Raises:
        ValueError: A ``type`` does not name a registered class.
    """
    if isinstance(config, dict):
        if '_scope_' in config:
            raise ValueError(
                f'{path}: _scope_ makes a registry import a package, but a '
                'data file must not run code. Remove it.'
            )
        # A dict without a type is part of an argument, such as data_prefix.
        name = config.get('type', 'ConcatDataset')
        for registry in (DATASETS, TASK_UTILS):
            registry.import_from_location()
        known = {**DATASETS.module_dict, **TASK_UTILS.module_dict}
        if not isinstance(name, str) or name not in known:
            raise ValueError(
                f'{path}: type {name!r:.80} is not a registered data set or '
                'reader, and a data file must not name other code. Use a '
                'Python config for a class of your own.'
            )
        parts = [part for key, part in config.items() if key != 'pipeline']
    else:
        parts = config if isinstance(config, (list, tuple)) else []
    for part in parts:
        check_registered_types(path, part)


def _literal(node: ast.expr):
    """Evaluate a literal, dict(...) or a fraction like 1/3."""
    if isinstance(node, ast.Call) and getattr(node.func, 'id', '') == 'dict':
        if node.args:
            raise ValueError
        return {x.arg: _literal(x.value) for x in node.keywords}
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        return _literal(node.left) / _literal(node.right)
    return ast.literal_eval(node)


class ImageList:
    """Unlabeled images, one path per line of a text file.

    Args:
        path: The text file. Empty lines are ignored.
        image_root: Base folder of the paths.

    Raises:
        ValueError: The file names no images.
    """

    metainfo = dict(classes=ABAW_EXPRESSIONS)

    def __init__(self, path: str, image_root: str) -> None:
        lines = [line.strip() for line in read_lines(path)]
        self.images = [
            line if '://' in line else osp.abspath(osp.join(image_root, line))
            for line in lines
            if line
        ]
        if not self.images:
            raise ValueError(f'{path}: the file names no images.')

    def __len__(self) -> int:
        return len(self.images)

    def get_data_info(self, idx: int) -> dict:
        return dict(img_path=self.images[idx], gt_label=IGNORE_LABEL)

    def get_gt_labels(self) -> np.ndarray:
        return np.full(len(self), IGNORE_LABEL)
