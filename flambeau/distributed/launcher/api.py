"""LaunchConfig, and the agent that starts processes and watches over them."""

import contextlib
import dataclasses
import datetime
import os
import signal
import socket
import tempfile
import time
import uuid

from ..elastic.multiprocessing.errors import ChildFailedError, ProcessFailure
from ..startup import remove_segments
from ..tcp_store import TCPStore
from .processes import Commands, Functions

__all__ = ["LaunchConfig", "elastic_launch", "launch_agent"]


@dataclasses.dataclass
class LaunchConfig:
    """How many processes are started, where they meet, and how often they may start anew.

    Attributes:
        min_nodes, max_nodes (int): the number of machines; both the same.
        nproc_per_node (int): processes on this machine.
        run_id (str): a name that all machines of the job give.
        rdzv_endpoint (str): HOST:PORT of the machine with node_rank 0; empty for this machine and a free port.
        rdzv_backend (str): "static" or "c10d", which are the same here.
        rdzv_configs (dict): "rank", this machine's number; without it, the order in which machines come.
        rdzv_timeout (int): how many seconds machines wait for each other; -1 for 900.
        max_restarts (int): how often all processes start anew after one fails.
        monitor_interval (float): seconds between two looks at the processes.
        start_method (str): of multiprocessing, for functions.
        log_dir (str), redirects, tee (dict): see launcher.processes.Commands.
    """

    min_nodes: int
    max_nodes: int
    nproc_per_node: int
    run_id: str = ""
    role: str = "default_role"
    rdzv_endpoint: str = ""
    rdzv_backend: str = "c10d"
    rdzv_configs: dict = dataclasses.field(default_factory=dict)
    rdzv_timeout: int = -1
    max_restarts: int = 3
    monitor_interval: float = 0.1
    start_method: str = "spawn"
    log_dir: str = ""
    redirects: dict = dataclasses.field(default_factory=dict)
    tee: dict = dataclasses.field(default_factory=dict)
    local_ranks_filter: set | None = None

    def __post_init__(self):
        if self.min_nodes != self.max_nodes:
            raise NotImplementedError(
                f"LaunchConfig: {self.min_nodes} to {self.max_nodes} machines: their number must be fixed."
            )
        if self.rdzv_backend not in ("static", "c10d", ""):
            raise ValueError(
                f"LaunchConfig: rdzv_backend {self.rdzv_backend!r} is not offered; 'c10d' and 'static' are."
            )
        if self.nproc_per_node < 1:
            raise ValueError(f"LaunchConfig: nproc_per_node is {self.nproc_per_node}; one or more.")


class elastic_launch:
    """elastic_launch(config, entrypoint)(*arguments): a function's results by rank, or a command's None.

    Raises:
        ChildFailedError: a process failed, after all restarts.
    """

    def __init__(self, config, entrypoint):
        self._config, self._entrypoint = config, entrypoint

    def __call__(self, *args):
        return launch_agent(self._config, self._entrypoint, list(args))


class _Meeting:
    """The store of the machines' agents, and this machine's number among them."""

    def __init__(self, config):
        host, _, port = config.rdzv_endpoint.partition(":")
        seconds = 900 if config.rdzv_timeout in (-1, None) else config.rdzv_timeout
        timeout = datetime.timedelta(seconds=seconds)
        self.host, rank = host or "127.0.0.1", config.rdzv_configs.get("rank")
        first = config.max_nodes == 1 or rank == 0
        if rank is None and not first:
            first = _is_here(host)
        try:
            self.store = TCPStore(self.host, int(port or 0), None, first, timeout)
        except RuntimeError:
            if rank is not None or not first:
                raise
            self.store = TCPStore(
                self.host, int(port), None, False, timeout
            )  # another agent here has it
        self.rank = self.store.add("nodes", 1) - 1 if rank is None else rank
        self.alone = config.max_nodes == 1

    def counts(self, config):
        """How many processes each machine has."""
        self.store.set(f"count/{self.rank}", str(config.nproc_per_node))
        return [int(self.store.get(f"count/{node}")) for node in range(config.max_nodes)]


def _is_here(host):
    """Whether a host is this machine: whether its address can be listened on."""
    with contextlib.suppress(OSError):
        family, _, _, _, address = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0]
        with socket.socket(family) as probe:
            probe.bind(address)
            return True
    return False


