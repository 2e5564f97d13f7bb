import csv
import hashlib
import json
import re
from collections import Counter
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from mmengine.dataset import BaseDataset
from mmengine.registry import DATASETS

from fer_ssl.data_preparation.dataset_spec import (
    build_image_source,
    parse_dataset_spec,
    parse_named_specs,
)
from fer_ssl.data_preparation.split_builder import (
    WHOLE_IMAGE,
    SplitRecipe,
    build_split,
    choose_labeled,
    describe,
    read_recipe,
    read_source_faces,
)
from fer_ssl.datasets import FaceDataset
from tests.datasets.faces.affectnet_files import write_affectnet_2021
from tests.datasets.faces.expw_files import write_expw
from tests.datasets.videos import aff_wild2_files
from tests.datasets.videos.dfew_files import write_dfew
from tests.helpers.forked_script import run_script

TOOLS = Path(__file__).parents[2] / 'tools/dataset'
CLASSES = ('neutral', 'anger', 'happiness', 'other')


class Table:
    """Data set with ``read_faces``."""

    def __init__(self, images, labels, boxes=None, identities=None):
        self.images, self.labels = images, labels
        self.boxes, self.identities = boxes, identities


@DATASETS.register_module()
class TableOfFaces(BaseDataset):
    """Faces with boxes, ``count`` per class, and one without a label."""

    METAINFO = dict(classes=CLASSES)

    def __init__(self, count=10, prefix='t', boxed=True, **kwargs):
        self.count, self.prefix, self.boxed = count, prefix, boxed
        super().__init__(**kwargs)

    def read_faces(self):
        labels = [*np.repeat(np.arange(3), self.count).tolist(), -1]
        images = [f'{self.prefix}{i // 2}.jpg' for i in range(len(labels))]
        boxes = [[i % 2, 0, 50, 60] for i in range(len(labels))]
        return Table(
            images,
            np.array(labels),
            np.array(boxes) if self.boxed else None,
            [f'p{i % 5}' for i in range(len(labels))],
        )

    def load_data_list(self):
        raise AssertionError('the table is enough')


@DATASETS.register_module()
class FolderOfFaces(BaseDataset):
    """One folder per class, listed in a random order."""

    def __init__(self, data_root, seed=0, **kwargs):
        self.seed = seed
        super().__init__(data_root=data_root, **kwargs)

    def load_data_list(self):
        classes = list(self.metainfo['classes'])
        items = [
            dict(img_path=str(path), gt_label=classes.index(path.parent.name))
            for path in sorted(Path(self.data_root).glob('*/*.jpg'))
        ]
        order = np.random.default_rng(self.seed).permutation(len(items))
        return [items[i] for i in order]


@pytest.fixture
def root(tmp_path):
    for name, count in (('neutral', 30), ('anger', 4), ('other', 25)):
        (tmp_path / 'folder' / name).mkdir(parents=True)
        for number in range(count):
            (tmp_path / 'folder' / name / f'{number}.jpg').touch()
    return tmp_path


def recipe(root, **changes):
    sets = dict(
        Table=dict(
            type='TableOfFaces',
            data_root=str(root),
            data_prefix=dict(img_path='table'),
        ),
        Folder=dict(type='FolderOfFaces', data_root=str(root / 'folder')),
    )
    kwargs = dict(
        labeled=sets,
        per_class=7,
        only=dict(Folder=['other', 'anger', 'neutral']),
        classes=CLASSES,
        image_root=str(root),
    )
    return SplitRecipe(**{**kwargs, **changes})


def read(path):
    with open(path, newline='') as file:
        return list(csv.DictReader(file))


def test_recipe_of_the_paper(root):
    """N faces of each class are labeled, 'other' from one set only."""
    out = root / 'split'
    manifest = build_split(recipe(root, only=dict(Folder=['other'])), str(out))
    labeled, rest = read(out / 'labels.csv'), read(out / 'unlabeled.csv')
    assert Counter(row['expression'] for row in labeled) == dict.fromkeys(
        CLASSES, 7
    )
    for row in labeled:
        expected = 'Folder' if row['expression'] == 'other' else 'Table'
        assert row['set'] == expected
        assert row['truth'] == row['expression']
        assert row['split'] == 'train'
    assert len(labeled) + len(rest) == 31 + 59
    assert {row['expression'] for row in rest} == {''}
    assert Counter(row['truth'] for row in rest) == {
        'neutral': 3 + 30,
        'anger': 3 + 4,
        'happiness': 3,
        'other': 18,
        '': 1,
    }
    faces = [(row['image'], row['left'], row['top']) for row in labeled + rest]
    assert len(set(faces)) == len(faces)
    assert manifest['short'] == {}


