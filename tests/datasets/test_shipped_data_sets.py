"""All face data sets in the wrappers and loaders that configs use."""

import re
from pathlib import Path

import numpy as np
import pytest
from mmengine.dataset import ConcatDataset, pseudo_collate
from mmengine.registry import DATASETS, init_default_scope
from torch.utils.data import DataLoader

from fer_ssl.datasets import ClassBalancedSampler
from tests.datasets.faces.affectnet_files import (
    write_affectnet_2017,
    write_affectnet_2021,
)
from tests.datasets.faces.expw_files import write_expw
from tests.datasets.faces.fer_plus_files import write_fer_plus
from tests.datasets.faces.image_folder_files import write_image_folder
from tests.datasets.faces.raf_db_files import write_raf_db
from tests.datasets.videos.dfew_files import write_dfew

LOAD = dict(type='LoadImageFromFile')
RESIZE = dict(type='Resize', scale=(16, 16))
PACK = dict(type='PackInputs')
CROP = dict(type='CropFace', margin=0.1)


def sets(root):
    """Name -> arguments, pipeline included."""
    plain, cut = [LOAD, RESIZE, PACK], [LOAD, CROP, RESIZE, PACK]
    folders = write_image_folder(root / 'folders', dict(anger=2, sad=1))
    return dict(
        affectnet_2017=dict(write_affectnet_2017(root / 'a17'), pipeline=cut),
        affectnet_2021=dict(
            write_affectnet_2021(root / 'a21'), pipeline=plain
        ),
        expw=dict(write_expw(root / 'expw'), pipeline=cut),
        raf_db=dict(write_raf_db(root / 'raf'), pipeline=plain),
        fer_plus=dict(write_fer_plus(root / 'ferplus'), pipeline=plain),
        fer_plus_text=dict(
            write_fer_plus(root / 'text', as_text=True), pipeline=plain
        ),
        folders=dict(folders, pipeline=plain),
    )


@pytest.mark.parametrize('scope', ['mmpretrain', 'mmengine'])
def test_found_in_the_registry(tmp_path, scope):
    init_default_scope(scope)
    found = [DATASETS.get(x) for x in ('DFEWDataset', 'DFEWFrameDataset')]
    for arguments in sets(tmp_path).values():
        arguments = dict(arguments, pipeline=[], lazy_init=True)
        found.append(type(DATASETS.build(arguments)))
    for cls in found:
        assert cls.__module__.startswith('fer_ssl.')


def test_all_together_in_workers(tmp_path):
    init_default_scope('mmpretrain')
    datasets = [DATASETS.build(x) for x in sets(tmp_path).values()]
    everything = ConcatDataset(datasets)
    loader = DataLoader(
        everything,
        batch_size=4,
        num_workers=1,
        collate_fn=pseudo_collate,
        multiprocessing_context='spawn',  # each imports it again
    )
    batches = list(loader)
    shapes = {tuple(x.shape) for batch in batches for x in batch['inputs']}
    assert shapes == {(3, 16, 16)}
    labels = np.concatenate([d.get_gt_labels() for d in datasets])
    assert [
        sample.gt_label.item()
        for batch in batches
        for sample in batch['data_samples']
    ] == labels.tolist()
    assert set(labels.tolist()) == {0, 1, 4, 5, 6}


def test_balanced_batches_over_several_sets(tmp_path):
    init_default_scope('mmpretrain')
    classes = ('neutral', 'anger', 'happiness')
    datasets = [
        DATASETS.build(dict(x, metainfo=dict(classes=classes)))
        for x in sets(tmp_path).values()
    ]
    everything = ConcatDataset(datasets)
    sampler = iter(ClassBalancedSampler(everything, seed=0))
    labels = [
        everything[next(sampler)]['data_samples'].gt_label.item()
        for _ in range(12)
    ]
    assert np.bincount(labels).tolist() == [4, 4, 4]


def test_labeled_and_unlabeled_complete_each_other(tmp_path):
    init_default_scope('mmpretrain')
    for arguments in sets(tmp_path).values():
        arguments = dict(arguments, labeled_per_class=1, seed=3)
        labeled = DATASETS.build(dict(arguments, subset='labeled'))
        _, counts = np.unique(labeled.get_gt_labels(), return_counts=True)
        assert set(counts) == {1}
        rest = len(labeled.read_faces()) - len(labeled)
        arguments['subset'] = 'unlabeled'
        if rest:
            assert len(DATASETS.build(arguments)) == rest
        else:
            with pytest.raises(ValueError, match="no face with subset='unl"):
                DATASETS.build(arguments)


def test_video_sets_in_every_scope(tmp_path):
    for scope in ('mmpretrain', 'mmengine'):
        init_default_scope(scope)
        files = write_dfew(tmp_path / scope)
        assert len(DATASETS.build(files)) == 3


DOCS = Path(__file__).parents[2] / 'docs' / 'data_preparation.md'
SNIPPETS = re.findall(
    r'^```python\n(dict\(.*?)^```', DOCS.read_text(), re.DOTALL | re.MULTILINE
)


@pytest.mark.parametrize('snippet', SNIPPETS)
def test_arguments_in_the_documentation(snippet):
    arguments = eval(snippet, dict(dict=dict))
    assert arguments['data_root'].startswith('data/')
    DATASETS.build(dict(arguments, lazy_init=True))


def test_documentation_has_every_data_set():
    shown = ' '.join(SNIPPETS)
    for arguments in ('AffectNet', 'ExpW', 'RAFDB', 'FERPlus', 'DFEW'):
        assert f"'{arguments}Dataset'" in shown
    assert "'ImageFolderDataset'" in shown
