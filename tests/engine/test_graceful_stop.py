import os
import signal

import pytest

from fer_ssl.engine import graceful_stop
from fer_ssl.engine.graceful_stop import GracefulStop


@pytest.fixture
def exchange(monkeypatch):
    """Two ranks, of which the other one knows no signal.

    A function that is appended to the list runs during the next exchange.
    """
    during = []

    def all_reduce(number, op):
        assert op == 'max'
        for function in during:
            function()
        during.clear()

    monkeypatch.setattr(graceful_stop, 'get_world_size', lambda: 2)
    monkeypatch.setattr(graceful_stop, 'all_reduce', all_reduce)
    return during


def test_signal_during_the_exchange_counts_the_next_time(exchange):
    """The other rank does not know of it yet, and would go on alone."""
    with GracefulStop() as stop:
        assert not stop.agreed()
        exchange.append(lambda: os.kill(os.getpid(), signal.SIGTERM))
        assert not stop.agreed()
        assert stop.requested
        assert stop.agreed()


def test_signal_before_the_exchange(exchange):
    with GracefulStop() as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.agreed() and stop.number == signal.SIGTERM


def test_signal_of_the_other_rank(monkeypatch, exchange):
    monkeypatch.setattr(
        graceful_stop,
        'all_reduce',
        lambda number, op: number.fill_(signal.SIGTERM),
    )
    with GracefulStop() as stop:
        assert stop.agreed() and stop.number == signal.SIGTERM
