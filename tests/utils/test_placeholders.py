import cv2
import numpy as np
import pytest

from fer_ssl.apis.onnx_file import open_session
from fer_ssl.data_preparation.dataset_spec import parse_dataset_spec
from fer_ssl.datasets.containers.record_io import RecordIOFile, write_index
from fer_ssl.datasets.faces.affectnet_dataset import read_code
from fer_ssl.datasets.faces.fer_plus_dataset import (
    read_pixel_paths,
    read_votes,
)
from fer_ssl.face_detection.yunet_detector import YuNetDetector
from fer_ssl.launch import find_config
from fer_ssl.media.image_limit import check_pixels
from fer_ssl.media.media_sources import list_sources
from fer_ssl.media.open_media import open_media
from fer_ssl.utils.data_files import read_data_file, read_npy
from fer_ssl.utils.placeholders import describe_placeholder
from fer_ssl.utils.safe_load import load_checkpoint
from fer_ssl.utils.text_rows import csv_dicts, read_lines, spaced_rows

POINTER = (
    'version https://git-lfs.github.com/spec/v1\n'
    'oid sha256:8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed25\n'
    'size 301000000\n'
)
PAGE = '\n<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>\n'
KINDS = {'Git LFS pointer': POINTER, 'web page': PAGE}


@pytest.mark.parametrize('page', [PAGE, '<html>', '\ufeff <!doctype HTML>'])
def test_pages(page):
    assert 'web page' in describe_placeholder(page.encode())


@pytest.mark.parametrize('text', ['', 'image,expression\n', 'version 1\n'])
def test_data_are_no_placeholders(text):
    assert describe_placeholder(text.encode()) == ''


def read_records(path):
    """The records of a pointer, the index of a real file."""
    with open(f'{path[:-4]}.idx', 'w') as file:
        file.write('0\t0\n1\t5000\n')
    RecordIOFile(path).image_keys()


def open_network(path):
    pytest.importorskip('onnxruntime')
    open_session(path, path)


@pytest.mark.parametrize('what', KINDS)
@pytest.mark.parametrize(
    'name, read',
    [
        ('a.csv', lambda path: list(csv_dicts(path, ()))),
        ('a.txt', lambda path: list(spaced_rows(path))),
        ('b.txt', read_lines),
        ('fer2013new.csv', read_votes),
        ('fer2013.csv', lambda path: read_pixel_paths(path, [], 'x')),
        ('a.json', read_data_file),
        ('a.yml', read_data_file),
        ('a.npy', read_npy),
        ('a.pth', load_checkpoint),
        ('a_exp.npy', read_code),
        ('a.py', find_config),
        ('b.py', parse_dataset_spec),
        ('a.mp4', lambda path: open_media(path, 'Remedy.')),
        ('a.onnx', YuNetDetector),
        ('a.idx', lambda path: RecordIOFile(f'{path[:-4]}.rec')),
        ('a.rec', read_records),
        ('b.rec', write_index),
        ('a.wav', list_sources),
        ('b.onnx', open_network),
    ],
)
def test_readers_say_what_the_file_is(tmp_path, name, read, what):
    if name in ('a.mp4', 'a.wav'):
        pytest.importorskip('av')
    path = tmp_path / name
    path.write_text(KINDS[what])
    with pytest.raises(Exception, match=f'{name}:.*this is a {what}') as error:
        read(str(path))
    assert isinstance(error.value, (ValueError, OSError, RuntimeError))


@pytest.mark.parametrize('what', KINDS)
def test_image(what):
    with pytest.raises(OSError, match=f'this is a {what}'):
        check_pixels(KINDS[what].encode())


def test_a_whole_file_is_read_from_its_begin(tmp_path):
    """Recognizing a placeholder takes nothing away from the reader."""
    path = tmp_path / 'a.csv'
    path.write_text('image,expression\na.png,anger\n')
    assert [row for _, row in csv_dicts(str(path), ())] == [
        dict(image='a.png', expression='anger')
    ]
    np.save(tmp_path / 'a.npy', np.arange(3))
    assert read_npy(str(tmp_path / 'a.npy')).tolist() == [0, 1, 2]
    check_pixels(cv2.imencode('.png', np.zeros((2, 2), np.uint8))[1].tobytes())
