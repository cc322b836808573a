"""Starting functions in several processes, and what is left when they are killed."""

import os
import random
import signal
import threading

import pytest

import flambeau as torch
import flambeau.distributed as dist
from flambeau.distributed import groups, run
from flambeau.distributed.elastic.multiprocessing.errors import ChildFailedError, record
from flambeau.distributed.launcher import LaunchConfig, elastic_launch

several = pytest.mark.skipif(not groups.is_mpi_available(), reason="needs mpi4py and MPICH")


def config(**options):
    options = {"max_restarts": 0, "monitor_interval": 0.01, "start_method": "fork", **options}
    return LaunchConfig(1, 1, 2, **options)


@several
def test_results_of_functions_by_rank():
    assert elastic_launch(config(), _sum)(3.0) == {0: 7.0, 1: 7.0}


def _sum(more):
    dist.init_process_group("gloo")
    x = torch.tensor([more + dist.get_node_local_rank()])
    dist.all_reduce(x)
    return x.item()


@record
def _fail():
    if os.environ["RANK"] == "1":
        raise ValueError("it has rained")
    threading.Event().wait()


def test_failures_come_with_their_tracebacks():
    with pytest.raises(
        ChildFailedError, match="rank 1 .*exit code 1(.|\n)*it has rained"
    ) as caught:
        elastic_launch(config(), _fail)()
    rank, failure = caught.value.get_first_failure()
    assert rank == 1 and failure.local_rank == 1 and "in _fail" in failure.message


def _killed_at_random(seed, pids):
    numbers = random.Random(f"{seed} {os.environ['TORCHELASTIC_RESTART_COUNT']}")
    pids.put(os.getpid())
    if numbers.randrange(2) == int(os.environ["RANK"]):
        threading.Timer(numbers.random() * 0.3, os.kill, (os.getpid(), signal.SIGKILL)).start()
    dist.init_process_group("gloo")
    while True:
        dist.all_reduce(torch.ones(1000))


_SEGMENTS = "mpich_shm", "ucx_shm", "flambeau-"


@several
def test_processes_killed_at_random_moments_leave_nothing():
    import multiprocessing

    before = set(os.listdir("/dev/shm"))
    pids = multiprocessing.get_context("fork").SimpleQueue()
    with pytest.raises(ChildFailedError, match="signal SIGKILL"):
        elastic_launch(config(max_restarts=19), _killed_at_random)(torch.initial_seed(), pids)
    seen = []
    while not pids.empty():
        seen.append(pids.get())
    assert 20 <= len(seen) <= 40
    assert not [pid for pid in seen if os.path.exists(f"/proc/{pid}")]
    left = [name for name in set(os.listdir("/dev/shm")) - before if name.startswith(_SEGMENTS)]
    assert not left


def test_the_command_line():
    config, command, arguments = run.config_from_args(
        run.parse_args([
            "--nnodes=2", "--nproc_per_node=3", "--node-rank", "1", "--master_addr", "h", "--rdzv-id", "x",
            "-r", "0:1,1:3", "--local-ranks-filter", "0", "-m", "package.module", "--lr", "3",
        ])
    )  # fmt: skip
    assert (config.max_nodes, config.nproc_per_node, config.run_id) == (2, 3, "x")
    assert config.rdzv_endpoint == "h:29500" and config.rdzv_configs == {"rank": 1}
    assert config.redirects == {0: 1, 1: 3} and config.local_ranks_filter == {0}
    assert arguments[-4:] == ["-m", "package.module", "--lr", "3"]
    assert run.config_from_args(run.parse_args(["--no-python", "ls", "-l"]))[1:] == ("ls", ["-l"])
    with pytest.raises(NotImplementedError, match="1 to 2 machines"):
        run.config_from_args(run.parse_args(["--nnodes=1:2", "program.py"]))
    with pytest.raises(ValueError, match="'etcd' is not offered"):
        run.config_from_args(run.parse_args(["--rdzv-backend=etcd", "program.py"]))


def test_output_of_processes_goes_to_files(tmp_path, capfd):
    command = [
        "--nproc-per-node=2",
        "--log-dir",
        str(tmp_path),
        "-t",
        "0:1",
        "-r",
        "1:3",
        "--no-python",
    ]
    assert run.main([*command, "sh", "-c", "echo rank $RANK of $WORLD_SIZE"]) == 0
    assert (tmp_path / "0" / "stdout.log").read_text() == "rank 0 of 2\n"
    assert (tmp_path / "1" / "stdout.log").read_text() == "rank 1 of 2\n"
    assert capfd.readouterr().out == "rank 0 of 2\n"


@several
def test_two_machines_meet(tmp_path):
    """Two launchers, as on two machines."""
    port = dist.TCPStore("127.0.0.1", 0, 1, True).port
    program = tmp_path / "program.py"
    program.write_text(
        "import torch, torch.distributed as dist\n"
        "dist.init_process_group('gloo')\n"
        "x = torch.ones(1) + dist.get_rank(); dist.all_reduce(x); print(dist.get_rank(), x.item())\n"
    )
    import subprocess
    import sys

    command = [
        sys.executable,
        "-m",
        "flambeau.distributed.run",
        "--nnodes=2",
        "--rdzv-backend=c10d",
    ]
    command += [f"--rdzv-endpoint=127.0.0.1:{port}", "--nproc-per-node=1", str(program)]
    launchers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert sorted(launcher.communicate(timeout=100)[0] for launcher in launchers) == [
        "0 3.0\n",
        "1 3.0\n",
    ]
    assert [launcher.returncode for launcher in launchers] == [0, 0]
