"""One process that run.py has started: runs the program with flambeau in the place of torch."""

import contextlib
import ctypes
import os
import signal
import sys
import traceback


def main():
    """Runs the program in sys.argv."""
    _end_with_launcher()
    from ..__main__ import main as run_program

    try:
        run_program(sys.argv[1:])
    except SystemExit as error:
        if error.code not in (None, 0):
            sys.stderr.write(f"rank {os.environ['RANK']} ends with {error.code}\n")
        raise
    except BaseException:
        sys.stderr.write(
            f"rank {os.environ['RANK']} of {os.environ['WORLD_SIZE']}:\n{traceback.format_exc()}"
        )
        sys.stderr.flush()
        sys.exit(1)


def _end_with_launcher():
    """Lets the kernel end this process when the launcher is killed (Linux: prctl)."""
    parent = os.getppid()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:
        sys.exit(1)


if __name__ == "__main__":
    main()
