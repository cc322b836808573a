"""The launcher: python -m flambeau.distributed.run --nproc-per-node 2 program.py arguments...

Takes torchrun's arguments. The processes find RANK, LOCAL_RANK, WORLD_SIZE, LOCAL_WORLD_SIZE, MASTER_ADDR and
MASTER_PORT in their environment, and `import torch` gives flambeau. When one fails the others are ended, and all
start anew up to --max-restarts times. For several machines, call it on each with the same --rdzv-endpoint.
"""

import argparse
import os
import sys

from .elastic.multiprocessing.errors import ChildFailedError
from .launcher.api import LaunchConfig, launch_agent

__all__ = ["config_from_args", "get_args_parser", "main", "parse_args", "run"]


def get_args_parser():
    """The parser of the command line."""
    parser = argparse.ArgumentParser("flambeaurun", description=__doc__.splitlines()[0])

    def add(name, *short, **options):
        names = [*short, name]
        if "-" in name[2:]:
            names.append("--" + name[2:].replace("-", "_"))
        parser.add_argument(*names, **options)

    add("--nproc-per-node", default="1", help="processes; 'auto', 'cpu': one a core")
    add("--nnodes", default="1", help="machines: a number, or N:N")
    add("--rdzv-backend", default="static", help="c10d or static")
    add("--rdzv-endpoint", default="", help="HOST:PORT of the first machine")
    add("--rdzv-id", default="none", help="a name for the job")
    add("--rdzv-conf", default="", help="rank=N,timeout=SECONDS")
    add("--standalone", action="store_true", help="one machine and a free port")
    add("--max-restarts", type=int, default=0, help="how often all start anew after one fails")
    add("--monitor-interval", type=float, default=0.1, help="seconds between looks")
    add("--start-method", default="spawn", help="accepted; programs start as programs")
    add("--role", default="default", help="a name in the environment")
    add("--module", "-m", action="store_true", help="the program is a module")
    add("--no-python", action="store_true", help="the program is a command")
    add("--log-dir", default="", help="where redirected output goes")
    add("--redirects", "-r", default="0", help="1 output, 2 errors, 3 both to files; or RANK:N,...")
    add("--tee", "-t", default="0", help="as --redirects, and shown too")
    add("--local-ranks-filter", default="", help="whose output is shown: 0,1")
    add("--node-rank", type=int, default=None, help="this machine's number")
    add("--master-addr", default="127.0.0.1", help="the first machine")
    add("--master-port", type=int, default=None, help="a port there; 29500")
    parser.add_argument("training_script", metavar="program")
    parser.add_argument("training_script_args", metavar="arguments", nargs=argparse.REMAINDER)
    return parser


def parse_args(args):
    """The command line's values."""
    return get_args_parser().parse_args(args)


def config_from_args(args):
    """(LaunchConfig, command, its arguments) of parsed arguments."""
    count = args.nproc_per_node
    if count == "gpu":
        raise SystemExit("flambeau.distributed.run: --nproc-per-node gpu: this build has no GPU.")
    count = os.cpu_count() if count in ("auto", "cpu") else int(count)
    least, _, most = args.nnodes.partition(":")
    pairs = [part.split("=", 1) for part in args.rdzv_conf.split(",") if part]
    configs = {name: int(value) if value.isdigit() else value for name, value in pairs}
    endpoint = args.rdzv_endpoint
    if args.node_rank is not None:
        configs.setdefault("rank", args.node_rank)
    alone = int(most or least) == 1
    if not endpoint and not (alone and (args.standalone or args.master_port is None)):
        endpoint = f"{args.master_addr}:{args.master_port or 29500}"
    config = LaunchConfig(
        int(least), int(most or least), count, args.rdzv_id, args.role, "" if args.standalone else endpoint,
        args.rdzv_backend, configs, int(configs.get("timeout", -1)), args.max_restarts,
        args.monitor_interval, args.start_method, args.log_dir, _by_rank(args.redirects, count),
        _by_rank(args.tee, count),
        {int(rank) for rank in args.local_ranks_filter.split(",") if rank} or None,
    )  # fmt: skip
    if args.no_python:
        return config, args.training_script, args.training_script_args
    command = ["-u", "-m", "flambeau.distributed.worker", *(["-m"] if args.module else [])]
    return config, sys.executable, [*command, args.training_script, *args.training_script_args]


def _by_rank(text, count):
    """{local rank: what is redirected}: of "3" for all, or of "0:1,1:3"."""
    if ":" not in text:
        return dict.fromkeys(range(count), int(text)) if int(text) else {}
    return {int(rank): int(what) for rank, what in (part.split(":") for part in text.split(","))}


def run(args):
    """Starts the processes of parsed arguments.

    Raises:
        ChildFailedError: one failed, after all restarts.
    """
    config, command, arguments = config_from_args(args)
    os.environ.setdefault("OMP_NUM_THREADS", "1") if config.nproc_per_node > 1 else None
    launch_agent(config, command, arguments)


def main(args=None):
    """The command: its exit status, that of the first process that failed."""
    try:
        run(parse_args(args))
    except ChildFailedError as error:
        sys.stderr.write(f"flambeau.distributed.run: {error}\n")
        if not error.failures:
            return 1
        code = error.get_first_failure()[1].exitcode
        return code if code > 0 else 128 - code
    return 0


if __name__ == "__main__":
    sys.exit(main())