def test_files_are_read_by_face_dataset(root):
    out = root / 'split'
    build_split(recipe(root), str(out))
    kwargs = dict(
        data_root=str(root),
        data_prefix=dict(img_path=''),
        metainfo=dict(classes=CLASSES),
        split='train',
    )
    labeled = FaceDataset(ann_file='split/labels.csv', **kwargs)
    assert np.bincount(labeled.get_gt_labels()).tolist() == [7, 7, 7, 7]
    for number in range(len(labeled)):
        path = labeled.get_data_info(number)['img_path']
        folder = Path(path).relative_to(root).parts[0]
        assert folder == 'table' or Path(path).is_file()
    unlabeled = FaceDataset(
        ann_file='split/unlabeled.csv',
        subset='unlabeled',
        truth_column='truth',
        **kwargs,
    )
    assert (unlabeled.get_gt_labels() == -1).sum() == 1
    assert len(labeled) + len(unlabeled) == 31 + 59


def test_boxes_and_identities(root):
    out = root / 'split'
    build_split(recipe(root), str(out))
    for row in read(out / 'labels.csv') + read(out / 'unlabeled.csv'):
        box = tuple(int(row[x]) for x in ('left', 'top', 'right', 'bottom'))
        if row['set'] == 'Table':
            assert box[1:] == (0, 50, 60)
            assert row['identity'].startswith('p')
        else:
            assert box == WHOLE_IMAGE
            assert row['identity'] == ''


def test_no_box_columns_without_boxes(root):
    sets = recipe(root).labeled
    sets['Table']['boxed'] = False
    # Without boxes, two faces of an image count as a repeated face.
    manifest = build_split(recipe(root, labeled=sets), str(root / 'split'))
    assert 'left' not in read(root / 'split/labels.csv')[0]
    assert manifest['inputs']['Table']['duplicates_left_out'] == 15


def test_choice_depends_on_seed_and_content_alone(root):
    def files(name, **changes):
        build_split(recipe(root, **changes), str(root / name))
        rows = read(root / name / 'labels.csv')
        return {(row['image'], row['left'], row['expression']) for row in rows}

    first = files('a')
    assert files('b') == first
    for name in ('labels.csv', 'unlabeled.csv', 'manifest.json'):
        assert (root / 'a' / name).read_bytes() == (
            root / 'b' / name
        ).read_bytes()
    sets = recipe(root).labeled
    turned = {name: sets[name] for name in ('Folder', 'Table')}
    turned['Folder']['seed'] = 5
    assert files('c', labeled=turned) == first
    assert files('d', seed=1) != first
    # Another class or a larger number does not redraw the others.
    more = files('e', per_class=9)
    for label in ('neutral', 'happiness'):
        kept = {face for face in first if face[2] == label}
        assert kept < more


def test_order_of_sets_that_overlap_does_not_matter(root):
    sets = dict.fromkeys('AB', recipe(root).labeled['Folder'])
    files = []
    for names in ('AB', 'BA'):
        some = {name: sets[name] for name in names}
        build_split(recipe(root, labeled=some, only={}), str(root / 'split'))
        files.append((root / 'split/labels.csv').read_bytes())
    assert files[0] == files[1]


def test_every_candidate_has_the_same_chance(root):
    sets = [
        read_source_faces(name, config, CLASSES)
        for name, config in recipe(root).labeled.items()
    ]
    neutral = sets[0].table.labels == CLASSES.index('neutral')
    drawn = sum(
        choose_labeled(sets, recipe(root, seed=seed))['Table'][neutral].sum()
        for seed in range(500)
    )
    # 10 neutral faces from the table and 30 from the folder.
    assert drawn / (500 * 7) == pytest.approx(10 / 40, abs=0.03)


def test_small_class_is_reported(root):
    sets = dict(Folder=recipe(root).labeled['Folder'])
    manifest = build_split(
        recipe(root, labeled=sets, only={}), str(root / 'split')
    )
    assert manifest['short'] == dict(anger=4, happiness=0)
    text = describe(manifest)
    assert re.search(r'anger +4 +4  <- fewer than 7\n', text)
    assert 'labels.csv: 18 rows' in text


