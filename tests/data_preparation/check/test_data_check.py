import csv
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from unittest.mock import patch

import cv2
import numpy as np
import pytest
from mmengine.dataset import BaseDataset
from mmengine.registry import DATASETS
from PIL import Image

from fer_ssl.data_preparation.check import (
    data_check,
    data_report,
    find_data_sets,
    unrecognized,
)
from fer_ssl.data_preparation.check.data_check import (
    DataCheck,
    examine_image,
)
from fer_ssl.data_preparation.check.data_report import (
    PartReport,
    SetReport,
    describe,
    has_problems,
    is_broken,
    write_problems,
)
from fer_ssl.data_preparation.dataset_spec import parse_dataset_spec
from fer_ssl.data_preparation.shard_writer import write_shards
from fer_ssl.datasets import (
    FaceDataset,
    RecordIODataset,
)
from fer_ssl.datasets.folder_layout import registered_layouts
from tests.datasets.faces.affectnet_files import (
    write_affectnet_2017,
    write_affectnet_2021,
)
from tests.datasets.faces.expw_files import write_expw
from tests.datasets.faces.fer_plus_files import write_fer_plus
from tests.datasets.faces.image_folder_files import write_image_folder
from tests.datasets.faces.raf_db_files import write_raf_db
from tests.datasets.videos import aff_wild2_files
from tests.datasets.videos.dfew_files import write_dfew
from tests.helpers.forked_script import run_script
from tests.helpers.record_io_files import jpeg, write_ms1m

TOOL = Path(__file__).parents[3] / 'tools/dataset/check.py'


def fill(root):
    """All sets in a data root, under the names that a user might choose."""
    write_affectnet_2017(root / 'AffectNet')
    write_affectnet_2021(root / 'new/affectnet_2021')
    write_expw(root / 'ExpW')
    write_raf_db(root / 'basic')
    write_fer_plus(root / 'ferplus')
    write_dfew(root / 'dfew')
    write_ms1m(root / 'faces_emore', people=(2, 3))
    source = RecordIODataset(data_root=str(root / 'faces_emore'))
    write_shards(source, [root / 'shards'])
    write_image_folder(root / 'own', dict(happy=3, sad=2))


def find_sets(root):
    """Layouts and folders of all data sets in a data root."""
    layouts = registered_layouts()
    return list(find_data_sets.find_data_sets(str(root), layouts))


def by_name(reports):
    return {report.name: report for report in reports}


def parts_of(report):
    return {part.name: part for part in report.parts}


@pytest.mark.parametrize('images', ['none', 'exist', 'decode'])
@pytest.mark.parametrize('processes', [1, 3])
def test_everything_is_found(tmp_path, images, processes):
    fill(tmp_path)
    check = DataCheck(tmp_path, images, processes=processes)
    reports = check.run()
    found = by_name(reports)
    assert set(found) == {x.name for x in registered_layouts()} - {
        'Aff-Wild2',
        'faces CSV',
        'frames CSV',
        's-Aff-Wild2',
    }
    assert not is_broken(reports), describe(tmp_path, reports)
    assert found['RAF-DB'].folder == str(tmp_path / 'basic')
    raf = parts_of(found['RAF-DB'])
    assert (raf['train'].num_faces, raf['test'].num_faces) == (3, 2)
    counts = {n: c for n, c in raf['train'].counts.items() if c}
    assert counts == dict(sadness=1, neutral=1, surprise=1)
    expw = parts_of(found['ExpW'])['all']
    assert expw.num_faces == 4
    old, new = found['AffectNet (2017)'], found['AffectNet (2021)']
    assert parts_of(old)['train'].counts['contempt'] == 1
    assert parts_of(old)['train'].counts['uncertain'] == 1
    assert parts_of(new)['val'].num_faces == 5
    assert any('left out' in n for n in parts_of(old)['train'].notes)
    ms1m = parts_of(found['RecordIO (MS1MV2)'])['faces']
    assert (ms1m.num_faces, sum(ms1m.counts.values())) == (5, 0)
    dfew = parts_of(found['DFEW'])['train']
    assert '3 videos, 8 frames, 8 labeled, 2 of these without' in dfew.notes[0]
    for part in (expw, ms1m, dfew):
        assert part.checked == part.to_check
        assert bool(part.checked) == (images != 'none')
    if images != 'none':
        assert expw.checked == 3  # images, which show four faces
        assert dfew.checked == 6
    page = describe(tmp_path, reports)
    assert 'Aff-Wild2            (no EXPR_Recognition_Challenge or' in page
    assert '0 images with a problem. Nothing is missing or broken.' in page
    # The files of the sets are alike, and the shards hold the records.
    assert has_problems(reports) == (images == 'decode')
    shards = found['tar shards'].parts[0].findings
    assert ('5 images are identical to those of RecordIO' in f'{shards}') == (
        images == 'decode'
    )