def launch_agent(config, entrypoint, args):
    """Runs a function or a command, by name or with `-u program.py`, in config's processes until all have ended."""
    meeting = _Meeting(config)
    run_id = config.run_id if config.run_id not in ("", "none") else uuid.uuid4().hex
    if meeting.rank == 0:
        meeting.store.set("run_id", run_id)
    run_id = meeting.store.get("run_id").decode()
    counts = meeting.counts(config)
    first, world_size = sum(counts[: meeting.rank]), sum(counts)
    for attempt in range(config.max_restarts + 1):
        job = f"{run_id}-{meeting.store.port}-{attempt}"
        shared = {
            "WORLD_SIZE": world_size, "LOCAL_WORLD_SIZE": config.nproc_per_node, "GROUP_RANK": meeting.rank,
            "ROLE_NAME": config.role, "ROLE_WORLD_SIZE": world_size, "GROUP_WORLD_SIZE": config.max_nodes,
            "MASTER_ADDR": meeting.host, "MASTER_PORT": meeting.store.port,
            "TORCHELASTIC_RESTART_COUNT": attempt, "TORCHELASTIC_MAX_RESTARTS": config.max_restarts,
            "TORCHELASTIC_RUN_ID": run_id, "TORCHELASTIC_USE_AGENT_STORE": True, "FLAMBEAU_JOB": job,
        }  # fmt: skip
        with tempfile.TemporaryDirectory(prefix="flambeau-run-") as errors:
            environments = [
                {
                    **{name: str(value) for name, value in shared.items()},
                    "RANK": str(first + i),
                    "LOCAL_RANK": str(i),
                    "ROLE_RANK": str(first + i),
                    "TORCHELASTIC_ERROR_FILE": os.path.join(errors, f"{i}.json"),
                }
                for i in range(config.nproc_per_node)
            ]
            try:
                failed, results = _run(config, entrypoint, args, environments, meeting, attempt)
            finally:
                remove_segments(job)
            if failed is None:
                _await_other_machines(meeting, config)
                return results
            failures = {
                first + i: ProcessFailure.of(i, pid, code, environments[i]["TORCHELASTIC_ERROR_FILE"])
                for i, pid, code in failed
            }  # fmt: skip
    raise ChildFailedError(_name_of(entrypoint, args), failures)


def _name_of(entrypoint, args):
    return getattr(entrypoint, "__qualname__", None) or " ".join([str(entrypoint), *map(str, args)])


def _run(config, entrypoint, args, environments, meeting, attempt):
    """(None, results) when all processes have ended well; (failed, None) when one has not, here or elsewhere."""
    if callable(entrypoint):
        processes = Functions(entrypoint, args, environments, config.start_method)
    else:
        command, log_dir = [entrypoint, *map(str, args)], config.log_dir
        if (config.redirects or config.tee) and not log_dir:
            log_dir = tempfile.mkdtemp(prefix="flambeau-logs-")
        processes = Commands(
            command, environments, log_dir, config.redirects, config.tee, config.local_ranks_filter
        )
    signal_of_failure = f"failed/{attempt}"
    try:
        with _signals_end():
            while True:
                codes = processes.codes()
                failed = [
                    (i, processes.processes[i].pid, code)
                    for i, code in enumerate(codes)
                    if code not in (None, 0)
                ]
                if failed:
                    meeting.store.set(signal_of_failure, str(meeting.rank))
                    return failed, None
                if all(code == 0 for code in codes):
                    return None, processes.results or None
                if not meeting.alone and meeting.store.check([signal_of_failure]):
                    return [], None
                time.sleep(config.monitor_interval)
    finally:
        processes.end()


def _await_other_machines(meeting, config):
    """The store must live as long as any machine needs it."""
    if not meeting.alone:
        with contextlib.suppress(RuntimeError):
            meeting.store.barrier("ended", config.max_nodes)


@contextlib.contextmanager
def _signals_end():
    """SIGTERM and SIGHUP end the agent as Ctrl+C does, so that its processes end too."""

    def end(number, frame):
        raise SystemExit(128 + number)

    try:
        before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    except ValueError:  # not in the main thread
        before = {}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
