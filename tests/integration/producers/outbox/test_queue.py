"""Queue on a real file."""

import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from producers import InvalidEventError
from producers.outbox import (
    Counts,
    OutboxError,
    OutboxFullError,
    ProjectReference,
    ProjectTokenModel,
    Queue,
    QueueConfig,
    TokenContext,
    aadd_job_to_queue_for_token,
    add_job_to_queue_for_token,
    build_job_data,
)


def test_jobs_are_taken_in_the_order_they_were_put(queue: Queue) -> None:
    ids = [queue.put({"n": number}) for number in range(3)]
    assert queue.counts() == Counts(todo=3)
    first, second = queue.take(2)
    assert [first.job_id, second.job_id] == ids[:2]
    assert (first.data, first.attempts) == ({"n": 0}, 1)
    assert queue.counts() == Counts(todo=1, doing=2)


def test_a_done_job_is_gone_and_a_failed_one_stays_with_its_reason(queue: Queue) -> None:
    queue.put_many([{"n": 0}, {"n": 1}])
    done, failed = queue.take(2)
    queue.done(done.job_id)
    queue.fail(failed.job_id, "ValueError: no")
    assert queue.counts() == Counts(failed=1)
    [seen] = queue.failed()
    assert (seen.job.job_id, seen.job.data, seen.reason) == (failed.job_id, {"n": 1}, "ValueError: no")


def test_a_failed_job_is_retried_or_discarded_when_asked_to(queue: Queue) -> None:
    queue.put_many([{"n": number} for number in range(3)])
    for job in queue.take(3):
        queue.fail(job.job_id, "no")
    [first, *_] = queue.failed()
    assert queue.retry_failed([first.job.job_id]) == 1
    assert queue.counts() == Counts(todo=1, failed=2)
    assert queue.discard_failed() == 2
    assert [job.data for job in queue.take(9)] == [{"n": 0}]


def test_a_job_given_back_has_its_old_place(queue: Queue) -> None:
    queue.put_many([{"n": 0}, {"n": 1}])
    [job] = queue.take()
    queue.give_back(job.job_id)
    [again, _] = queue.take(2)
    assert (again.job_id, again.attempts) == (job.job_id, 2)


def test_what_is_not_being_done_cannot_be_done(queue: Queue) -> None:
    job_id = queue.put({"n": 0})
    queue.done(job_id)
    queue.fail(job_id, "no")
    assert queue.counts() == Counts(todo=1)


def test_a_put_that_is_repeated_with_its_id_adds_nothing(queue: Queue) -> None:
    assert queue.put({"n": 0}, job_id="mine") == queue.put({"n": 0}, job_id="mine") == "mine"
    assert queue.counts() == Counts(todo=1)


@pytest.mark.parametrize("data", [[1], "text", None, {"n": object()}, {"n": {1}}, {1: "a"}, {"n": "\ud800"}])
def test_data_that_json_has_no_form_for_is_refused(queue: Queue, data: Any) -> None:
    with pytest.raises(TypeError):
        queue.put(data)
    assert queue.counts() == Counts()


def test_an_event_that_no_meter_could_count_is_refused_when_it_is_put(queue: Queue) -> None:
    event = {"tenant_id": "t", "customer_id": "c", "event_name": "pages"}
    with pytest.raises(InvalidEventError, match="tenant_id"):
        queue.put_usage(event, event | {"tenant_id": ""})
    assert queue.counts() == Counts()
    assert queue.put_usage(event | {"event_id": "mine"}) == ["mine"]
    assert queue.counts() == Counts(todo=1)


def test_many_threads_put_and_take_at_once_and_each_job_is_taken_once(queue: Queue) -> None:
    taken: list[str] = []
    put: list[str] = []

    def work() -> None:
        for number in range(40):
            put.append(queue.put({"n": number}))
            jobs = queue.take(3)
            taken.extend(job.job_id for job in jobs)
            queue.done(*(job.job_id for job in jobs))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken += [job.job_id for job in queue.take(1_000)]
    assert sorted(taken) == sorted(put)
    assert len(set(put)) == 320


_PUTTING = """
import sys
from producers.outbox import Queue, QueueConfig
queue = Queue(QueueConfig(sys.argv[1]))
for number in range(50):
    print(queue.put({"n": number}))
"""


