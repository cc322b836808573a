"""Groups of one process, and of several that MPI starts."""

import datetime
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import flambeau as torch
import flambeau.distributed as dist
from flambeau import nn
from flambeau.distributed import groups

sys.path.insert(0, str(Path(__file__).parent))
import program

PROGRAM = Path(program.__file__)


@pytest.fixture
def alone():
    dist.init_process_group("gloo", init_method="tcp://127.0.0.1:29501", rank=0, world_size=1)
    yield
    if dist.is_initialized():
        dist.destroy_process_group()


def test_a_group_of_one(alone):
    assert (dist.get_rank(), dist.get_world_size(), dist.get_backend()) == (0, 1, "gloo")
    assert dist.group.WORLD is dist.GroupMember.WORLD and dist.get_process_group_ranks() == [0]
    program.collectives()
    program.training()
    assert dist.new_group([0]).size() == 1
    with pytest.raises(ValueError, match="must be different ones of 0 to 0"):
        dist.new_group([1])
    with pytest.raises(ValueError, match="is there already"):
        dist.init_process_group("gloo")
    dist.destroy_process_group()
    assert not dist.is_initialized()


def test_what_cannot_be_is_said(monkeypatch):
    assert (
        dist.is_available() == dist.is_mpi_available()
        and not dist.is_nccl_available()
        and not dist.is_initialized()
    )
    with pytest.raises(ValueError, match="call init_process_group"):
        dist.all_reduce(torch.ones(1))
    with pytest.raises(ValueError, match="'nccl' is not offered"):
        dist.init_process_group("nccl")
    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ValueError, match="env:// needs rank: .* as RANK in the environment"):
        dist.init_process_group("gloo")
    with pytest.raises(ValueError, match="env:// needs MASTER_ADDR"):
        dist.init_process_group("gloo", world_size=2, rank=0)
    with pytest.raises(ValueError, match="a store needs rank and world_size"):
        dist.init_process_group("gloo", store=dist.HashStore())
    with pytest.raises(ValueError, match="rank 2 is not one of 0 to 1"):
        dist.init_process_group("gloo", store=dist.HashStore(), rank=2, world_size=2)
    with pytest.raises(RuntimeError, match="nobody serves pigeon://"):
        dist.init_process_group("gloo", init_method="pigeon://x", rank=0, world_size=2)
    with pytest.raises(ValueError, match="device_id is meta"):
        dist.init_process_group(
            "gloo", store=dist.HashStore(), rank=0, world_size=1, device_id="meta"
        )
    with pytest.raises(
        RuntimeError, match=r"rank 0 of 2 has waited 0.05 s; ranks \[1\] have not come"
    ):
        store = dist.HashStore()
        store.set_timeout(datetime.timedelta(seconds=0.05))
        dist.init_process_group("gloo", store=store, rank=0, world_size=2)


def test_wrong_calls_are_refused(alone):
    with pytest.raises(TypeError, match="all_reduce: takes Tensors"):
        dist.all_reduce([1])
    for call in (lambda: dist.broadcast(torch.ones(1), 7), lambda: dist.reduce(torch.ones(1), 7)):
        with pytest.raises(ValueError, match="rank 7 is not one of"):
            call()
    with pytest.raises(ValueError, match="2 tensors for 1 processes"):
        dist.all_gather([torch.ones(1)] * 2, torch.ones(1))
    with pytest.raises(ValueError, match="this process; messages go to another"):
        dist.send(torch.ones(1), 0)
    with pytest.raises(ValueError, match="device_ids and output_device are for modules on GPUs"):
        nn.parallel.DistributedDataParallel(nn.Linear(1, 1), device_ids=[0])
    with pytest.raises(RuntimeError, match="no parameter"):
        nn.parallel.DistributedDataParallel(nn.ReLU())


def test_hooks_on_buckets(alone):
    model = nn.parallel.DistributedDataParallel(nn.Linear(2, 1))
    seen = []

    def halved(state, bucket):
        seen.append((state, bucket.index(), bucket.is_last(), len(bucket.parameters())))
        future = torch.futures.Future()
        future.set_result(bucket.buffer() / 2)
        return future

    model.register_comm_hook("state", halved)
    model(torch.ones(3, 2)).sum().backward()
    assert model.module.weight.grad.tolist() == [[1.5, 1.5]] and seen == [("state", 0, True, 2)]
    assert list(model.state_dict()) == ["module.weight", "module.bias"]


several = pytest.mark.skipif(not groups.is_mpi_available(), reason="needs mpi4py and MPICH")


def run(what, n=2, more=()):
    command = [sys.executable, "-m", "flambeau.distributed.run", "--nproc-per-node", str(n), *more]
    return subprocess.run(
        [*command, str(PROGRAM), what],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "FLAMBEAU_NUM_THREADS": "1"},
    )


@several
@pytest.mark.parametrize(
    "what, n",
    [("collectives", 3), ("data_parallel", 2)],
)
def test_several_processes(what, n):
    done = run(what, n)
    assert done.returncode == 0 and done.stdout.count("well") == n, done.stdout + done.stderr


@several
def test_mpiexec_starts_processes_too():
    mpiexec = shutil.which("mpiexec", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    command = [mpiexec, "-n", "2", sys.executable, str(PROGRAM), "collectives"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and done.stdout.count("well") == 2, done.stdout + done.stderr


@several
def test_a_collective_that_one_process_skips():
    done = run("skipping")
    assert done.returncode == 0 and "skipped" in done.stdout, done.stdout + done.stderr


@several
def test_processes_start_anew_when_one_fails():
    done = run("failing", more=["--max-restarts", "1"])
    assert done.returncode == 0 and done.stdout.count("well") == 2, done.stdout + done.stderr
    assert "ValueError: rank 1 has had enough" in done.stderr


@several
def test_a_failing_process_ends_all():
    done = run("nothing", more=["--max-restarts", "1"])
    assert done.returncode == 1 and done.stderr.count("KeyError: 'nothing'") >= 2
    assert "flambeau.distributed.run: " in done.stderr and "ended by exit code 1" in done.stderr
