"""One process that run.py has started: its place in the environment, then the program."""

import os
import sys


def main():
    """Runs the program in sys.argv. Where it fails, all processes end."""
    from mpi4py import MPI

    rank, size = MPI.COMM_WORLD.rank, MPI.COMM_WORLD.size
    place = {
        "RANK": rank,
        "LOCAL_RANK": rank,
        "GROUP_RANK": 0,
        "WORLD_SIZE": size,
        "LOCAL_WORLD_SIZE": size,
    }
    os.environ.update({name: str(value) for name, value in place.items()})
    from ..__main__ import main as run_program

    try:
        run_program(sys.argv[1:])
    except SystemExit as error:
        if error.code not in (None, 0):
            sys.stderr.write(f"rank {rank} ends with {error.code}\n")
            sys.stderr.flush()
            MPI.COMM_WORLD.Abort(error.code if isinstance(error.code, int) else 1)
    except BaseException:
        import traceback

        sys.stderr.write(f"rank {rank} of {size}:\n{traceback.format_exc()}")
        sys.stderr.flush()
        MPI.COMM_WORLD.Abort(1)


if __name__ == "__main__":
    main()