def test_missing_files_are_reported(tmp_path):
    fill(tmp_path)
    shutil.rmtree(tmp_path / 'ExpW/image')
    os.remove(tmp_path / 'faces_emore/train.idx')
    os.remove(
        tmp_path / 'AffectNet/Manually_Annotated_file_lists/validation.csv'
    )
    (tmp_path / 'basic/EmoLabel/list_patition_label.txt').write_text('x 1 2')
    reports = DataCheck(tmp_path).run()
    found = by_name(reports)
    assert found['ExpW'].missing == ['image/origin']
    assert 'no such folder of images' in found['ExpW'].parts[0].error
    assert found['RecordIO (MS1MV2)'].missing == ['train.idx']
    assert 'train.idx' in found['RecordIO (MS1MV2)'].parts[0].error
    old = found['AffectNet (2017)']
    assert old.missing == ['Manually_Annotated_file_lists/validation.csv']
    assert parts_of(old)['train'].error == ''
    assert parts_of(old)['val'].error
    assert ':1: 3 fields' in found['RAF-DB'].parts[0].error
    assert has_problems(reports)
    page = describe(tmp_path, reports)
    assert '  missing: image/origin\n' in page
    assert page.endswith('Something is missing or broken, see above.')


def test_empty_data_root(tmp_path):
    reports = DataCheck(tmp_path).run()
    page = describe(tmp_path, reports)
    assert page.endswith('No data set was recognized.')
    for layout in registered_layouts():
        assert f'  {layout.name} ' in page
    with pytest.raises(FileNotFoundError, match='none: no such folder'):
        DataCheck(tmp_path / 'none').run()
    with pytest.raises(ValueError, match="images='all'"):
        DataCheck(tmp_path, 'all')


def damage(folder):
    """Break an image of RAF-DB in each way; returns their names."""
    names = [f'train_{i:05d}_aligned.jpg' for i in (1, 2, 3)]
    names += [f'test_{i:04d}_aligned.jpg' for i in (1, 2)]
    paths = [folder / 'Image/aligned' / name for name in names]
    os.remove(paths[0])
    paths[1].write_bytes(b'')
    paths[2].write_bytes(paths[2].read_bytes()[:-40])
    paths[3].write_bytes(b'<html>404 Not found</html>')
    return [str(path) for path in paths]


def test_broken_images(tmp_path):
    write_raf_db(tmp_path)
    paths = damage(tmp_path)
    train, test = by_name(DataCheck(tmp_path).run())['RAF-DB'].parts
    assert train.problems == {paths[0]: 'missing', paths[1]: 'empty'}
    assert test.problems == {}
    reports = DataCheck(tmp_path, 'decode').run()
    train, test = by_name(reports)['RAF-DB'].parts
    assert train.num_problems == dict(missing=1, empty=1, damaged=1)
    assert 'truncated' in train.problems[paths[2]]
    assert test.num_problems == dict(damaged=1)
    assert 'this is a web page' in test.problems[paths[3]]
    page = describe(tmp_path, reports)
    assert f'    missing: 1\n        {paths[0]}\n' in page
    assert '  images: 3 checked, 3 with a problem' in page
    write_problems(str(tmp_path / 'problems.csv'), reports)
    with open(tmp_path / 'problems.csv', newline='') as file:
        rows = list(csv.DictReader(file))
    assert [row['image'] for row in rows] == paths[:4]
    assert rows[0] == dict(
        set='RAF-DB', part='train', image=paths[0], problem='missing'
    )


def test_broken_images_in_archives(tmp_path):
    write_ms1m(tmp_path, people=(4,), images={2: b'x', 3: b''})
    data = bytearray((tmp_path / 'train.rec').read_bytes())
    data[:4] = b'oops'
    (tmp_path / 'train.rec').write_bytes(data)
    (part,) = DataCheck(tmp_path).run()[0].parts
    assert part.num_problems == {'empty': 1, 'not readable': 1}
    (part,) = DataCheck(tmp_path, 'decode').run()[0].parts
    assert part.num_problems == {'damaged': 1, 'empty': 1, 'not readable': 1}