def test_many_processes_put_into_a_file_that_none_of_them_made(config: QueueConfig) -> None:
    command = [sys.executable, "-c", _PUTTING, str(config.path)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    put = [line for process in processes for line in process.communicate(timeout=120)[0].split()]
    assert sorted(job.job_id for job in Queue(config).take(1_000)) == sorted(put)
    assert len(set(put)) == 200


def test_a_forked_child_and_its_parent_both_go_on(queue: Queue) -> None:
    stop = threading.Event()
    put: list[str] = []

    def keep_putting() -> None:
        while not stop.is_set():
            put.append(queue.put({"by": "thread"}))

    thread = threading.Thread(target=keep_putting)
    thread.start()
    for _ in range(10):
        child = os.fork()
        if child == 0:
            queue.put({"by": "child"})
            os._exit(0)
        queue.put({"by": "parent"})
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    stop.set()
    thread.join()
    makers = [job.data["by"] for job in queue.take(1_000_000)]
    assert (makers.count("child"), makers.count("parent"), makers.count("thread")) == (10, 10, len(put))
    assert queue._spool._database.rows("PRAGMA integrity_check") == [("ok",)]


def test_what_a_parent_is_doing_is_not_taken_from_it_by_its_child(queue: Queue) -> None:
    queue.put_many([{"n": 0}, {"n": 1}])
    [mine] = queue.take()
    child = os.fork()
    if child == 0:
        [its] = queue.take()
        os._exit(0 if queue.recover() == 0 and its.job_id != mine.job_id else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert queue.recover() == 1  # what the child was doing when it ended
    assert queue.counts() == Counts(todo=1, doing=1)


_TAKING = """
import os, sys
from producers.outbox import Queue, QueueConfig
queue = Queue(QueueConfig(sys.argv[1]))
print(len(queue.take(2)), flush=True)
sys.stdin.read()
"""


def test_jobs_of_a_process_are_its_own_until_it_dies(queue: Queue, config: QueueConfig) -> None:
    queue.put_many([{"n": number} for number in range(3)])
    command = [sys.executable, "-c", _TAKING, str(config.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "2\n"
        assert queue.recover() == 0
        assert queue.counts() == Counts(todo=1, doing=2)
        process.kill()
    assert queue.recover() == 2
    assert queue.counts() == Counts(todo=3)
    assert list(Path(str(config.path)).parent.glob("*.owner-*")) == []


def test_a_full_outbox_refuses_and_can_still_be_emptied(tmp_path: Path) -> None:
    queue = Queue(QueueConfig(tmp_path / "small.sqlite3", max_bytes=200_000))
    stored: list[str] = []
    with pytest.raises(OutboxFullError, match="takes no more jobs"):
        stored.extend(queue.put({"text": "x" * 1_000}) for _ in range(1_000))
    assert queue.counts() == Counts(todo=len(stored))
    jobs = queue.take(len(stored))
    assert [job.job_id for job in jobs] == stored
    queue.done(*stored)
    queue.put({"text": "x" * 1_000})
    assert queue.counts() == Counts(todo=1)


def test_a_file_that_is_no_outbox_is_left_alone(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("not a database, and long enough to be read as one" * 50)
    with pytest.raises(OutboxError, match=r"notes\.txt is no outbox"):
        Queue(QueueConfig(text)).put({})
    other = tmp_path / "other.sqlite3"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE mine (a)")
    connection.close()
    with pytest.raises(OutboxError, match="another program's"):
        Queue(QueueConfig(other)).put({})
    assert "not a database" in text.read_text()


def test_a_file_of_a_newer_release_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "newer.sqlite3"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(OutboxError, match="upgrade"):
        Queue(QueueConfig(path)).put({})


def test_a_place_where_no_file_can_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutboxError, match="METERSTREAM_OUTBOX_PATH"):
        Queue(QueueConfig(tmp_path / "file" / "outbox.sqlite3")).put({})


def test_requests_are_counted_in_the_outbox_of_the_settings(default_outbox: Queue) -> None:
    reference = ProjectReference(organization_id=7, project_id=12)
    token = ProjectTokenModel(reference=reference, context=TokenContext(source="js-sdk"))
    assert add_job_to_queue_for_token(token, "MAPS", "load") is None
    assert add_job_to_queue_for_token(token, "STORES", "import", count=435) is None
    internal = ProjectTokenModel(reference=reference, context=TokenContext(should_count=False))
    assert add_job_to_queue_for_token(internal, "MAPS", "load") is None
    jobs = [dict(job.data) for job in default_outbox.take(9)]
    assert jobs == [
        build_job_data("MAPS", "load", reference, timestamp=jobs[0]["ts"], source="js-sdk"),
        build_job_data("STORES", "import", reference, counter=435, timestamp=jobs[1]["ts"], source="js-sdk"),
    ]


async def _count(token: ProjectTokenModel) -> None:
    await aadd_job_to_queue_for_token(token, "MAPS", "load")


@pytest.mark.asyncio
async def test_requests_are_counted_without_blocking_the_loop(default_outbox: Queue) -> None:
    token = ProjectTokenModel(reference=ProjectReference(organization_id=7, project_id=12))
    await _count(token)
    assert default_outbox.counts() == Counts(todo=1)


def test_a_closed_queue_opens_again(queue: Queue) -> None:
    queue.put({"n": 0})
    queue.close()
    assert queue.counts() == Counts(todo=1)
