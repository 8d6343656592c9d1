"""`meterstream up` with small stand-ins for the parts that do the metering: `standin_up.py [PART PROGRAM]`.

Without arguments there are two: `consumer`, a real member of a consumer group, and `sleeper`, which needs
nothing. With arguments there is one part of that name that runs that Python program and never becomes ready.
"""

import sys

from deploy.local.endpoints import Endpoints
from deploy.local.part import Part
from deploy.local.parts import Surroundings, environment
from deploy.local.process import Command
from deploy.local.readiness import joins_group
from deploy.local.statedir import StateDir
from deploy.local.up import Pipeline, run
from deploy.settings import LocalSettings
from deploy.topics import apply_topics

CONSUMER = """
import os, signal, sys
from confluent_kafka import Consumer

instance = os.environ["METERSTREAM_CONSUMER_GROUP_INSTANCE_ID"]
consumer = Consumer({
    "bootstrap.servers": os.environ["METERSTREAM_KAFKA_BOOTSTRAP_SERVERS"],
    # A group of its own: stacks of several tests share a broker.
    "group.id": instance,
    "group.instance.id": instance,
    "session.timeout.ms": 30_000,
})
consumer.subscribe(["usage-events"])
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
while True:
    consumer.poll(0.1)
"""

SLEEPER = "import signal; signal.pause()"


def prepare(settings: LocalSettings, endpoints: Endpoints) -> None:
    apply_topics(endpoints.kafka_bootstrap_servers, partitions=settings.partitions)


def stand_ins(around: Surroundings, _state: StateDir) -> list[Part]:
    told = environment("consumer", around)
    servers, group = around.kafka_bootstrap_servers, told["METERSTREAM_CONSUMER_GROUP_INSTANCE_ID"]
    consumer = Command([sys.executable, "-c", CONSUMER], told)
    sleeper = Command([sys.executable, "-c", SLEEPER])
    return [
        Part("consumer", consumer, watch=lambda: joins_group(servers, group)),
        Part("sleeper", sleeper, watch=lambda: lambda: True),
    ]


def named(name: str, program: str) -> list[Part]:
    return [Part(name, Command([sys.executable, "-c", program]), watch=lambda: lambda: False)]


if __name__ == "__main__":
    arguments = sys.argv[1:]
    parts = (lambda *_: named(*arguments)) if arguments else stand_ins
    sys.exit(run(LocalSettings(), Pipeline(prepare, parts)))
