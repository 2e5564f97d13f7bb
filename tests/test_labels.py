import subprocess
import sys
from unittest.mock import patch

import numpy as np
import pytest

import fer_ssl.datasets  # noqa: F401  (its classes register taxonomies)
from fer_ssl.labels import (
    ABAW_EXPRESSIONS,
    ALIASES,
    FIRST_CODES,
    TAXONOMIES,
    canonical_name,
    label_mapping,
    register_taxonomy,
)

QUIET = dict(contempt='drop', none='drop', uncertain='drop', no_face='drop')


@pytest.fixture
def log():
    with patch('fer_ssl.labels.print_log') as log:
        yield log


# Copied by hand from the papers and manuals of the data sets.
@pytest.mark.parametrize(
    'source, expected',
    [
        ('abaw', [0, 1, 2, 3, 4, 5, 6, 7]),
        ('affectnet', [0, 4, 5, 6, 3, 2, 1, -1, -1, -1, -1]),
        ('affectnet_alphabetical', [1, -1, 2, 3, 4, 0, 5, 6]),
        ('expw', [1, 2, 3, 4, 5, 6, 0]),
        ('fer2013', [1, 2, 3, 4, 5, 6, 0]),
        ('fer_plus', [0, 4, 6, 5, 1, 2, 3, -1, -1, -1]),
        ('raf_db', [6, 3, 2, 4, 5, 1, 0]),
        ('dfew', [4, 5, 0, 1, 6, 2, 3]),
    ],
)
def test_mapping_to_abaw(source, expected, log):
    mapping = label_mapping(source, ABAW_EXPRESSIONS, **QUIET)
    assert mapping.dtype == np.int64
    assert mapping.tolist() == expected
    log.assert_not_called()


def test_every_taxonomy_maps_to_itself(log):
    for name, classes in TAXONOMIES.items():
        mapping = label_mapping(name, classes)
        np.testing.assert_array_equal(mapping, np.arange(len(classes)))
    log.assert_not_called()


def test_data_sets_register_their_taxonomies():
    """A lookup by name imports them where nothing else did."""
    code = (
        'from fer_ssl.labels import label_mapping\n'
        "print(label_mapping('raf_db', ('neutral', 'fear'), drop=("
        "'surprise', 'disgust', 'happiness', 'sadness', 'anger')))"
    )
    done = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True
    )
    assert done.stdout == '[-1  1 -1 -1 -1 -1  0]\n', done.stderr
    assert {name: x for name, x in FIRST_CODES.items() if x} == dict(
        dfew=1, raf_db=1
    )


def test_taxonomies_of_the_same_name():
    with patch.dict(TAXONOMIES), patch.dict(FIRST_CODES):
        assert register_taxonomy('own', ('fear', 'anger'), 1) == 'own'
        assert register_taxonomy('own', ['fear', 'anger'], 1) == 'own'
        for classes, first in ((('anger',), 1), (('fear', 'anger'), 0)):
            with pytest.raises(ValueError, match="'own' is already reg"):
                register_taxonomy('own', classes, first)


def test_contempt_as_other(log):
    mapping = label_mapping(
        'affectnet_alphabetical', ABAW_EXPRESSIONS, contempt='other'
    )
    # The columns of the public HSEmotion code for the same data.
    assert mapping.tolist() == [1, 7, 2, 3, 4, 0, 5, 6]
    log.assert_not_called()


def test_lost_classes_are_named_in_one_warning(log):
    classes = ('neutral', 'happiness')
    mapping = label_mapping('raf_db', classes, drop=('fear', 'anger'))
    assert mapping.tolist() == [-1, -1, -1, 1, -1, -1, 0]
    (call,) = log.call_args_list
    assert 'raf_db): no class for surprise, disgust, sadness' in call.args[0]
    log.reset_mock()
    label_mapping('affectnet', ABAW_EXPRESSIONS, no_face='drop')
    assert 'for contempt, none, uncertain among' in log.call_args.args[0]


def test_names_in_place_of_a_taxonomy(log):
    mapping = label_mapping(('fear', 'none'), ('none', 'fear'), none='fear')
    assert mapping.tolist() == [1, 1]


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(source='rafdb'), "Unknown taxonomy 'rafdb'; .*raf_db"),
        (dict(contempt='Other'), "'contempt' cannot be mapped to 'Other'"),
        (dict(drop=('joy',)), "drop='joy'"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        label_mapping(
            **{'source': 'affectnet', 'classes': ABAW_EXPRESSIONS, **options}
        )


def test_names_are_spelled_alike_in_all_taxonomies():
    names = {name for names in TAXONOMIES.values() for name in names}
    assert names == {
        *ABAW_EXPRESSIONS,
        'contempt',
        'none',
        'uncertain',
        'no-face',
    }
    assert set(ALIASES.values()) <= names
    for name in names:
        assert canonical_name(f' {name.upper()} ') == name
    assert canonical_name('Happy') == 'happiness'
    assert canonical_name('No_Face') == canonical_name('no face') == 'no-face'
    assert canonical_name('joy') == 'joy'
