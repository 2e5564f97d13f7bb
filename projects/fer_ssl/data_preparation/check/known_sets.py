"""Data sets that are recognised by files that only they have."""

from __future__ import annotations

import contextlib
import glob
import os
import os.path as osp
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Callable

from ...datasets.containers.tar_shards import MANIFEST, PROGRESS
from ...datasets.faces.affectnet_dataset import CSV_FILES, CSV_IMAGE_FOLDERS
from ...labels import TAXONOMIES
from ...utils.data_files import read_json

_MOST_ENTRIES = 1000  # a folder with more holds images, not data sets

Configs = dict[str, dict]


@dataclass(frozen=True)
class KnownSet:
    """A data set that can be recognised.

    Attributes:
        name: Its name.
        markers: Files or folders of which one tells that the set is here.
        needs: What must be here too; of each tuple one is enough.
        parts: Folder -> config of the dataset of each part that is here.
        home: Folder with a marker -> folder of the set.
    """

    name: str
    markers: tuple[str, ...]
    needs: tuple[tuple[str, ...], ...]
    parts: Callable[[str], Configs]
    home: Callable[[str], str] = str

    def missing(self, folder: str) -> list[str]:
        """What is not here though it should be."""
        return [
            ' or '.join(names)
            for names in self.needs
            if not any(
                glob.glob(osp.join(glob.escape(folder), n)) for n in names
            )
        ]


def _coded(taxonomy: str, **config) -> dict:
    """Config that keeps the classes of the set, so that they are counted."""
    return dict(config, metainfo=dict(classes=TAXONOMIES[taxonomy]))


def _splits(taxonomy: str, splits: Sequence[str], **config):
    def parts(folder: str) -> Configs:
        return {
            split: _coded(taxonomy, split=split, data_root=folder, **config)
            for split in splits
        }

    return parts


def _aff_wild2_home(folder: str) -> str:
    """The folder that holds both annotations and crops."""
    for home in (folder, osp.dirname(folder)):
        for depth in ('', '*'):
            pattern = osp.join(glob.escape(home), depth, 'cropped_aligned*')
            if glob.glob(pattern):
                return home
    return folder


def _aff_wild2(folder: str) -> Configs:
    parts = {}
    for track in ('EXPR', 'VA', 'AU'):
        pattern = osp.join(glob.escape(folder), '{}', f'{track}_*_Challenge')
        if any(glob.glob(pattern.format(depth)) for depth in ('', '*')):
            for split in ('train', 'val'):
                parts[f'{track} {split}'] = dict(
                    type='VideoFrameDataset',
                    data_root=folder,
                    split=split,
                    reader=dict(
                        type='AffWild2Reader', track=track, on_mismatch='warn'
                    ),
                )
    return parts


def _affectnet_2021(folder: str) -> Configs:
    every = _splits(
        'affectnet', ('train', 'val'), type='AffectNetDataset', release='2021'
    )
    return {
        split: config
        for split, config in every(folder).items()
        if osp.isdir(osp.join(folder, f'{split}_set'))
    }


_FER_PLUS_IMAGES = 'data/FER2013Train/*.png'


def _fer_plus(folder: str) -> Configs:
    config = dict(type='FERPlusDataset')
    # The owners' repository has these folders, but without the images.
    images = glob.iglob(osp.join(glob.escape(folder), _FER_PLUS_IMAGES))
    if next(images, None) is None:
        config['pixels'] = 'fer2013.csv'
    return _splits('fer_plus', ('train', 'val', 'test'), **config)(folder)


_DFEW_CLIPS = ('Clip/jpg_256', 'Clip/clip_224x224')


def _dfew(folder: str) -> Configs:
    clips = [x for x in _DFEW_CLIPS if osp.isdir(osp.join(folder, x))]
    return _splits(
        'dfew',
        ('train', 'test'),
        type='DFEWFrameDataset',
        data_prefix=dict(img_path=[*clips, _DFEW_CLIPS[0]][0]),
        on_missing='skip',
    )(folder)


def _read_json(path: str) -> dict:
    """Content of a JSON file; nothing where it is missing or another one."""
    with contextlib.suppress(OSError, ValueError):
        content = read_json(path)
        return content if isinstance(content, dict) else {}
    return {}


def _with_classes_of(path: str) -> dict:
    """Arguments for the classes that a manifest names."""
    classes = _read_json(path).get('classes')
    # MMEngine would take a text for the name of a file that has the classes.
    if not isinstance(classes, list) or not all(
        isinstance(name, str) for name in classes
    ):
        return {}
    return dict(metainfo=dict(classes=classes)) if classes else {}