def test_manifest(root):
    out = root / 'split'
    manifest = build_split(recipe(root, seed=3), str(out))
    assert manifest == json.loads((out / 'manifest.json').read_text())
    for name in ('labels.csv', 'unlabeled.csv'):
        data = (out / name).read_bytes()
        facts = manifest['outputs'][name]
        assert facts['sha256'] == hashlib.sha256(data).hexdigest()
        assert facts['rows'] == data.count(b'\n') - 1
    assert manifest['seed'] == 3
    assert manifest['per_class'] == 7
    table = manifest['inputs']['Table']
    assert table['faces'] == 31
    assert table['with_known_class'] == 30
    assert table['config']['type'] == 'TableOfFaces'
    (root / 'folder/anger/0.jpg').rename(root / 'folder/neutral/99.jpg')
    other = build_split(recipe(root, seed=3), str(out))['inputs']
    assert other['Table']['sha256'] == table['sha256']
    assert other['Folder']['sha256'] != manifest['inputs']['Folder']['sha256']


def test_same_face_in_two_sets(root):
    """A face is labeled or unlabeled, not both."""
    sets = recipe(root).labeled
    manifest = build_split(
        recipe(root, unlabeled=dict(Again=dict(sets['Folder']))),
        str(root / 'split'),
    )
    assert manifest['inputs']['Again']['duplicates_left_out'] == 59
    assert manifest['outputs']['unlabeled.csv']['rows'] == 31 + 59 - 28
    assert '59 repeated faces were left out' in describe(manifest)


def test_unlabeled_set(root):
    sets = recipe(root).labeled
    manifest = build_split(
        recipe(
            root,
            labeled=dict(Table=sets['Table']),
            unlabeled=dict(Folder=sets['Folder']),
            only={},
        ),
        str(root / 'split'),
    )
    assert manifest['labeled']['neutral'] == dict(Table=7)
    assert manifest['short'] == dict(other=0)


def test_sets_with_other_classes(root):
    """Labels are matched by name; unknown classes are reported."""
    own = dict(metainfo=dict(classes=('other', 'bored', 'neutral')))
    sets = dict(Table=dict(recipe(root).labeled['Table'], **own))
    manifest = build_split(
        recipe(root, labeled=sets, only={}, per_class=4), str(root / 'split')
    )
    assert manifest['labeled']['other'] == dict(Table=4)
    assert manifest['labeled']['neutral'] == dict(Table=4)
    assert manifest['inputs']['Table']['classes_not_used'] == dict(bored=10)
    assert '10 of class bored, not in the split' in describe(manifest)


def test_face_dataset_as_input(root, write_faces):
    rows = [
        (f'{i}.png', CLASSES[i % 3], 'train' if i < 12 else 'val')
        for i in range(18)
    ]
    kwargs = write_faces(rows)
    config = dict(type='FaceDataset', split='train', **kwargs)
    config.pop('metainfo')
    faces = read_source_faces('Faces', config, CLASSES, str(root))
    assert len(faces) == 12
    assert np.bincount(faces.table.labels).tolist() == [4, 4, 4]
    assert faces.table.images[0] == 'images/0.png'


def test_paths_outside_of_the_root_and_addresses(root):
    faces = read_source_faces('T', recipe(root).labeled['Table'], CLASSES)
    assert faces.table.images[0] == str(root / 'table/t0.jpg')
    faces = read_source_faces(
        'T', recipe(root).labeled['Table'], CLASSES, f'{root}/tab'
    )
    assert faces.table.images[0] == str(root / 'table/t0.jpg')
    address = 'recordio:///data/train.rec?key=1&offset=0'
    config = dict(type='TableOfFaces', prefix=address + '#', data_root='/')
    faces = read_source_faces('T', config, CLASSES, '/')
    assert faces.table.images[0].startswith(address)


@pytest.mark.parametrize(
    'changes, message',
    [
        (dict(labeled={}), 'at least one labeled set'),
        (dict(per_class=0), 'per_class=0'),
        (dict(only=dict(Tables=['other'])), 'Tables is not a labeled set'),
        (dict(only=dict(Table=['joy'])), 'Table: .*not a list of classes'),
        (dict(only=dict(Table='other')), 'Table: .*not a list of classes'),
        (dict(unlabeled=dict(Table={})), 'Table: a set is either'),
        (dict(classes=('x', 'y'), only={}), 'No face of Table, Folder'),
    ],
)
def test_faulty_recipes(root, changes, message):
    sets = {
        name: dict(config, metainfo=dict(classes=CLASSES))
        for name, config in recipe(root).labeled.items()
    }
    with pytest.raises(ValueError, match=message):
        build_split(recipe(root, **{'labeled': sets, **changes}), str(root))


