"""ThreadPool and its workers, with handlers written for the test."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from producers import DeliveryError
from producers.outbox import Counts, JobData, Queue, QueueConfig, ThreadPool, Worker, WorkerBase

Eventually = Callable[..., None]


class Recorder:
    """A handler that remembers, and raises what it is told to, once each."""

    def __init__(self, *errors: Exception) -> None:
        self.handled: list[tuple[str, JobData | None]] = []
        self._errors = list(errors)
        self._lock = threading.Lock()

    def __call__(self, job_id: str, data: JobData | None) -> None:
        with self._lock:
            self.handled.append((job_id, data))
            if self._errors:
                raise self._errors.pop(0)


@contextmanager
def pool_of(
    threads: int, handler: Callable[..., None], config: QueueConfig, worker: type[WorkerBase] = Worker
) -> Iterator[ThreadPool]:
    pool = ThreadPool(threads, handler, config, worker=worker)
    try:
        yield pool
    finally:
        assert pool.stop()


def test_a_pool_handles_every_job_once(queue: Queue, config: QueueConfig, eventually: Eventually) -> None:
    before = queue.put_many([{"n": number} for number in range(50)])
    handler = Recorder()
    with pool_of(4, handler, config) as pool:
        after = [queue.put({"n": 50 + number}) for number in range(50)]
        eventually(lambda: pool.queue.counts() == Counts())
    assert sorted(job_id for job_id, _ in handler.handled) == sorted(before + after)
    assert sorted(data["n"] for _, data in handler.handled if data is not None) == list(range(100))


def test_a_job_whose_handler_raises_fails_and_the_next_one_is_handled(
    queue: Queue, config: QueueConfig, eventually: Eventually
) -> None:
    queue.put_many([{"n": 0}, {"n": 1}])
    with pool_of(1, Recorder(ZeroDivisionError("by nought")), config):
        eventually(lambda: queue.counts() == Counts(failed=1))
    [failed] = queue.failed()
    assert failed.job.data == {"n": 0}
    assert failed.reason == "ZeroDivisionError: by nought"


def test_a_job_whose_destination_is_away_is_tried_again_under_its_id(
    queue: Queue, config: QueueConfig, eventually: Eventually
) -> None:
    job_id = queue.put({"n": 0})
    handler = Recorder(DeliveryError([("e", "away")], 1), DeliveryError([("e", "away")], 1))
    with pool_of(1, handler, config):
        eventually(lambda: queue.counts() == Counts())
    assert [each for each, _ in handler.handled] == [job_id] * 3


def test_hooks_run_around_each_job_in_its_thread(
    queue: Queue, config: QueueConfig, eventually: Eventually
) -> None:
    said: list[tuple[str, str]] = []

    class Hooked(WorkerBase):
        def before_job_hook(self) -> None:
            said.append(("before", threading.current_thread().name))

        def after_job_hook(self) -> None:
            said.append(("after", threading.current_thread().name))

    def handler(_job_id: str, data: JobData | None) -> None:
        said.append(("job", threading.current_thread().name))
        assert data == {"n": 0}

    queue.put_many([{"n": 0}, {"n": 1}])
    with pool_of(1, handler, config, worker=Hooked) as pool:
        eventually(lambda: queue.counts() == Counts(failed=1))
        name = pool.workers[0].name
    assert said == [(step, name) for step in ("before", "job", "after")] * 2


def test_hooks_that_raise_do_not_end_a_worker(
    queue: Queue, config: QueueConfig, eventually: Eventually
) -> None:
    class Broken(WorkerBase):
        def before_job_hook(self) -> None:
            if self.queue.counts().failed == 0:
                raise RuntimeError("before")

        def after_job_hook(self) -> None:
            raise RuntimeError("after")

    queue.put_many([{"n": 0}, {"n": 1}])
    handler = Recorder()
    with pool_of(1, handler, config, worker=Broken):
        eventually(lambda: queue.counts() == Counts(failed=1))
    assert [data for _, data in handler.handled] == [{"n": 1}]


def test_a_handler_cannot_end_its_worker(queue: Queue, config: QueueConfig, eventually: Eventually) -> None:
    def leave(_job_id: str, _data: JobData | None) -> None:
        raise SystemExit(3)

    queue.put_many([{"n": 0}, {"n": 1}])
    with pool_of(1, leave, config):
        eventually(lambda: queue.counts() == Counts(failed=2))
    assert queue.failed()[0].reason == "SystemExit: 3"


def test_stopping_finishes_what_is_being_done_and_leaves_the_rest(queue: Queue, config: QueueConfig) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def handler(_job_id: str, _data: JobData | None) -> None:
        begun.set()
        go_on.wait(30)

    queue.put_many([{"n": 0}, {"n": 1}])
    pool = ThreadPool(1, handler, config)
    assert begun.wait(30)
    assert not pool.stop(timeout=0.05)
    assert queue.counts() == Counts(todo=1, doing=1)
    go_on.set()
    assert pool.stop()
    assert queue.counts() == Counts(todo=1)


def test_a_pool_waits_for_its_file_to_be_writable_again(
    queue: Queue, config: QueueConfig, eventually: Eventually, tmp_path: Path
) -> None:
    queue.put({"n": 0})
    queue.close()
    aside, directory, link = tmp_path / "aside", tmp_path / "directory", tmp_path / "link"
    path = Path(str(config.path))
    path.rename(aside)
    directory.mkdir()
    path.symlink_to(directory)
    link.symlink_to(aside)
    handler = Recorder()
    with pool_of(1, handler, config):
        assert handler.handled == []
        link.replace(path)  # at once: where no file is for a moment, the pool makes one
        eventually(lambda: queue.counts() == Counts())
    assert len(handler.handled) == 1


def test_a_pool_in_a_forked_child_does_what_its_parent_put(queue: Queue, config: QueueConfig) -> None:
    queue.put_many([{"n": number} for number in range(20)])
    child = os.fork()
    if child == 0:
        left = threading.Event()
        handler = Recorder()
        with ThreadPool(2, handler, config):
            while queue.counts() != Counts():
                left.wait(0.02)
        os._exit(0 if len(handler.handled) == 20 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert queue.counts() == Counts()


def test_a_pool_needs_a_thread(config: QueueConfig) -> None:
    with pytest.raises(ValueError, match="one thread at least"):
        ThreadPool(0, Recorder(), config)


def test_what_was_done_is_noted_once_the_file_can_be_written_again_and_not_done_anew(
    queue: Queue,
    config: QueueConfig,
    eventually: Eventually,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    path, aside = Path(str(config.path)), tmp_path / "aside"
    handled: list[str] = []

    def handler(job_id: str, _data: JobData | None) -> None:
        handled.append(job_id)
        queue._spool._database.close()
        path.rename(aside)
        path.mkdir()

    queue.put({"n": 0})
    with pool_of(1, handler, config):
        eventually(lambda: "is not noted yet" in caplog.text)
        path.rmdir()
        aside.rename(path)
        eventually(lambda: queue.counts() == Counts())
    assert len(handled) == 1
