"""Compiles the stream's core with mypyc, in place and from its own sources: `make native`.

Python takes a compiled module before the source beside it, so nothing else changes: who has no C compiler,
or removes what was built (`make clean-native`), runs the same code interpreted, about a quarter slower.
"""

from pathlib import Path
from typing import Final

from mypyc.build import mypycify
from setuptools import setup

ROOT: Final = Path(__file__).parent
MODULES: Final = (
    "accounting",
    "aggregation",
    "chunks",
    "decoding",
    "deduplication",
    "matching",
    "numbers",
    "runs",
    "timestamps",
    "windows",
)
"""What every event passes through."""


def main() -> None:
    """Build the modules beside their sources; ends with the compiler's words where it fails."""
    sources = [str(Path("stream", "core", f"{module}.py")) for module in MODULES]
    setup(
        name="meterstream-core",
        packages=[],
        ext_modules=mypycify(sources, opt_level="3", group_name="meterstream_core"),
        script_args=["--quiet", "build_ext", "--inplace", "--build-temp", "build"],
    )


if __name__ == "__main__":
    main()