def test_faulty_sets(root):
    config = recipe(root).labeled['Table']
    empty = Table([], np.zeros(0, np.int64))
    with patch.object(TableOfFaces, 'read_faces', return_value=empty):
        with pytest.raises(ValueError, match='X: the data set holds no face'):
            read_source_faces('X', config, CLASSES)
    config = dict(config, metainfo=dict(classes=['a']))
    with pytest.raises(
        ValueError, match='X: found label 2, but there are only 1 cl'
    ):
        read_source_faces('X', config, CLASSES)
    clips = dict(write_dfew(root / 'dfew'), type='DFEWDataset')
    with pytest.raises(ValueError, match='DFEWDataset: .*not single images'):
        read_source_faces('X', clips)


def test_wrapped_data_sets(root):
    """Wrappers of the configs are accepted; inner pipelines are dropped."""
    folder = dict(recipe(root).labeled['Folder'], pipeline=['none such'])
    config = dict(type='ConcatDataset', datasets=[folder, folder])
    faces = read_source_faces('X', config, CLASSES)
    assert len(faces) == 2 * 59
    config = dict(type='RepeatDataset', dataset=folder, times=3)
    assert len(read_source_faces('X', config, CLASSES)) == 3 * 59


def test_read_recipe(tmp_path):
    path = tmp_path / 'recipe.yml'
    path.write_text(
        'per_class: 5\nonly: {Aff-Wild2: [other]}\n'
        'labeled: {Aff-Wild2: {type: TableOfFaces, count: 3}}\n'
    )
    assert SplitRecipe(**read_recipe(str(path))) == SplitRecipe(
        labeled={'Aff-Wild2': dict(type='TableOfFaces', count=3)},
        per_class=5,
        only={'Aff-Wild2': ['other']},
    )
    path.write_text('labelled: {}\n')
    with pytest.raises(ValueError, match=r'recipe\.yml: unknown key labelled'):
        read_recipe(str(path))
    path.write_text('per_class: many\n')
    with pytest.raises(ValueError, match=r'per_class: expected a .*many'):
        read_recipe(str(path))
    with pytest.raises(ValueError, match=r'split\.py: data is read from'):
        read_recipe(str(tmp_path / 'split.py'))


@pytest.mark.parametrize(
    'value, message',
    [
        (
            '!!python/object/apply:os.mkdir [ran]',
            r':1: .*tag .*apply:os.mkdir',
        ),
        ('{type: FaceDataset, _scope_: planted}', '_scope_ makes a registry'),
        ('{type: os.mkdir, path: ran}', "type 'os.mkdir' is not a registered"),
        ('{type: makes_ran}', "type 'makes_ran' is not a registered"),
        (
            '{type: VideoFrameDataset, data_root: x, '
            'reader: {type: os.mkdir, path: ran}}',
            "type 'os.mkdir' is not a registered",
        ),
        ('{type: [os.mkdir]}', 'type .* is not a registered'),
    ],
)
def test_files_of_data_run_no_code(tmp_path, monkeypatch, value, message):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    Path('makes_ran.py').write_text("import os\nos.mkdir('ran')\n")
    Path('x.yml').write_text(f'labeled: {{a: {value}}}\n')
    with pytest.raises(ValueError, match=rf'x\.yml.*{message}'):
        read_recipe('x.yml')
    Path('x.yml').write_text(f'dataset: {value}\n')
    with pytest.raises(ValueError, match=rf'x\.yml.*{message}'):
        parse_dataset_spec('x.yml')
    Path('x.yml').write_text(
        'custom_imports: {imports: [makes_ran]}\nlabeled: {}\ndataset: 1\n'
    )
    with pytest.raises(ValueError, match='unknown key custom_imports'):
        read_recipe('x.yml')
    with pytest.raises(ValueError, match='`dataset` is not a data set'):
        parse_dataset_spec('x.yml')
    assert not Path('ran').exists()


