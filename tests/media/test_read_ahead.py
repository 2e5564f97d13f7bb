import itertools
import threading

import pytest

from fer_ssl.media.read_ahead import read_ahead


@pytest.mark.parametrize('count', [1, 4])
@pytest.mark.parametrize('length', [0, 1, 9])
def test_items_in_order(count, length):
    assert list(read_ahead(range(length), count)) == list(range(length))


def test_another_thread_is_ahead():
    seen, enough = [], threading.Event()

    def items():
        for i in itertools.count():
            seen.append((i, threading.get_ident()))
            if i == 3:
                enough.set()
            yield i

    ahead = read_ahead(items(), 3)
    assert next(ahead) == 0
    assert enough.wait(10)  # items 1 to 3 were not asked for yet
    ahead.close()
    assert {thread for _, thread in seen}.isdisjoint([threading.get_ident()])
    assert len(seen) == 4


def test_errors_are_passed_on_in_their_place():
    def items():
        yield 1
        raise ValueError('damaged')

    ahead = read_ahead(items())
    assert next(ahead) == 1
    with pytest.raises(ValueError, match='damaged'):
        next(ahead)
