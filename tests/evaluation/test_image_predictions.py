import numpy as np
import pytest

from fer_ssl.evaluation import ImagePredictions

GOOD = [
    'image,label,truth,x,y',
    'a.png,x,x,0.75,0.25',
    ',y,,0.25,0.75',
    'c.png,x,y,0.5,0.5',
]
TARGETS = [
    'image,truth_v,truth_a,v,a',
    'a.png,0.375,-1,0.25,0.5',
    '"b, c.png",-5,-5,-0.25,1',
]


def read(path, lines):
    path.write_text('\n'.join([*lines, '', '']))
    return ImagePredictions.from_csv(path)


@pytest.mark.parametrize('has_targets', [False, True])
def test_round_trip(tmp_path, has_targets):
    rng = np.random.default_rng(0)
    scores = rng.dirichlet(np.ones(3), 50).astype(np.float32)
    scores[0] = [np.nextafter(np.float32(1 / 3), 1), 1 / 3, 1 / 3]
    labels = rng.integers(-1, 3, 50)
    if has_targets:
        labels = rng.normal(size=(50, 3)).astype(np.float32)
    images = [f'{i}.png' for i in range(48)] + ['', 'a, "b".png']
    written = ImagePredictions(images, ('x', 'y', 'z'), scores, labels)
    path = tmp_path / 'new folder' / 'p.csv'
    written.to_csv(path)
    found = ImagePredictions.from_csv(path)
    assert (found.images, found.classes) == (images, ('x', 'y', 'z'))
    np.testing.assert_array_equal(found.scores, scores)
    np.testing.assert_array_equal(found.labels, labels)
    np.testing.assert_array_equal(found.predicted, scores.argmax(axis=1))
    assert found.labels.dtype == written.labels.dtype


@pytest.mark.parametrize('lines', [GOOD, TARGETS])
def test_form(tmp_path, lines):
    path = tmp_path / 'p.csv'
    read(path, lines).to_csv(tmp_path / 'again.csv')
    assert (tmp_path / 'again.csv').read_text() == path.read_text()


@pytest.mark.parametrize(
    ('good', 'line', 'text', 'problem'),
    [
        (GOOD, 1, 'video,frame,face,label,truth,x,y', 'the header must be'),
        (GOOD, 1, 'image,label,truth,x', 'the header must be image,label,'),
        (GOOD, 1, 'image,label,truth,x,x', 'two columns'),
        (GOOD, 2, 'a.png,x,x,0.75', '4 cells, but the header has 5'),
        (GOOD, 3, '', '0 cells, but the header has 5'),
        (GOOD, 3, 'b.png,joy,x,0.75,0.25', "label 'joy' is not a column"),
        (GOOD, 3, 'b.png,x,joy,0.75,0.25', "truth 'joy' is not a column"),
        (GOOD, 3, 'b.png,x,x,0.75,high', 'not all scores are numbers'),
        (GOOD, 4, 'b.png,x,x,0.75,nan', 'a score is not finite'),
        (GOOD, 4, 'b.png,y,x,0.75,0.25', "label 'y' is not the class with"),
        (TARGETS, 1, 'image,truth_a,truth_v,v,a', 'the header must be'),
        (TARGETS, 2, 'a.png,0.3,,0.25,0.5', 'not all scores are numbers'),
        (TARGETS, 3, 'b.png,0.3,0.25,0.5', '4 cells, but the header has 5'),
    ],
)
def test_malformed_files_are_refused(tmp_path, good, line, text, problem):
    lines = list(good)
    lines[line - 1] = text
    with pytest.raises(ValueError, match=f'p.csv:{line}: .*{problem}'):
        read(tmp_path / 'p.csv', lines)


@pytest.mark.parametrize('lines', [GOOD, TARGETS])
def test_a_file_cut_anywhere_is_refused(tmp_path, lines):
    path = tmp_path / 'p.csv'
    whole = '\n'.join([*lines, '', '']).encode()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match=r'p\.csv:\d+: '):
            ImagePredictions.from_csv(path)


def test_missing_or_empty_files(tmp_path):
    with pytest.raises(FileNotFoundError, match='nothing.csv'):
        ImagePredictions.from_csv(tmp_path / 'nothing.csv')
    with pytest.raises(ValueError, match='p.csv:1: the header must be'):
        read(tmp_path / 'p.csv', [''])
    with pytest.raises(ValueError, match='p.csv:1: .* not followed by any'):
        read(tmp_path / 'p.csv', GOOD[:1])


def test_shapes_must_fit():
    scores = np.zeros((2, 3))
    with pytest.raises(ValueError, match=r'scores must be \(2, 2\), got'):
        ImagePredictions(['a', 'b'], ('x', 'y'), scores, [0, 1])
    with pytest.raises(ValueError, match=r'labels must be \(2,\), got'):
        ImagePredictions(['a', 'b'], ('x', 'y', 'z'), scores, [0])
