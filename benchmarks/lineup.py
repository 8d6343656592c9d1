"""Who is measured: every contestant has a name, a command and an environment of its own."""

import sys
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from benchmarks.arena import Arena
from benchmarks.cell_log import increment
from benchmarks.environments import PEERS, Environment
from benchmarks.kafka_streams import kafka_streams
from benchmarks.peer_round import Peer, Reads
from benchmarks.publishing import Published
from benchmarks.rounds import Round
from benchmarks.worker_round import Worker

WORKER: Final = "Meterstream worker"
PLAIN_AGENT: Final = "plain Faust agent"
BARE_LOOPS: Final = ("bare loop, confluent-kafka", "bare loop, aiokafka")
KAFKA_STREAMS: Final = ("Kafka Streams, at least once", "Kafka Streams, exactly once v2")


class Entrant(Protocol):
    """Whoever takes part."""

    @property
    def name(self) -> str: ...
    def prepare(self) -> None: ...
    def measure(self, published: Published, arena: Arena) -> Round: ...


# The worker with a guarantee less is one more line here each: Worker("…, without …", {"METERSTREAM_…": "…"}).
WORKERS: Final = (Worker(WORKER),)


def _python(name: str, program: str, *arguments: str) -> Callable[[], Sequence[str]]:
    environment = Environment(name)
    return lambda: (environment.python(), str(environment.directory / program), *arguments)


def _faust() -> Sequence[str]:
    worker = ("-m", "faust", "-A", "plain_agent", "worker", "-l", "info", "--without-web")
    return (sys.executable, *worker)


def _bytewax() -> Sequence[str]:
    environment = Environment("bytewax_flow")
    flow = environment.directory / "meters_flow.py"
    return (environment.python(), "-m", "bytewax.run", f"{flow}:flow")


_FAUST_PATH: Final = {"PYTHONPATH": f"{PEERS}:{PEERS / 'faust_agent'}"}

PEERS_MEASURED: Final = (
    Peer(PLAIN_AGENT, _faust, _FAUST_PATH, reads=Reads.FIRST),
    Peer(BARE_LOOPS[0], _python("bare_loops", "confluent_loop.py"), combine=increment),
    Peer(BARE_LOOPS[1], _python("bare_loops", "aiokafka_loop.py"), combine=increment),
    Peer(KAFKA_STREAMS[0], lambda: kafka_streams("at_least_once")),
    Peer(KAFKA_STREAMS[1], lambda: kafka_streams("exactly_once_v2")),
    Peer("consume only, confluent-kafka", _python("bare_loops", "confluent_floor.py"), only_reads=True),
    Peer("consume only, aiokafka", _python("bare_loops", "aiokafka_floor.py"), only_reads=True),
    Peer("ClickHouse engine, 3 views", _python("clickhouse_engine", "meters_engine.py", "views")),
    Peer("ClickHouse engine, raw blocks", _python("clickhouse_engine", "meters_engine.py", "blocks")),
    Peer("Bytewax", _bytewax),
    Peer("Quix Streams", _python("quix_streams", "meters_app.py")),
)

LINEUP: Final[tuple[Entrant, ...]] = (*WORKERS, *PEERS_MEASURED)