def _tar_shards(folder: str) -> Configs:
    classes = _with_classes_of(osp.join(folder, MANIFEST))
    return {'all': dict(type='TarShardDataset', data_root=folder, **classes)}


def _faces_csv(folder: str) -> Configs:
    root, prefix, config = folder, 'images', {}
    if not osp.isdir(osp.join(folder, prefix)):
        prefix = ''
        split = osp.join(folder, 'manifest.json')  # of build_split
        root = _read_json(split).get('image_root')
        root = root if isinstance(root, str) and root else folder
        config = _with_classes_of(split)
    files = ('labels.csv', 'all'), ('unlabeled.csv', 'unlabeled')
    return {
        name: dict(
            type='FaceDataset',
            ann_file=osp.join(osp.abspath(folder), name),
            data_root=root,
            data_prefix=dict(img_path=prefix),
            subset=subset,
            **config,
        )
        for name, subset in files
        if osp.isfile(osp.join(folder, name))
    }


def _one(name: str, **config):
    def parts(folder: str) -> Configs:
        return {name: dict(config, data_root=folder)}

    return parts


_ABAW_FOLDERS = (
    'EXPR_Recognition_Challenge',
    'EXPR_Classification_Challenge',
    'VA_Estimation_Challenge',
    'AU_Detection_Challenge',
)

KNOWN_SETS = (
    KnownSet(
        'Aff-Wild2',
        _ABAW_FOLDERS,
        (('cropped_aligned', '*/cropped_aligned'),),
        _aff_wild2,
        _aff_wild2_home,
    ),
    KnownSet(
        'AffectNet (2017)',
        ('Manually_Annotated_file_lists',),
        (
            *((file,) for file in CSV_FILES.values()),
            CSV_IMAGE_FOLDERS,
        ),
        _splits('affectnet', ('train', 'val'), type='AffectNetDataset'),
    ),
    KnownSet(
        'AffectNet (2021)',
        ('train_set/annotations', 'val_set/annotations'),
        (
            ('train_set/images',),
            ('train_set/annotations',),
            ('val_set/images',),
            ('val_set/annotations',),
        ),
        _affectnet_2021,
    ),
    KnownSet(
        'ExpW',
        ('label/label.lst',),
        (('image/origin',),),
        lambda folder: {
            'all': _coded('expw', type='ExpWDataset', data_root=folder)
        },
    ),
    KnownSet(
        'RAF-DB',
        ('EmoLabel/list_patition_label.txt',),
        (('Image/aligned',),),
        _splits('raf_db', ('train', 'test'), type='RAFDBDataset'),
    ),
    KnownSet(
        'FERPlus',
        ('fer2013new.csv',),
        ((_FER_PLUS_IMAGES, 'fer2013.csv'),),
        _fer_plus,
    ),
    KnownSet(
        'DFEW',
        ('EmoLabel_DataSplit',),
        (_DFEW_CLIPS,),
        _dfew,
    ),
    KnownSet(
        'RecordIO (MS1MV2)',
        ('train.rec', 'train.idx'),
        (('train.rec',), ('train.idx',)),
        _one('faces', type='RecordIODataset'),
    ),
    KnownSet(
        'tar shards',
        (MANIFEST, PROGRESS),
        ((MANIFEST,),),
        _tar_shards,
    ),
    KnownSet('faces CSV', ('labels.csv', 'unlabeled.csv'), (), _faces_csv),
    KnownSet(
        'frames CSV',
        ('frames.csv',),
        (('frames',),),
        _one('frames', type='VideoFrameDataset', ann_file='frames.csv'),
    ),
)


def find_sets(
    root: str, known: Sequence[KnownSet] = KNOWN_SETS
) -> Iterator[tuple[KnownSet, str]]:
    """Data sets below a folder, each with its own folder.

    Raises:
        FileNotFoundError: There is no such folder.
    """
    if not osp.isdir(root):
        raise FileNotFoundError(f'{root}: no such folder.')
    found = set()
    for folder in _folders(root):
        for kind in known:
            if any(osp.exists(osp.join(folder, m)) for m in kind.markers):
                home = kind.home(folder)
                if (kind.name, home) not in found:
                    found.add((kind.name, home))
                    yield kind, home


def _folders(root: str, levels: int = 2) -> Iterator[str]:
    """A folder and those below it, except the many of an unpacked video."""
    yield root
    if not levels:
        return
    inside = []
    with contextlib.suppress(PermissionError), os.scandir(root) as entries:
        for number, entry in enumerate(entries):
            if number == _MOST_ENTRIES:
                return
            if not entry.name.startswith('.') and entry.is_dir():
                inside.append(entry.path)
    for folder in sorted(inside):
        yield from _folders(folder, levels - 1)