def paper_recipe(root, monkeypatch):
    monkeypatch.setenv('FER_SSL_DATA', str(root))
    path = TOOLS.parents[1] / 'configs/split_paper_a.yml'
    return SplitRecipe(**read_recipe(str(path)))


def test_recipe_of_paper_a(tmp_path, monkeypatch):
    paper = paper_recipe(tmp_path, monkeypatch)
    paper.check()
    assert paper.per_class == 8000
    assert set(paper.labeled) == {'AffectNet', 'ExpW', 'Aff-Wild2'}
    assert paper.only == {'Aff-Wild2': ['other']}
    assert paper.image_root == str(tmp_path)
    for name, config in paper.labeled.items():
        assert config['data_root'] == str(tmp_path / name)
        assert DATASETS.get(config['type']).__name__ == config['type']


def test_recipe_of_paper_a_on_small_files(tmp_path, monkeypatch):
    aff_wild2_files.write_aff_wild2(tmp_path / 'Aff-Wild2')
    write_affectnet_2021(tmp_path / 'AffectNet')
    write_expw(tmp_path / 'ExpW')
    paper = paper_recipe(tmp_path, monkeypatch)
    manifest = build_split(paper, str(tmp_path / 'split'))
    rows = read(tmp_path / 'split/labels.csv')
    for row in rows:
        is_other = row['expression'] == 'other'
        assert (row['set'] == 'Aff-Wild2') == is_other
        assert (tmp_path / row['image']).is_file()
        assert bool(row['identity']) == is_other
    assert manifest['labeled']['other']['Aff-Wild2'] > 0
    rest = read(tmp_path / 'split/unlabeled.csv')
    assert {row['set'] for row in rest} == {'AffectNet', 'Aff-Wild2'}


@pytest.mark.parametrize(
    'text, config',
    [
        ('TableOfFaces()', dict(type='TableOfFaces')),
        (
            "TableOfFaces(count=2, metainfo=dict(classes=('a', 'b')))",
            dict(
                type='TableOfFaces',
                count=2,
                metainfo=dict(classes=('a', 'b')),
            ),
        ),
        ("dict(type='A.B', x=1/3)", dict(type='A.B', x=1 / 3)),
        ("A(x={'a': [1, -2, None, True]})", None),
    ],
)
def test_dataset_on_the_command_line(text, config):
    if config is None:
        config = dict(type='A', x=dict(a=[1, -2, None, True]))
    assert parse_dataset_spec(text) == config


@pytest.mark.parametrize(
    'text',
    [
        'dict(x=1)',
        'A(1)',
        'A',
        'A(x=b)',
        'A(x=f())',
        'A(x=1/0)',
        'a.B(x=1)',
        'A(**x)',
        'A(',
        'A(x=dict(1))',
        '',
        'a.tar',
        "A(x=__import__('os').system('x'))",
    ],
)
def test_no_dataset_on_the_command_line(text):
    with pytest.raises(ValueError, match='is not a data set. Give a class'):
        parse_dataset_spec(text)


def test_data_sets_with_names():
    found = parse_named_specs(["a (2)=A(x='b=c')", 'd=B()'])
    assert found == {'a (2)': dict(type='A', x='b=c'), 'd': dict(type='B')}


@pytest.mark.parametrize(
    'texts, problem',
    [
        (["A(x='b')"], 'is not of the form NAME=SET. .*mine=A'),
        (['a.yml'], 'is not of the form NAME=SET. .*mine=a.yml'),
        (['=A()'], 'is not of the form NAME=SET'),
        (['a=A()', 'a=B()'], "'a=B\\(\\)': another data set has the name 'a'"),
        (
            ['a=labels.csv'],
            r"'labels.csv' is not a data set. .*for another one\)\.$",
        ),
    ],
)
def test_data_sets_without_a_name_of_their_own(texts, problem):
    with pytest.raises(ValueError, match=problem):
        parse_named_specs(texts)


def test_dataset_in_a_config_file(tmp_path):
    path = tmp_path / 'data.py'
    path.write_text(
        "dataset = dict(type='A', x=1)\n"
        "loader = dict(dataset=dict(type='B'), batch_size=2)\n"
    )
    assert parse_dataset_spec(str(path)) == dict(type='A', x=1)
    assert parse_dataset_spec(f'{path}:loader.dataset') == dict(type='B')
    for key in ('none', 'loader.none', 'loader.batch_size.x'):
        with pytest.raises(ValueError, match=f'there is no variable `{key}`'):
            parse_dataset_spec(f'{path}:{key}')
    with pytest.raises(FileNotFoundError):
        parse_dataset_spec(str(tmp_path / 'none.py'))
    path = tmp_path / 'data.json'
    path.write_text('{"a": {"b": {"type": "TableOfFaces", "count": 2}}}')
    config = dict(type='TableOfFaces', count=2)
    assert parse_dataset_spec(f'{path}:a.b') == config


