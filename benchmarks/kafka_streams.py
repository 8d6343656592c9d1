"""Makes the Kafka Streams peer: jars by jgo, classes by ecj, both on the Java the embedded Kafka runs on."""

from collections.abc import Sequence
from typing import Final

from benchmarks.command import say
from benchmarks.environments import PEERS, fingerprint, run_to_end
from benchmarks.errors import PeerSetupError
from deploy.errors import JarsError
from deploy.local.jars import KAFKA_VERSION, JarSet, jars_of
from deploy.local.java import Java, bundled_java
from deploy.settings import LocalSettings

HOME: Final = PEERS / "kafka_streams"
_CLASSES: Final = HOME / ".classes"
_RELEASE: Final = "21"

_JARS: Final = JarSet(
    name=f"kafka-streams-{KAFKA_VERSION}",
    title=f"Kafka Streams {KAFKA_VERSION}",
    size_mb=85,
    coordinates=(
        f"org.apache.kafka:kafka-streams:{KAFKA_VERSION}",
        "org.slf4j:slf4j-simple:1.7.36!",
        "org.eclipse.jdt:ecj:3.44.0!",
    ),
)


def kafka_streams(guarantee: str) -> Sequence[str]:
    """The command that runs it under a processing guarantee; what is missing of it is made.

    Raises:
        PeerSetupError: they could not be.
    """
    try:
        java = bundled_java()
        jars = jars_of(_JARS, LocalSettings().cache_dir, java.home, say)
    except JarsError as error:
        raise PeerSetupError(str(error)) from error
    class_path = ":".join(map(str, jars))
    _compile(java, class_path)
    return (
        str(java.launcher),
        "-Xmx1g",
        "-XX:-UsePerfData",
        # RocksDB and the codecs load native libraries, which Java 24 and later warn of unless told.
        "--enable-native-access=ALL-UNNAMED",
        "--sun-misc-unsafe-memory-access=allow",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
        "-cp",
        f"{_CLASSES}:{class_path}",
        "MetersTopology",
        guarantee,
    )


def _compile(java: Java, class_path: str) -> None:
    sources = sorted(HOME.glob("*.java"))
    needed = fingerprint(class_path, *(source.read_text() for source in sources))
    stamp = _CLASSES / "made-of"
    if stamp.is_file() and stamp.read_text() == needed:
        return
    say("compiling the Kafka Streams peer, once")
    compiler = [str(java.launcher), "-cp", class_path, "org.eclipse.jdt.internal.compiler.batch.Main"]
    options = ["-nowarn", "-source", _RELEASE, "-target", _RELEASE, "-cp", class_path, "-d", str(_CLASSES)]
    run_to_end([*compiler, *options, *map(str, sources)])
    stamp.write_text(needed)
