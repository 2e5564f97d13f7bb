from unittest.mock import patch

import pytest
from mmengine.registry import DATASETS

from fer_ssl.labels import ABAW_EXPRESSIONS
from tests.datasets.faces.image_folder_files import write_image_folder
from tests.helpers.image_files import save_image

WARN = 'fer_ssl.datasets.faces.base_face_dataset.print_log'
EIGHT = dict(type='ImageFolderDataset')


def items(dataset, depth=2):
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    return [
        ('/'.join(x['img_path'].split('/')[-depth:]), x['gt_label'])
        for x in infos
    ]


def test_names_of_folders(tmp_path):
    folders = {'Happy': 2, 'anger': 1, 'SURPRISED': 1}
    dataset = DATASETS.build(write_image_folder(tmp_path, folders))
    assert items(dataset) == [
        ('Happy/0.jpg', 4),
        ('Happy/1.jpg', 4),
        ('SURPRISED/0.jpg', 6),
        ('anger/0.jpg', 1),
    ]


@pytest.mark.parametrize(
    'taxonomy, folders, expected',
    [
        ('affectnet_alphabetical', '02345', [1, 2, 3, 4, 0]),
        ('affectnet', '02345', [0, 5, 6, 3, 2]),
        ('raf_db', '12345', [6, 3, 2, 4, 5]),
    ],
)
def test_numbers_of_folders(tmp_path, taxonomy, folders, expected):
    files = write_image_folder(tmp_path, dict.fromkeys(folders, 1))
    dataset = DATASETS.build(dict(files, taxonomy=taxonomy))
    assert [label for _, label in items(dataset)] == expected


def test_contempt_of_a_copy_of_affectnet(tmp_path):
    files = write_image_folder(tmp_path / 'val', {'0': 1, '1': 1, '4': 1})
    files.update(
        data_root=str(tmp_path),
        split='val',
        taxonomy='affectnet_alphabetical',
        label_options=dict(contempt='other'),
    )
    assert items(DATASETS.build(files), 3) == [
        ('val/0/0.jpg', 1),
        ('val/1/0.jpg', 7),
        ('val/4/0.jpg', 4),
    ]


def test_own_names(tmp_path):
    files = write_image_folder(tmp_path, {'joy': 1, 'misc': 2, 'x': 1})
    files['folders'] = dict(joy='happiness', misc='drop', x='no-face')
    assert items(DATASETS.build(files)) == [('joy/0.jpg', 4)]
    unlabeled = DATASETS.build(dict(files, subset='unlabeled'))
    assert items(unlabeled) == [('misc/0.jpg', -1), ('misc/1.jpg', -1)]


def test_folders_below_those_of_the_classes(tmp_path):
    save_image(tmp_path / 'fear/b/2.PNG', 0)
    save_image(tmp_path / 'fear/a/1.jpg', 0)
    save_image(tmp_path / 'fear/.hidden/0.jpg', 0)
    save_image(tmp_path / 'fear/z.jpeg', 0)
    dataset = DATASETS.build(dict(EIGHT, data_root=str(tmp_path)))
    assert [name for name, _ in items(dataset, 3)] == [
        f'{tmp_path.name}/fear/z.jpeg',
        'fear/a/1.jpg',
        'fear/b/2.PNG',
    ]


