"""A training whose loader workers have ended."""

import os
import signal
from multiprocessing.connection import Client, Pipe
from types import SimpleNamespace

import pytest

from fer_ssl.engine.graceful_stop import StopRequest
from fer_ssl.engine.loops.resumable_loop import ResumableLoop


def of_closed_socket(folder):
    Client(str(folder / 'gone'), 'AF_UNIX')


def of_lost_connection(folder):
    ours, other = Pipe()
    other.close()
    ours.recv()


def of_missing_file(folder):
    open(str(folder / 'face.png'))


def of_missing_file_in_worker(folder):
    raise FileNotFoundError('Caught FileNotFoundError in DataLoader worker')


ERRORS = [
    of_closed_socket,
    of_lost_connection,
    of_missing_file,
    of_missing_file_in_worker,
]


@pytest.fixture(params=['training', 'validation'])
def load(request, tmp_path):
    """Function by which a loader fails, after a signal or without."""

    def load(fail, number=None):
        def batches():
            if number is not None:
                os.kill(os.getpid(), number)
            yield fail(tmp_path)

        loop = ResumableLoop()
        loop.runner = SimpleNamespace(
            optim_wrapper=SimpleNamespace(
                _inner_count=0, _accumulative_counts=1
            ),
            val_loop=SimpleNamespace(run=lambda: next(batches())),
        )
        loop.val_begin = loop.val_interval = 1
        loop._decide_current_val_interval = lambda: None
        with loop.stop:
            if request.param == 'training':
                loop.next_batch(batches())
            else:
                loop.validate_if_due(1, 1)

    return load


@pytest.mark.parametrize('fail', ERRORS)
@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_after_a_signal_the_state_is_saved(load, fail, number):
    with pytest.raises(StopRequest):
        load(fail, number)


@pytest.mark.parametrize('fail', ERRORS[:2])
def test_killed_workers_are_named(load, fail, monkeypatch):
    monkeypatch.setattr('time.sleep', lambda _: None)
    with pytest.raises(
        RuntimeError, match='DataLoader worker .* has closed its connection'
    ):
        load(fail)


def test_a_missing_file_is_reported_as_it_is(load, tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        load(of_missing_file)
    assert caught.value.filename == str(tmp_path / 'face.png')
    with pytest.raises(FileNotFoundError, match='^Caught FileNotFound'):
        load(of_missing_file_in_worker)
