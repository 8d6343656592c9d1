"""Becomes another program that dies with its parent: `python bound.py PARENT_PID PROGRAM ARGUMENT…`.

Run as a file of its own before the program takes its place under the same pid: the wish to die with the
parent survives exec, and the hook subprocess offers for this (preexec_fn) is not safe beside threads.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    parent = int(sys.argv[1])
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # The parent may have died before the kernel was asked to watch it.
    if os.getppid() != parent:
        sys.exit(f"the process {parent} that started this is gone")
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
