"""The launcher: python -m flambeau.distributed.run --nproc-per-node 2 program.py arguments...

Takes torchrun's arguments for one machine. The processes find RANK, LOCAL_RANK, WORLD_SIZE, LOCAL_WORLD_SIZE,
MASTER_ADDR and MASTER_PORT in their environment, and `import torch` gives flambeau.
"""

import argparse
import os
import shutil
import subprocess
import sys
import uuid

__all__ = ["main"]


def _parser():
    parser = argparse.ArgumentParser(
        "flambeau.distributed.run", description=__doc__.splitlines()[0]
    )
    add = parser.add_argument
    add(
        "--nproc-per-node",
        "--nproc_per_node",
        default="1",
        help="processes; 'auto' and 'cpu': one a core",
    )
    add("--nnodes", default="1", help="1: several machines are mpiexec's matter")
    add(
        "--max-restarts",
        "--max_restarts",
        type=int,
        default=0,
        help="how often all start anew after one fails",
    )
    add("--standalone", action="store_true", help="accepted; one machine is meant anyway")
    add("--master-addr", "--master_addr", default="127.0.0.1")
    add("--master-port", "--master_port", default="29500")
    add("-m", "--module", action="store_true", help="the program is a module")
    add("program")
    add("arguments", nargs=argparse.REMAINDER)
    return parser


def _mpiexec():
    """The mpiexec that belongs to this Python, or the first on the path."""
    beside = os.path.join(os.path.dirname(sys.executable), "mpiexec")
    found = beside if os.path.exists(beside) else shutil.which("mpiexec")
    if found is None:
        raise SystemExit(
            "flambeau.distributed.run: needs mpiexec: pip install flambeau[distributed]"
        )
    return found


def main(argv=None):
    """Starts the processes; the exit status of the first that failed."""
    options = _parser().parse_args(argv)
    if options.nnodes not in ("1", "1:1"):
        raise SystemExit(
            f"flambeau.distributed.run: --nnodes {options.nnodes}: start several machines by mpiexec."
        )
    count = options.nproc_per_node
    count = os.cpu_count() if count in ("auto", "cpu") else int(count)
    command = [_mpiexec(), "-n", str(count), sys.executable, "-m", "flambeau.distributed.worker"]
    command += (["-m"] if options.module else []) + [options.program, *options.arguments]
    environment = {
        **os.environ, "MASTER_ADDR": options.master_addr, "MASTER_PORT": options.master_port,
        "TORCHELASTIC_RUN_ID": uuid.uuid4().hex,
    }  # fmt: skip
    for attempt in range(options.max_restarts + 1):
        environment["TORCHELASTIC_RESTART_COUNT"] = str(attempt)
        status = subprocess.run(command, env=environment, check=False).returncode
        if status == 0:
            return 0
        sys.stderr.write(f"flambeau.distributed.run: a process ended with status {status}.\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