def test_folders_as_people_have_them(tmp_path):
    for name in ('1.jpg', '2.jfif', '3.JPE', '4.gif', '5.ppm', '6.pgm'):
        (tmp_path / 'set/anger').mkdir(parents=True, exist_ok=True)
        (tmp_path / 'set/anger' / name).touch()
    (tmp_path / 'set/anger/photo.heic').touch()
    (tmp_path / 'set/anger/clip.MOV').touch()
    (tmp_path / 'set/anger/README').touch()
    (tmp_path / 'set/loose.jpg').touch()
    for folder in ('anger/@eaDir/1.jpg', '__MACOSX/anger', '@eaDir'):
        save_image(tmp_path / 'set' / folder / 'SYNOPHOTO_THUMB_M.jpg', 0)
    save_image(tmp_path / 'more/7.jpg', 0)
    (tmp_path / 'set/anger/linked').symlink_to(tmp_path / 'more')
    with patch(WARN) as log:
        dataset = DATASETS.build(dict(EIGHT, data_root=f'{tmp_path}/set'))
    assert [name for name, _ in items(dataset, 1)] == [
        '1.jpg',
        '2.jfif',
        '3.JPE',
        '4.gif',
        '5.ppm',
        '6.pgm',
        '7.jpg',
    ]
    beside, others = (call.args[0] for call in log.call_args_list)
    assert beside.endswith('outside the class folders, which are not read: 1.')
    assert others.endswith(
        'not read as images: 1 without an extension, 1 .mov, 1 .heic.'
    )


def test_links_between_classes(tmp_path):
    files = write_image_folder(tmp_path, dict(angry=1, happy=2))
    (tmp_path / 'angry/up').symlink_to('..')
    (tmp_path / 'sad').symlink_to(tmp_path / 'drive that is not mounted')
    with patch(WARN) as log:
        dataset = DATASETS.build(files)
    assert [label for _, label in items(dataset)] == [1, 4, 4]
    (warning,) = (call.args[0] for call in log.call_args_list)
    assert warning.endswith('/sad is a link to nothing.')
    (tmp_path / 'angry/more').symlink_to('../happy')
    with pytest.raises(ValueError, match='images would have two classes'):
        DATASETS.build(files)


@pytest.mark.parametrize('folder', ['train', 'Validation', 'PrivateTest'])
def test_split_above_the_classes(tmp_path, folder):
    files = write_image_folder(tmp_path / folder, dict(angry=1, happy=1))
    files['data_root'] = str(tmp_path)
    with pytest.raises(ValueError, match=f"Set split='{folder}', or data_ro"):
        DATASETS.build(files)
    assert len(DATASETS.build(dict(files, split=folder))) == 2


@pytest.mark.parametrize(
    'folder, options',
    [
        ('joy', {}),
        ('0', {}),
        ('8', dict(taxonomy='affectnet_alphabetical')),
        ('0', dict(taxonomy='raf_db')),
        ('²', dict(taxonomy='expw')),
    ],
)
def test_folder_that_is_not_known(tmp_path, folder, options):
    files = write_image_folder(tmp_path, {folder: 1})
    with pytest.raises(ValueError, match=f'/{folder}: the class of this'):
        DATASETS.build(dict(files, **options))


def test_unused_class_is_reported(tmp_path):
    files = write_image_folder(tmp_path, {'sad': 1, 'contempt': 1})
    with patch('fer_ssl.labels.print_log') as log:
        assert len(DATASETS.build(files)) == 1
    assert 'no class for contempt' in log.call_args.args[0]


def test_empty_or_missing_folder(tmp_path):
    arguments = dict(EIGHT, data_root=str(tmp_path))
    with pytest.raises(ValueError, match='one folder per class'):
        DATASETS.build(arguments)
    with pytest.raises(FileNotFoundError, match='train: no such folder'):
        DATASETS.build(dict(arguments, split='train'))
    with pytest.raises(FileNotFoundError, match='no such folder of images'):
        DATASETS.build(dict(EIGHT, data_root=str(tmp_path / 'no')))
    with pytest.raises(ValueError, match="taxonomy='rafdb' is none of"):
        DATASETS.build(dict(arguments, taxonomy='rafdb'))


def test_all_names_of_abaw_are_folders(tmp_path):
    files = write_image_folder(tmp_path, dict.fromkeys(ABAW_EXPRESSIONS, 1))
    labels = DATASETS.build(files).get_gt_labels()
    assert sorted(labels.tolist()) == list(range(8))
