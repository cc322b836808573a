"""Processes that Ray starts on this machine."""

import os
import sys

import pytest

import flambeau as torch
import flambeau.distributed as dist
from flambeau.distributed.ray import run

ray = pytest.importorskip("ray")
pytest.importorskip("mpi4py")
pytestmark = pytest.mark.filterwarnings("ignore")  # Ray's own


@pytest.fixture(scope="module", autouse=True)
def cluster():
    os.environ.update(RAY_worker_niceness="0")  # else they starve beside other tests
    ray.init(
        num_cpus=2, include_dashboard=False, log_to_driver=False,
        runtime_env={"env_vars": {"PYTHONPATH": os.pathsep.join(sys.path)}},
    )  # fmt: skip
    yield
    ray.shutdown()


def test_ray_s_processes_are_one_group():
    def sum_of_ranks(more):
        x = torch.tensor([dist.get_rank() + more])
        dist.all_reduce(x)
        return x.item(), dist.get_world_size(), os.environ["LOCAL_RANK"]

    assert run(sum_of_ranks, 2, args=(1.0,)) == [(3.0, 2, "0"), (3.0, 2, "1")]


def test_they_start_anew_when_one_fails(tmp_path):
    def fail_once(path):
        if dist.get_rank() == 1 and not os.path.exists(path):
            open(path, "w").close()
            os._exit(3)
        dist.barrier()
        return dist.get_rank()

    assert run(fail_once, 2, args=(str(tmp_path / "failed"),), max_restarts=1) == [0, 1]

    def fail():
        raise ValueError("no more")

    with pytest.raises(ray.exceptions.RayError, match="no more"):
        run(fail, 1)
    with pytest.raises(ValueError, match="num_workers is 0"):
        run(fail, 0)