def test_list_of_images(tmp_path):
    path = tmp_path / 'list.txt'
    path.write_text('a.jpg\n\n/b/c.jpg\ntar:///x.tar?offset=0&size=1\n')
    images = build_image_source(str(path)).images
    assert images == [
        str(tmp_path / 'a.jpg'),
        '/b/c.jpg',
        'tar:///x.tar?offset=0&size=1',
    ]
    assert (
        build_image_source(str(path), '/photos').images[0] == '/photos/a.jpg'
    )
    assert build_image_source(str(path)).get_gt_labels().tolist() == [-1] * 3
    with pytest.raises(
        ValueError, match=r"list of images does not take \['subset"
    ):
        build_image_source(str(path), subset='labeled')
    path.write_text('\n')
    with pytest.raises(
        ValueError, match=r'list\.txt: the file names no images'
    ):
        build_image_source(str(path))
    path.write_bytes(b'a.jpg\n\xff.jpg\n')
    with pytest.raises(ValueError, match=r'list\.txt:2: not UTF-8'):
        build_image_source(str(path))


def test_no_argument_is_ignored(root):
    text = f"FolderOfFaces(data_root='{root}/folder', seed=3)"
    with pytest.raises(ValueError, match='the text already sets seed'):
        build_image_source(text, seed=4)


def run_tool(name, *args, status=0):
    done = run_script(TOOLS / name, *args)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_tools_in_a_row(tmp_path, write_faces):
    """Split of a CSV, then shards of the labeled faces."""
    write_faces(
        [(f'{i}.png', CLASSES[i % 3], 'train') for i in range(12)]
        + [('u.png', '', 'train')]
    )
    names = ','.join(CLASSES)
    set_of = "FaceDataset(data_root='{}', ann_file='labels.csv')"
    text = run_tool(
        'build_split.py',
        tmp_path / 'split',
        f'--labeled=Faces={set_of.format(tmp_path)}',
        '--per-class=3',
        '--image-root',
        tmp_path,
        '--classes',
        names,
        '--only=Faces=anger,happiness',
    )
    assert 'warning: class other has only 0 labeled faces' in text
    assert 'warning: class neutral has only 0 labeled faces' in text
    text = run_tool(
        'make_shards.py',
        f"FaceDataset(data_root='{tmp_path}', ann_file='split/labels.csv', "
        f"data_prefix=dict(img_path='{tmp_path}'), "
        f'metainfo=dict(classes={CLASSES}))',
        tmp_path / 'shards',
        '--size=3K',
    )
    assert 'shards.json: 6 images in' in text
    shards = build_image_source(
        f"TarShardDataset(data_root='{tmp_path}/shards', "
        f'metainfo=dict(classes={CLASSES}))'
    )
    assert np.bincount(shards.get_gt_labels()).tolist() == [0, 3, 3]
    text = run_tool(
        'make_shards.py',
        tmp_path / 'split/labels.csv',
        tmp_path / 'shards',
        status=1,
    )
    assert text.startswith('error: ') and 'Traceback' not in text
    (tmp_path / 'images/u.png').unlink()
    text = run_tool(
        'make_shards.py',
        tmp_path / 'labels.csv',
        tmp_path / 'rest',
        *('--image-root', tmp_path / 'images', '--subset=unlabeled'),
        '--skip-unreadable',
    )
    assert f'skipped, not readable: {tmp_path}/images/u.png' in text
    text = run_tool('make_shards.py', 'None()', tmp_path / 'x', status=1)
    assert text.startswith('error: ') and 'Traceback' not in text


def write_folder(root, **images):
    """A folder per class; an image is its name and its content."""
    for label, files in images.items():
        (root / label).mkdir(parents=True)
        for name, content in files.items():
            (root / label / f'{name}.jpg').write_text(content)
    return dict(type='FolderOfFaces', data_root=str(root))


