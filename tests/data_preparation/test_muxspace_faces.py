import csv

import numpy as np
import pytest
from PIL import Image

from fer_ssl.data_preparation.muxspace_faces import (
    bucket_of,
    choose_expression,
    identity_of,
    prepare_muxspace_faces,
    read_legend,
    split_of,
)

LEGEND = """user.id,image,emotion
302,Al_Gore_0001.jpg,neutral
302,Al_Gore_0002.jpg,anger
jo,Avinash_30.jpg,SURPRISE
jo,Avinash_30.jpg,SADNESS
jo,Avinash_4.jpg,NEUTRAL
jo,Avinash_4.jpg,neutral
520,Ann_Lee_0001.jpg,contempt
520\tBo_Li_0001.jpg\thappiness
628,portrait_2868588k.jpg,angry
628,Gone_Away_0001.jpg,fear
628,Broken_File_0001.jpg,fear
"""


def make_clone(folder, legend=LEGEND):
    (folder / 'data').mkdir(parents=True)
    (folder / 'images').mkdir()
    (folder / 'LICENSE').write_text('Apache-2.0')
    (folder / 'data' / 'legend.csv').write_text(legend)
    rng = np.random.default_rng(0)
    for line in legend.replace('\t', ',').splitlines()[1:]:
        name = line.split(',')[1]
        path = folder / 'images' / name
        if name.startswith('Broken'):
            path.write_bytes(b'no image')
        elif not name.startswith('Gone'):
            pixels = rng.integers(0, 256, (350, 350, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(path)
    return folder


def read_rows(out):
    with open(out / 'labels.csv', newline='') as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    'image, identity',
    [
        ('Al_Gore_0002.jpg', 'al_gore'),
        ('Kim_Dae-jung_0001.jpg', 'kim_dae-jung'),
        ('Avinash_30.jpg', 'avinash'),
        ('portrait_2868588k.jpg', None),
        ('Trump0001.jpg', None),
        ('../Al_Gore_0001.jpg', None),
    ],
)
def test_identity_of(image, identity):
    assert identity_of(image) == identity


def test_split_is_fixed_by_the_name():
    assert (bucket_of('avinash'), split_of('avinash')) == (43, 'val')
    assert (bucket_of('jude_law'), split_of('jude_law')) == (76, 'train')
    assert (bucket_of('jon_stewart'), split_of('jon_stewart')) == (4, 'train')
    people = [f'person_{i}' for i in range(5000)]
    fraction = np.mean([split_of(name) == 'val' for name in people])
    assert fraction == pytest.approx(0.15, abs=0.02)


@pytest.mark.parametrize(
    'votes, expression',
    [
        (['fear'], 'fear'),
        (['fear', 'anger', 'anger'], 'anger'),
        (['surprise', 'sadness'], 'surprise'),
        (['contempt', 'contempt', 'neutral'], 'neutral'),
        (['contempt'], None),
    ],
)
def test_choose_expression(votes, expression):
    assert choose_expression(votes) == expression


def test_prepare_muxspace_faces(tmp_path):
    clone = make_clone(tmp_path / 'clone')
    report = prepare_muxspace_faces(clone, tmp_path / 'out')
    rows = read_rows(tmp_path / 'out')
    assert [tuple(row.values()) for row in rows] == [
        ('Al_Gore_0001.jpg', 'al_gore', 'neutral', 'train'),
        ('Al_Gore_0002.jpg', 'al_gore', 'anger', 'train'),
        ('Avinash_30.jpg', 'avinash', 'surprise', 'val'),
        ('Avinash_4.jpg', 'avinash', 'neutral', 'val'),
        ('Bo_Li_0001.jpg', 'bo_li', 'happiness', split_of('bo_li')),
    ]
    files = sorted(path.name for path in (tmp_path / 'out/images').iterdir())
    assert files == [row['image'] for row in rows]
    face = Image.open(tmp_path / 'out/images/Avinash_30.jpg')
    assert (face.size, face.mode, face.format) == ((112, 112), 'RGB', 'JPEG')
    assert (tmp_path / 'out/LICENSE').exists()
    by_name = {names[0]: note for note, names in report.notes.items()}
    assert 'unreadable' in by_name['Broken_File_0001.jpg']
    assert 'not in images/' in by_name['Gone_Away_0001.jpg']
    assert 'contempt' in by_name['Ann_Lee_0001.jpg']
    assert '_<number>' in by_name['portrait_2868588k.jpg']
    assert 'repeated' in by_name['Avinash_4.jpg']
    assert any('surprise / sadness -> surprise' in name for name in by_name)
    text = (tmp_path / 'out/report.txt').read_text()
    assert 'disgust           0      0  <- empty class' in text
    assert '1 left out, unreadable: Broken_File_0001.jpg' in text


def test_prepare_muxspace_faces_again_and_by_bucket(tmp_path):
    clone = make_clone(tmp_path / 'clone')
    prepare_muxspace_faces(clone, tmp_path / 'out')
    first = (tmp_path / 'out/labels.csv').read_bytes()
    prepare_muxspace_faces(clone, tmp_path / 'out')
    assert (tmp_path / 'out/labels.csv').read_bytes() == first
    prepare_muxspace_faces(
        clone, tmp_path / 'few', size=32, buckets=range(43, 44)
    )
    rows = read_rows(tmp_path / 'few')
    assert {row['identity'] for row in rows} == {'avinash'}
    assert Image.open(tmp_path / 'few/images/Avinash_4.jpg').size == (32, 32)


def test_same_file_twice_is_reported(tmp_path):
    clone = make_clone(tmp_path / 'clone')
    data = (clone / 'images/Al_Gore_0001.jpg').read_bytes()
    (clone / 'images/Bo_Li_0001.jpg').write_bytes(data)
    report = prepare_muxspace_faces(clone, tmp_path / 'out')
    notes = report.notes['kept, the same file as another']
    assert notes == ['Bo_Li_0001.jpg = Al_Gore_0001.jpg']


def test_errors(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'legend\.csv: no such file'):
        prepare_muxspace_faces(tmp_path, tmp_path / 'out')
    path = tmp_path / 'legend.csv'
    path.write_text('image,label\n')
    with pytest.raises(ValueError, match=r'legend\.csv:1: column emotion'):
        read_legend(path)
    path.write_text('user.id,image,emotion\n1,a_1.jpg,fear\n1,b_1.jpg,smug\n')
    with pytest.raises(ValueError, match=r"legend\.csv:3: .*'smug'"):
        read_legend(path)
    clone = make_clone(
        tmp_path / 'clone', 'user.id,image,emotion\n1,Gone_By_1.jpg,fear\n'
    )
    with pytest.raises(ValueError, match='none of the 1 images'):
        prepare_muxspace_faces(clone, tmp_path / 'out')
