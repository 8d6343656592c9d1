"""Only reads the events, on aiokafka: what any loop on it costs before it does anything."""

import gc

import uvloop
from aiokafka_clients import clients
from task import Task

_BATCH = 10_000
_WAIT_MS = 50


async def main() -> None:
    """Read until all events are there, say so in one row, and wait to be ended."""
    task = Task.given()
    read = 0
    gc.disable()
    async with clients(task) as (consumer, producer):
        while True:
            batches = await consumer.getmany(timeout_ms=_WAIT_MS, max_records=_BATCH)
            if not batches:
                continue
            read += sum(map(len, batches.values()))
            if read >= task.events:
                task.tell_all_read()
                await producer.send_and_wait(task.output, b"read|||0|%d" % min(read, task.events))


if __name__ == "__main__":
    uvloop.run(main())
