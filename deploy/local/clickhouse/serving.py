"""The process of the embedded ClickHouse: its options, its signals, its end."""

import argparse
import asyncio
import contextlib
import ctypes
import logging
import os
import resource
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from aiohttp import web

from deploy.local.clickhouse.access import Access
from deploy.local.clickhouse.drain import Drain
from deploy.local.clickhouse.errors import EmbeddedClickHouseError

log = logging.getLogger("clickhouse")

_HOST: Final = "127.0.0.1"
_GRACE_SECONDS: Final = 4.0
_CLOSING_SECONDS: Final = 0.5
_PARENT_CHECK_SECONDS: Final = 0.5
_PR_SET_PDEATHSIG: Final = 1
_FILES: Final = 10_240
"""More than macOS grants a process are refused there."""
_LONGEST_LINE: Final = 1 << 20
"""Queries may stand in the URL, as long as a ClickHouse server allows it to be."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to serve; `parent` is the pid whose end is ours too, None for nobody's."""

    path: Path
    host: str
    port: int
    database: str
    user: str
    password: str
    parent: int | None


def main() -> NoReturn:
    """Serve until SIGTERM or SIGINT; the exit status is 0 then, 1 where the server cannot start."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s %(message)s", level=logging.INFO)
    options = read_options(sys.argv[1:])
    _allow_files()
    try:
        asyncio.run(_serve(options))
    except (EmbeddedClickHouseError, OSError) as error:
        log.error("%s", error)
        _end(1)
    _end(0)


def read_options(arguments: Sequence[str]) -> Options:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.local.clickhouse", description="Serve ClickHouse from this process."
    )
    parser.add_argument("--path", type=Path, required=True, help="data directory, made where it is not there")
    parser.add_argument("--port", type=int, required=True, help="port of the HTTP interface")
    parser.add_argument("--host", default=_HOST, help="address to listen on (default: %(default)s)")
    parser.add_argument("--database", default="default", help="made at start; requests that name none use it")
    parser.add_argument("--user", default="default")
    parser.add_argument("--password", default="")
    parser.add_argument("--exit-with-parent", action="store_true", help="end when the starting process does")
    given = vars(parser.parse_args(arguments))
    return Options(parent=os.getppid() if given.pop("exit_with_parent") else None, **given)


async def _serve(options: Options) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    if options.parent is not None:
        watcher = asyncio.create_task(_stop_with_parent(options.parent, stop))
    drain = Drain()
    runner = await _start(options, drain)
    site = web.TCPSite(runner, options.host, options.port)
    await site.start()
    log.info("Ready for connections on http://%s:%d, data in %s", options.host, options.port, options.path)
    await stop.wait()
    if options.parent is not None:
        watcher.cancel()
    await site.stop()
    await drain.finish(_GRACE_SECONDS)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(runner.cleanup(), _CLOSING_SECONDS)
    # Not by returning: that would wait for threads which may be in the engine for long.
    _end(0)


async def _start(options: Options, drain: Drain) -> web.AppRunner:
    # Loading the engine takes a second; until then only the signals and the parent are looked after.
    from deploy.local.clickhouse.engine import Engine
    from deploy.local.clickhouse.server import ClickHouseServer

    engine = Engine(options.path, options.database)
    server = ClickHouseServer(engine, Access(options.user, options.password))
    runner = web.AppRunner(
        server.application(drain),
        access_log=None,
        auto_decompress=False,
        max_line_size=_LONGEST_LINE,
        max_field_size=_LONGEST_LINE,
        shutdown_timeout=_CLOSING_SECONDS,
    )
    await runner.setup()
    return runner


async def _stop_with_parent(parent: int, stop: asyncio.Event) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    # The kernel says nothing of a parent that died before, nor does any kernel but Linux.
    while os.getppid() == parent:  # noqa: ASYNC110 - nothing could set an event
        await asyncio.sleep(_PARENT_CHECK_SECONDS)
    stop.set()


def _allow_files() -> None:
    """Raise the limit of open files where it is low: the engine holds some for every thread and part."""
    granted, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if most == resource.RLIM_INFINITY else min(_FILES, most)
    if granted != resource.RLIM_INFINITY and granted < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def _end(status: int) -> NoReturn:
    """End at once: what was acknowledged is stored, and threads may still be in the engine."""
    logging.shutdown()
    os._exit(status)