def split_of(root, **kwargs):
    compare = kwargs.pop('compare_contents', True)
    changes = dict(only={}, per_class=5, image_root=str(root))
    manifest = build_split(
        recipe(root, **{**changes, **kwargs}), str(root / 'split'), compare
    )
    names = [
        [Path(row['image']).stem for row in read(root / 'split' / file)]
        for file in ('labels.csv', 'unlabeled.csv')
    ]
    return manifest, *names


def test_copies_under_other_names(tmp_path):
    """No copy is labeled and unlabeled, whatever the sets that hold it."""
    a = write_folder(
        tmp_path / 'a',
        anger={f'a{i}': f'{i % 9}' for i in range(18)},
        other=dict(o='other'),
    )
    b = write_folder(tmp_path / 'b', anger=dict(b0='0', b1='b'))
    c = write_folder(tmp_path / 'c', neutral=dict(c='1', d='d'))
    manifest, labeled, rest = split_of(
        tmp_path,
        labeled=dict(A=a),
        unlabeled=dict(B=b, C=dict(c, metainfo=dict(classes=['neutral']))),
    )
    # a1 and c are the same, but anger and neutral: neither is labeled.
    assert 'a1' in rest and 'c' not in labeled + rest
    assert len(labeled) == 5 + 1
    assert sorted(labeled + rest) == [
        *('a0', 'a1', *(f'a{i}' for i in range(11, 18))),
        *('b1', 'd', 'o'),
    ]
    facts = manifest['inputs']
    assert facts['A']['duplicates_left_out'] == 9
    assert facts['A']['class_conflicts'] == 1
    assert [facts[x]['duplicates_left_out'] for x in 'BC'] == [1, 1]
    text = describe(manifest)
    assert '  9 repeated faces were left out\n' in text
    assert '  1 faces that have another class elsewhere: unlabeled\n' in text
    _, labeled, rest = split_of(
        tmp_path, labeled=dict(A=a), compare_contents=False
    )
    assert len(labeled + rest) == 19


def test_copy_with_a_label_is_kept(tmp_path):
    a = write_folder(tmp_path / 'a', anger=dict(a='1'), bored=dict(b='2'))
    b = write_folder(tmp_path / 'b', anger=dict(c='2'))
    a['metainfo'] = dict(classes=('anger', 'bored'))
    _, labeled, rest = split_of(tmp_path, labeled=dict(A=a, B=b))
    assert (labeled, rest) == (['a', 'c'], [])


def test_held_out_images(tmp_path):
    a = write_folder(tmp_path / 'a', anger=dict(a='1', b='2', c='3'))
    val = write_folder(tmp_path / 'val', anger=dict(v='2'))
    manifest, labeled, rest = split_of(
        tmp_path, labeled=dict(A=a), held_out=dict(Val=val), per_class=1
    )
    assert sorted(labeled + rest) == ['a', 'c']
    assert manifest['inputs']['A']['held_out_left_out'] == 1
    assert '  1 faces of held-out images were left out\n' in describe(manifest)
    assert manifest['held_out']['Val']['type'] == 'FolderOfFaces'
    with pytest.raises(ValueError, match='A: a set is either labeled, unlab'):
        split_of(tmp_path, labeled=dict(A=a), held_out=dict(A=val))


def test_split_without_copies_is_the_same(tmp_path):
    """Reading the images changes nothing where all differ."""
    a = write_folder(
        tmp_path / 'a',
        anger={f'a{i}': f'a{i}' for i in range(9)},
        neutral={f'n{i}': f'n{i}' for i in range(9)},
    )
    (tmp_path / 'a/anger/a3.jpg').unlink()
    (tmp_path / 'a/anger/a4.jpg').write_bytes(b'')
    (tmp_path / 'a/anger/a5.jpg').write_bytes(b'')
    files = []
    for compare in (True, False):
        manifest, *_ = split_of(
            tmp_path, labeled=dict(A=a), compare_contents=compare
        )
        # The missing file is not listed; two are empty, hence unknown.
        assert manifest['inputs']['A']['unreadable'] == 2 * compare
        assert manifest['contents_compared'] == compare
        files.append(
            [
                (tmp_path / 'split' / name).read_bytes()
                for name in ('labels.csv', 'unlabeled.csv')
            ]
        )
    assert files[0] == files[1]
    # The same files as before images were compared.
    digests = [hashlib.sha256(file).hexdigest()[:16] for file in files[0]]
    assert digests == ['a796e743016e19e4', '889a5d19c548b81e']