@pytest.mark.parametrize('extension', ['jpg', 'png', 'bmp', 'webp'])
def test_truncated_images(tmp_path, extension):
    """OpenCV silently fills the rest of a truncated JPEG with gray."""
    rng = np.random.default_rng(0)
    for size in (1, 5, 64, 300):
        pixels = rng.integers(0, 256, (size, size, 3), dtype=np.uint8)
        path = str(tmp_path / f'{size}.{extension}')
        cv2.imwrite(path, pixels)
        assert examine_image(path, 'decode')[0] == ''
        if size >= 64:
            data = Path(path).read_bytes()
            Path(path).write_bytes(data[: len(data) // 2])
            problem, _ = examine_image(path, 'decode')
            assert problem.startswith('damaged: ')
            assert examine_image(path, 'exist') == ('', 0)


@DATASETS.register_module()
class ManyImages(BaseDataset):
    """Data set of ``count`` images, some of them repeated."""

    METAINFO = dict(classes=('a', 'b'))

    def __init__(self, data_root, count, labels=None, **kwargs):
        self.count = count
        super().__init__(data_root=data_root, **kwargs)

    def load_data_list(self):
        return [
            dict(img_path=f'{self.data_root}/{i % self.count}.jpg', gt_label=0)
            for i in range(self.count + 50)
        ]


@pytest.fixture
def many(tmp_path):
    for number in range(600):
        (tmp_path / f'{number}.jpg').write_bytes(jpeg(number % 256, 8))
    for number in (3, 300, 599):
        os.remove(tmp_path / f'{number}.jpg')
    return dict(type='ManyImages', data_root=str(tmp_path), count=600)


def run_many(config, tmp_path, stop_at=None, **kwargs):
    """Check, and stop at an image; returns the report and the images read."""
    looked = []
    look = data_check.examine_image

    def count(path, depth, **kwargs):
        if stop_at is not None and len(looked) == stop_at:
            raise KeyboardInterrupt
        if depth != 'read':
            looked.append(path)
        return look(path, depth, **kwargs)

    check = DataCheck(
        tmp_path,
        state=str(tmp_path / 'state/check.json'),
        layouts=(),
        more=dict(Many=config),
        **kwargs,
    )
    with patch.object(data_check, 'examine_image', count):
        if stop_at is None:
            check.run()
        else:
            with pytest.raises(KeyboardInterrupt):
                check.run()
    (part,) = check.reports[0].parts
    return part, looked, describe(tmp_path, check.reports, ())


def test_stopped_and_started_again(many, tmp_path):
    (tmp_path / 'else').mkdir()
    whole, looked, page = run_many(many, tmp_path / 'else')
    assert len(looked) == 600
    part, looked, page = run_many(many, tmp_path, stop_at=550)
    assert part.checked == 512  # whole chunks
    assert '512 of 600 checked, 2 with a problem' in page
    part, looked, page = run_many(many, tmp_path)
    assert len(looked) == 600 - 512
    assert part == whole
    assert part.num_problems == dict(missing=3)
    assert list(part.problems) == [
        f'{tmp_path}/{n}.jpg' for n in (3, 300, 599)
    ]
    # A further run checks all, since images may have been repaired.
    for number in (3, 300, 599):
        (tmp_path / f'{number}.jpg').write_bytes(jpeg(1, 8))
    part, looked, _ = run_many(many, tmp_path)
    assert (len(looked), part.problems) == (600, {})
    # Another kind of check starts from the beginning.
    run_many(many, tmp_path, stop_at=550)
    assert len(run_many(many, tmp_path, images='decode')[1]) == 600
    assert len(run_many(many, tmp_path)[1]) == 600 - 512


def test_several_processes_find_the_same(many, tmp_path):
    kwargs = dict(images='decode', layouts=(), more=dict(Many=many))
    one, three = (
        DataCheck(tmp_path, processes=n, **kwargs).run() for n in (1, 3)
    )
    assert one == three
    assert three[0].parts[0].checked == 600


def test_changed_list_is_checked_anew(many, tmp_path):
    run_many(many, tmp_path, stop_at=550)
    part, looked, _ = run_many(dict(many, count=590), tmp_path)
    assert len(looked) == part.checked == 590


def test_problems_that_look_like_formulas(tmp_path):
    part = PartReport('train')
    part.add_problem('=cmd()', 'missing')
    path = tmp_path / 'problems.csv'
    write_problems(path, [SetReport('faces', 'x', [], [part])])
    assert path.read_text().splitlines()[1] == "faces,train,'=cmd(),missing"


def test_damaged_state(many, tmp_path):
    (tmp_path / 'state').mkdir()
    (tmp_path / 'state/check.json').write_text('{"')
    with pytest.raises(ValueError, match=r'check\.json: not a state'):
        run_many(many, tmp_path)


def test_many_problems_are_counted_and_some_named(many, tmp_path):
    config = dict(many, data_root=str(tmp_path / 'none'))
    with patch.object(data_report, 'MOST_LISTED', 100):
        part, _, page = run_many(config, tmp_path)
    assert part.num_problems == dict(missing=600)
    assert len(part.problems) == 100
    assert '... and 595 more' in page


def test_images_of_an_earlier_part_are_not_read_again(many, tmp_path):
    check = DataCheck(tmp_path, layouts=(), more=dict(A=many, B=many))
    first, second = (report.parts[0] for report in check.run())
    assert (first.to_check, second.to_check) == (600, 0)
    assert second.num_faces == 650


def test_sets_that_cannot_be_read(tmp_path):
    @DATASETS.register_module(force=True)
    class Clips(BaseDataset):
        def load_data_list(self):
            return [dict(img_paths=['a', 'b'])]

    more = dict(
        A=dict(type='Clips'),
        B=dict(type='NoSuchDataset'),
        C=dict(type='FaceDataset', ann_file='none.csv'),
        D=dict(type='FaceDataset', ann_file='none.csv', unknown=1),
    )
    reports = DataCheck(tmp_path, layouts=(), more=more).run()
    errors = [report.parts[0].error for report in reports]
    assert 'not single images' in errors[0]
    assert 'NoSuchDataset' in errors[1]
    assert 'none.csv' in errors[2]
    assert 'unknown' in errors[3]
    assert has_problems(reports)


def test_split_with_an_image_root(tmp_path, write_faces):
    """Output of build_split next to other data sets."""
    from fer_ssl.data_preparation.split_builder import SplitRecipe, build_split

    kwargs = write_faces([(f'{i}.png', 'anger', 'train') for i in range(9)])
    config = dict(type='FaceDataset', split='train', **kwargs)
    recipe = SplitRecipe(
        labeled=dict(A=config), per_class=4, image_root=str(tmp_path)
    )
    build_split(recipe, str(tmp_path / 'splits/one'))
    os.remove(tmp_path / 'images/5.png')
    reports = DataCheck(tmp_path).run()
    assert [report.folder for report in reports] == [
        str(tmp_path),
        str(tmp_path / 'splits/one'),
    ]
    labeled, unlabeled = reports[1].parts
    assert labeled.counts['anger'] == labeled.num_faces == 4
    assert (unlabeled.num_faces, sum(unlabeled.counts.values())) == (5, 0)
    for report in reports:
        problems = [p for part in report.parts for p in part.problems]
        assert problems == [str(tmp_path / 'images/5.png')]


def test_sets_with_other_classes(tmp_path, write_faces):
    """Their manifests list the classes."""
    from fer_ssl.data_preparation.split_builder import SplitRecipe, build_split

    classes = ('anger', 'bored')
    kwargs = write_faces([(f'{i}.png', classes[i % 2], '') for i in range(9)])
    kwargs['metainfo'] = dict(classes=classes)
    recipe = SplitRecipe(
        labeled=dict(A=dict(type='FaceDataset', **kwargs)),
        per_class=2,
        classes=classes,
    )
    build_split(recipe, str(tmp_path / 'new/split'))
    write_shards(FaceDataset(**kwargs), [tmp_path / 'new/shards'])
    reports = by_name(DataCheck(tmp_path / 'new').run())
    assert not has_problems(reports.values())
    assert reports['faces CSV'].parts[0].counts == dict(anger=2, bored=2)
    assert reports['tar shards'].parts[0].counts == dict(anger=5, bored=4)


def test_fer_plus_folders_without_images(tmp_path):
    """The owners' repository has these folders with the lists only."""
    write_fer_plus(tmp_path, as_text=True)
    (tmp_path / 'data/FER2013Train').mkdir(parents=True)
    (tmp_path / 'data/FER2013Train/label.csv').touch()
    reports = DataCheck(tmp_path, 'decode').run()
    assert not has_problems(reports), describe(tmp_path, reports)


def test_name_that_is_not_utf_8(tmp_path):
    write_image_folder(tmp_path, dict(happy=1))
    name = os.fsencode(tmp_path) + b'/happy/\xff.jpg'
    open(name, 'wb').close()
    folder = dict(type='ImageFolderDataset', data_root=str(tmp_path))
    reports = DataCheck(tmp_path, layouts=(), more=dict(A=folder)).run()
    assert reports[0].parts[0].num_problems == dict(empty=1)
    assert 'happy/\\udcff.jpg' in describe(tmp_path, reports, ())
    write_problems(str(tmp_path / 'problems.csv'), reports)


def test_several_sets_as_one(tmp_path, write_faces):
    kwargs = write_faces([(f'{i}.png', 'anger', '') for i in range(3)])
    face = dict(type='FaceDataset', **kwargs)
    more = dict(A=dict(type='ConcatDataset', datasets=[face, face]))
    (report,) = DataCheck(tmp_path, layouts=(), more=more).run()
    (part,) = report.parts
    assert (part.error, part.num_faces, part.checked) == ('', 6, 3)


def test_frames_csv(tmp_path, write_videos):
    write_videos(dict(a='00.1', b='?2'))
    (report,) = DataCheck(tmp_path).run()
    assert report.name == 'frames CSV'
    (part,) = report.parts
    assert (part.num_faces, part.checked) == (5, 5)
    assert '2 videos, 6 frames, 4 labeled' in part.notes[0]


def test_folders_with_many_images_are_not_searched(tmp_path):
    write_raf_db(tmp_path / 'a/b')
    (tmp_path / 'c/d/e').mkdir(parents=True)
    write_raf_db(tmp_path / 'c/d/e/f')  # too deep
    assert [folder for _, folder in find_sets(tmp_path)] == [
        str(tmp_path / 'a/b')
    ]
    with patch.object(find_data_sets, '_MAX_ENTRIES', 3):
        for number in range(4):
            (tmp_path / f'a/{number}.jpg').touch()
        assert find_sets(tmp_path) == []


def test_home_of_aff_wild2(tmp_path):
    """Annotations and crops next to each other, or one inside the other."""
    for annotations, crops in (
        ('x/ann/EXPR_Recognition_Challenge', 'x/cropped_aligned'),
        ('y/VA_Estimation_Challenge', 'y/crops/cropped_aligned'),
        ('z/z/AU_Detection_Challenge', None),
    ):
        (tmp_path / annotations).mkdir(parents=True)
        if crops:
            (tmp_path / crops).mkdir(parents=True)
    found = find_sets(tmp_path)
    homes = [folder for _, folder in found]
    assert homes == [str(tmp_path / x) for x in ('x', 'y', 'z/z')]
    missing = [layout.missing(folder) for layout, folder in found]
    assert missing[:2] == [[], []]
    assert missing[2] == ['cropped_aligned or */cropped_aligned']
    parts = [list(layout.configs(folder)) for layout, folder in found]
    assert parts[0] == ['EXPR train', 'EXPR val']
    assert parts[2] == ['AU train', 'AU val']


def test_aff_wild2(tmp_path):
    aff_wild2_files.write_aff_wild2(tmp_path / 'Aff-Wild2')
    (report,) = DataCheck(tmp_path, 'decode').run()
    assert not has_problems([report]), describe(tmp_path, [report])
    parts = parts_of(report)
    assert list(parts) == [
        f'{track} {split}'
        for track in ('EXPR', 'VA', 'AU')
        for split in ('train', 'val')
    ]
    # The images of the three tracks are the same.
    assert parts['EXPR train'].checked == parts['EXPR train'].num_faces > 0
    assert parts['VA train'].to_check == 0
    assert 0 < parts['VA train'].counts['labeled']
    assert 'labeled, ' in parts['AU val'].notes[-1]


def run_tool(*args, **kwargs):
    return run_script(TOOL, *args, **kwargs)


def test_tool(tmp_path):
    write_raf_db(tmp_path / 'data/raf')
    write_image_folder(tmp_path / 'data/own', dict(happy=3, sad=2))
    folder = f"ImageFolderDataset(data_root='{tmp_path}/data/own')"
    args = (tmp_path / 'data', '--images=decode', f'--set=Own={folder}')
    done = run_tool(*args, '--images=exist', cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    done = run_tool(*args, '--report=page.txt', cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert 'Nothing is missing or broken. Findings: ' in done.stdout
    assert 'Own   ' in done.stdout and 'happiness 3' in done.stdout
    assert (tmp_path / 'page.txt').read_text() in done.stdout
    state = json.loads((tmp_path / 'work_dirs/data_check.json').read_text())
    assert state == {}
    damage(tmp_path / 'data/raf')
    again = run_tool(*args, '--problems=bad.csv', cwd=tmp_path)
    assert again.returncode == 1
    lines = (tmp_path / 'bad.csv').read_text().splitlines()
    assert sum('identical' not in line for line in lines) == 5
    none = run_tool(tmp_path / 'none', cwd=tmp_path)
    assert none.returncode == 1
    assert none.stderr.startswith('error: ') and 'Traceback' not in none.stderr


OWN = """
from mmengine.registry import DATASETS
from PIL import Image
from fer_ssl.datasets import ExpWDataset, FolderLayout, RAFDBDataset

@DATASETS.register_module()
class OwnDataset(RAFDBDataset):
    layouts = (
        FolderLayout('Own set', dataset='OwnDataset', markers=('own.txt',)),
    )

@DATASETS.register_module()
class ChangedExpW(ExpWDataset):
    '''Reads no layout of its own: the one of ExpW is not its.'''
"""


def test_tool_finds_a_data_set_of_the_user(tmp_path):
    write_raf_db(tmp_path / 'data/own')
    (tmp_path / 'data/own/own.txt').touch()
    (tmp_path / 'own_dataset.py').write_text(OWN)
    env = dict(os.environ, PYTHONPATH=str(tmp_path))
    args = (tmp_path / 'data', '--import=own_dataset')
    done = run_tool(*args, cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    assert f'Own set   {tmp_path}/data/own\n  all: 3 faces' in done.stdout
    assert done.stdout.count('ExpW ') == 1
    none = run_tool(tmp_path, '--import=no_such_module', cwd=tmp_path)
    assert none.returncode == 1
    assert none.stderr == (
        "error: --import no_such_module: No module named 'no_such_module'. "
        'Put the folder that holds it on PYTHONPATH.\n'
    )


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGKILL])
def test_tool_is_stopped(many, tmp_path, number):
    """A run that was ended by Ctrl-C or killed is resumed."""
    code = f"""
import time
from fer_ssl.data_preparation.check import data_check
import runpy, sys
look = data_check.examine_image
def slow(path, depth):
    time.sleep(0.01)
    return look(path, depth)
data_check.examine_image = slow
data_check._SAVE_EVERY = 0
data_check._CHUNK = 16
sys.path.insert(0, {str(Path(__file__).parent)!r})
import test_data_check
sys.argv = ['check.py', 'empty', '--processes=2', '--set',
            "Many=ManyImages(data_root={str(tmp_path)!r}, count=600)"]
runpy.run_path({str(TOOL)!r}, run_name='__main__')
"""
    (tmp_path / 'empty').mkdir()
    env = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
    process = subprocess.Popen(
        [sys.executable, '-c', code],
        cwd=tmp_path,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        # A background shell and its children ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    state = tmp_path / 'work_dirs/data_check.json'
    end = time.time() + 120
    # The first file may have no entry yet.
    while time.time() < end and not (
        state.exists() and 'checked' in state.read_text()
    ):
        time.sleep(0.05)
    os.killpg(process.pid, number)
    assert time.time() < end, 'nothing was checked in two minutes'
    text, _ = process.communicate(timeout=60)
    (entry,) = json.loads(state.read_text()).values()
    assert 0 < entry['checked'] < 600
    if number == signal.SIGINT:
        assert process.returncode == 130, text
        assert 'Stopped early' in text
        assert 'Traceback' not in text
    done = subprocess.run(
        [sys.executable, '-c', code.replace('sleep(0.01)', 'sleep(0)')],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1, done.stderr  # three are missing
    assert 'images: 600 checked, 3 with a problem' in done.stdout


def put(path, number):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(jpeg(number, 8))


def write_copies(root):
    """Folders of two splits: copies in a part, over parts and classes."""
    put(root / 'train/happy/a.jpg', 1)
    put(root / 'train/happy/b.jpg', 2)
    put(root / 'train/happy/again.jpg', 1)
    put(root / 'train/sad/c.jpg', 3)
    put(root / 'train/sad/b.jpg', 2)
    put(root / 'val/happy/x.jpg', 1)
    put(root / 'val/happy/y.jpg', 3)
    put(root / 'val/happy/z.jpg', 4)
    folder = dict(type='ImageFolderDataset', data_root=str(root))
    return {x: dict(folder, split=x) for x in ('train', 'val')}


def test_copies_in_a_part_and_in_two_parts(tmp_path):
    more = write_copies(tmp_path)
    check = DataCheck(tmp_path, 'decode', layouts=(), more=more)
    reports = check.run()
    train, val = (report.parts[0] for report in reports)
    assert train.findings == [
        '2 images are identical to others of this part, byte for byte, such '
        f'as {tmp_path}/train/happy/again.jpg and {tmp_path}/train/happy/'
        'a.jpg.',
        '1 faces have another class in this part for the same image, such as '
        f'{tmp_path}/train/sad/b.jpg (sadness, happiness).',
    ]
    assert val.findings == [
        '2 images are identical to those of train ImageFolderDataset, byte '
        f'for byte, such as {tmp_path}/val/happy/x.jpg and {tmp_path}/train/'
        'happy/a.jpg.',
        '1 faces have another class in train ImageFolderDataset for the same '
        f'image, such as {tmp_path}/val/happy/y.jpg (happiness, sadness).',
    ]
    assert has_problems(reports) and not is_broken(reports)
    page = describe(tmp_path, reports, ())
    assert page.endswith('Nothing is missing or broken. Findings: 4.')
    write_problems(str(tmp_path / 'problems.csv'), reports)
    with open(tmp_path / 'problems.csv', newline='') as file:
        rows = {row['image']: row['problem'] for row in csv.DictReader(file)}
    assert rows[f'{tmp_path}/val/happy/x.jpg'] == (
        f'identical to {tmp_path}/train/happy/a.jpg'
    )
    assert rows[f'{tmp_path}/val/happy/y.jpg'] == (
        'class happiness, elsewhere sadness, identical to '
        f'{tmp_path}/train/sad/c.jpg'
    )
    # Without reading the images nothing is compared.
    assert not has_problems(DataCheck(tmp_path, layouts=(), more=more).run())


def test_classes_are_compared_by_name(tmp_path):
    put(tmp_path / 'a/happy/1.jpg', 1)
    put(tmp_path / 'b/happiness/1.jpg', 1)
    more = {
        name: dict(
            type='ImageFolderDataset',
            data_root=str(tmp_path / name),
            metainfo=dict(classes=classes),
        )
        for name, classes in (
            ('a', ('anger', 'happiness')),
            ('b', ('happiness', 'anger')),
        )
    }
    check = DataCheck(tmp_path, 'decode', layouts=(), more=more)
    (finding,) = check.run()[1].parts[0].findings
    assert '1 images are identical to those of a ImageFolder' in finding


def test_faces_without_a_label_do_not_conflict(tmp_path):
    write_copies(tmp_path)
    more = {
        name: dict(
            type='ImageFolderDataset',
            data_root=str(tmp_path),
            split=name,
            folders=dict(sad='drop'),
        )
        for name in ('train', 'val')
    }
    for report in DataCheck(tmp_path, 'decode', layouts=(), more=more).run():
        assert len(report.parts[0].findings) == 1


def write_list(root, rows, columns='image,expression'):
    root.mkdir(exist_ok=True)
    for row in rows:
        name, number = row[0].split(':')
        put(root / 'images' / name, int(number))
    lines = [','.join([x[0].split(':')[0], *x[1:]]) for x in rows]
    (root / 'labels.csv').write_text('\n'.join([columns, *lines, '']))


def test_faces_with_boxes_are_compared_by_image_and_box(tmp_path):
    columns = 'image,expression,left,top,right,bottom'
    one, two = ('0', '0', '4', '8'), ('4', '0', '8', '8')
    rows = [('1.jpg:1', 'anger', *one), ('1.jpg:1', 'fear', *two)]
    write_list(tmp_path / 'a', rows, columns)
    rows = [('2.jpg:1', 'anger', *one), ('2.jpg:1', 'sadness', *two)]
    write_list(tmp_path / 'b', rows, columns)
    write_list(tmp_path / 'c', [('3.jpg:1', 'neutral')])
    reports = DataCheck(tmp_path, 'decode').run()
    findings = [report.parts[0].findings for report in reports]
    assert findings[0] == []
    assert '1 images are identical to those of' in findings[1][0]
    assert findings[1][1].startswith('1 faces have another class')
    assert findings[1][1].endswith('images/2.jpg (sadness, fear).')
    # Which of the two faces the whole image shows is unknown.
    assert all('identical' in finding for finding in findings[2])


@DATASETS.register_module()
class PeopleInSplits(BaseDataset):
    """Items that name people, as of a user's own class."""

    METAINFO = dict(classes=('a', 'b'))
    people = dict(train=('ann', 'bob', ''), val=('bob', 'cho', ''))

    def __init__(self, split, **kwargs):
        self.split = split
        super().__init__(**kwargs)

    def load_data_list(self):
        return [
            dict(img_path=f'{self.data_root}/{x}.jpg', gt_label=0, identity=x)
            for x in self.people[self.split]
        ]


def test_people_in_two_splits(tmp_path):
    config = dict(type='PeopleInSplits', data_root=str(tmp_path))
    more = {x: dict(config, split=x) for x in ('train', 'val')}
    reports = DataCheck(tmp_path, 'none', layouts=(), more=more).run()
    assert reports[0].parts[0].findings == []
    assert reports[1].parts[0].findings == [
        '1 people or videos are in train PeopleInSplits, too, so that the '
        'splits are not independent, such as bob.'
    ]
    assert not is_broken(reports) and has_problems(reports)


def test_one_file_in_two_splits_of_a_data_set(tmp_path):
    for number, name in enumerate(('ann', 'bob', 'cho', '')):
        put(tmp_path / f'{name}.jpg', number)
    config = dict(type='PeopleInSplits', data_root=str(tmp_path))
    more = {x: dict(config, split=x) for x in ('train', 'val')}
    check = DataCheck(tmp_path, 'decode', layouts=(), more=more)
    part = check.run()[1].parts[0]
    assert part.checked == 1
    assert part.findings[1] == (
        '2 images are identical to those of train PeopleInSplits, byte for '
        f'byte, such as {tmp_path}/bob.jpg and {tmp_path}/bob.jpg.'
    )
    # Two lists without a split that name the same images.
    more = {x: dict(config, split='train') for x in 'ab'}
    reports = DataCheck(tmp_path, 'decode', layouts=(), more=more).run()
    assert not has_problems(reports)


def test_copies_are_found_after_a_stop(many, tmp_path):
    """What was decoded before is read again, but not decoded."""
    for number in (3, 300, 599):
        (tmp_path / f'{number}.jpg').write_bytes(jpeg(number % 256, 8))
    whole, _, _ = run_many(many, tmp_path, images='decode')
    assert '344 images are identical to others' in whole.findings[0]
    run_many(many, tmp_path, stop_at=550, images='decode')
    part, looked, _ = run_many(many, tmp_path, images='decode')
    assert (part, len(looked)) == (whole, 600 - 512)
    for processes in (1, 2):
        part, _, _ = run_many(
            many, tmp_path, images='decode', processes=processes
        )
        assert part == whole


def test_images_are_decoded_as_in_training(tmp_path):
    """OpenCV refuses a TIFF of floats, which Pillow reads."""
    path = str(tmp_path / 'a.tif')
    floats = np.linspace(0, 1, 1600).reshape(40, 40).astype('f4')
    Image.fromarray(floats).save(path)
    problem, _ = examine_image(path, 'decode')
    assert problem.startswith('unsupported: cv2, which training reads')
    assert examine_image(path, 'decode', backend='pillow')[0] == ''
    put(tmp_path / 'data/anger/1.jpg', 1)
    (tmp_path / 'a.tif').rename(tmp_path / 'data/anger/a.tif')
    folder = dict(type='ImageFolderDataset', data_root=str(tmp_path / 'data'))
    load = dict(type='LoadImageFromFile', imdecode_backend='pillow')
    more = dict(
        Own=dict(folder),
        Pillow=dict(
            type='RepeatDataset',
            times=1,
            dataset=dict(folder, pipeline=[load]),
        ),
    )
    own, pillow = DataCheck(tmp_path, 'decode', layouts=(), more=more).run()
    assert own.parts[0].num_problems == dict(unsupported=1)
    assert pillow.parts[0].num_problems == {}


def test_missing_image_of_a_list_from_windows(tmp_path):
    put(tmp_path / 'images/ann/1.jpg', 1)
    (tmp_path / 'labels.csv').write_text(
        'image,expression\nann\\1.jpg,anger\n'
    )
    for images in ('exist', 'decode'):
        (report,) = DataCheck(tmp_path, images).run()
        (problem,) = report.parts[0].problems.values()
        assert problem == (
            f'missing: {tmp_path}/images/ann/1.jpg exists, so replace the '
            'backslashes of Windows in the list by slashes'
        )


def write_folders(root, splits, classes):
    for split in splits:
        for name in classes:
            put(root / split / name / 'a.jpg', 1)


def test_folders_that_are_no_data_set(tmp_path):
    """They are named, with the line that reads them."""
    write_folders(tmp_path / 'fer2013', ('test', 'train'), ('angry', 'happy'))
    write_folders(tmp_path / 'new/affectnet', ('.',), '0123')
    write_folders(tmp_path / 'new/own', ('.',), ('bored', 'contempt'))
    write_folders(tmp_path / 'people', ('.',), ('ann', 'bob'))
    write_raf_db(tmp_path / 'new/raf')
    put(tmp_path / '@eaDir/a/b.jpg', 1)
    (tmp_path / 'empty').mkdir()
    check = DataCheck(tmp_path, 'none')
    reports = check.run()
    assert check.unrecognized == [
        'not recognized: fer2013 (train, test; angry, happy: 4 images), see '
        '--set',
        *[
            f"  --set 'fer2013 {split}=ImageFolderDataset(data_root="
            f'"{tmp_path}/fer2013", split="{split}")\''
            for split in ('train', 'test')
        ],
        'not recognized: new/affectnet (0, 1, 2, 3: 4 images), see --set',
        f"  --set 'affectnet=ImageFolderDataset(data_root="
        f'"{tmp_path}/new/affectnet", taxonomy="...")\'',
        'not recognized: new/own (bored, contempt: 2 images), see --set',
        'not recognized: people (ann, bob: 2 images), see --set',
    ]
    page = describe(tmp_path, reports, unrecognized=check.unrecognized)
    assert '\nnot recognized: fer2013 (train, test; ' in page
    assert not has_problems(reports)
    # The lines can be used as they are, and the folder is then known.
    lines = [shlex.split(x)[1] for x in check.unrecognized[1:3]]
    more = dict(line.split('=', 1) for line in lines)
    more = {name: parse_dataset_spec(text) for name, text in more.items()}
    check = DataCheck(tmp_path, 'exist', more=more)
    reports = by_name(check.run())
    part = reports['fer2013 test'].parts[0]
    assert (part.counts['anger'], part.checked) == (1, 2)
    assert not any('fer2013' in line for line in check.unrecognized)
    # The root itself may be such a folder.
    check = DataCheck(tmp_path / 'fer2013', 'none')
    check.run()
    assert check.unrecognized[0].startswith('not recognized: . (train, test;')


def test_folder_of_classes_that_the_package_lacks(tmp_path):
    write_folders(tmp_path / 'x', ('.',), ('contempt', 'happy'))
    check = DataCheck(tmp_path, 'none')
    check.run()
    text = shlex.split(check.unrecognized[1])[1]
    config = parse_dataset_spec(text.partition('=')[2])
    (report,) = DataCheck(tmp_path, 'none', more=dict(X=config)).run()
    assert report.parts[0].counts == dict(contempt=1, happiness=1)


def test_unknown_folders_with_odd_names(tmp_path):
    name = "Ann's $HOME faces"
    write_folders(tmp_path / name, ('.',), ('sad', 'happy'))
    (tmp_path / name / 'sad/up').symlink_to('..')  # a circle
    check = DataCheck(tmp_path, 'none')
    check.run()
    assert '(happy, sad: 2 images)' in check.unrecognized[0]
    option, text = shlex.split(check.unrecognized[1])
    assert option == '--set'
    config = parse_dataset_spec(text.partition('=')[2])
    assert config['data_root'] == str(tmp_path / name)


def test_few_entries_of_unknown_folders_are_looked_at(tmp_path):
    write_folders(tmp_path / 'x', ('train', 'val'), ('sad', 'happy'))
    with patch.object(unrecognized, '_MAX_ENTRIES', 6):
        check = DataCheck(tmp_path, 'none')
        check.run()
    assert '2 images or more' in check.unrecognized[0]
