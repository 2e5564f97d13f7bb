import numpy as np
import pytest

from fer_ssl.datasets import FaceTable


@pytest.fixture
def table():
    return FaceTable(
        images=['a', 'a', 'b'],
        labels=[1, -1, 0],
        boxes=[(0, 0, 1, 1), (1, 1, 2, 2), (2, 2, 3, 3)],
        names=['a_0', 'a_1', 'b_0'],
    )


@pytest.mark.parametrize('rows', [[2, 0], np.array([2, 0])])
def test_select_numbers(table, rows):
    part = table.select(rows)
    assert len(part) == 2
    assert part.images == ['b', 'a']
    assert part.labels.tolist() == [0, 1]
    assert part.boxes.tolist() == [[2, 2, 3, 3], [0, 0, 1, 1]]
    assert part.names == ['b_0', 'a_0']
    assert part.truths is None and part.identities is None


def test_select_mask(table):
    assert table.select([False, True, False]).names == ['a_1']
    assert len(table.select(np.zeros(3, dtype=bool))) == 0
    assert len(table.select([])) == 0


def test_columns_have_their_types_even_if_empty():
    table = FaceTable([], [], boxes=[])
    assert table.labels.dtype == table.boxes.dtype == np.int64
    assert table.labels.shape == (0,) and table.boxes.shape == (0, 4)


def test_columns_must_match():
    with pytest.raises(ValueError, match="'labels': 2"):
        FaceTable(['a'], [0, 1])
