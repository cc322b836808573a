"""Operations whose gradients go back through the group, and names that are refused."""

import sys
from pathlib import Path

import pytest

import flambeau as torch
import flambeau.distributed as dist
import flambeau.distributed._functional_collectives as funcol
import flambeau.distributed.nn.functional as F

sys.path.insert(0, str(Path(__file__).parent))
from several import in_processes


def gradient(function, x):
    """(values, gradient) of a sum weighted by rank + 1."""
    x = x.clone().requires_grad_()
    out = function(x)
    out = torch.cat([o.reshape(-1) for o in out]) if isinstance(out, tuple) else out
    (out * (dist.get_rank() + 1)).sum().backward()
    return out.flatten().tolist(), x.grad.flatten().tolist()


@in_processes(2)
def test_gradients_go_back_through_the_group():
    rank = dist.get_rank()
    mine = torch.tensor([rank + 1.0, 10.0 * rank])
    assert gradient(F.all_reduce, mine) == ([3.0, 10.0], [3.0, 3.0])
    assert gradient(lambda x: F.broadcast(x, 1), mine) == ([2.0, 10.0], [3.0 * rank] * 2)
    assert gradient(F.all_gather, mine) == ([1.0, 0.0, 2.0, 10.0], [3.0, 3.0])
    values, grad = gradient(lambda x: F.reduce(x, 0), mine)
    assert values == ([3.0, 10.0] if rank == 0 else [0.0, 0.0]) and grad == [1.0, 1.0]
    values, grad = gradient(lambda x: F.gather(x, 0), mine)
    assert grad == [1.0, 1.0] and (rank or values == [1.0, 0.0, 2.0, 10.0])
    values, grad = gradient(lambda x: F.scatter([x, 2 * x], 1), mine)
    assert values == [2.0 * (1 + rank), 10.0 * (1 + rank)] and grad == (
        [5.0, 5.0] if rank else [0, 0]
    )
    values, grad = gradient(lambda x: F.reduce_scatter(x, [x, x * x]), mine)
    assert values == ([3.0, 10.0] if rank == 0 else [5.0, 100.0])
    assert grad == [1 + 4 * v for v in mine.tolist()]
    values, grad = gradient(lambda x: F.all_to_all([x, x], [x, 2 * x]), mine)
    assert values == [(rank + 1) * v for v in (1.0, 0.0, 2.0, 10.0)] and grad == [5.0, 5.0]
    values, grad = gradient(lambda x: F.all_to_all_single(torch.empty(2), x), mine)
    assert values == ([1.0, 2.0] if rank == 0 else [0.0, 10.0]) and grad == [1.0, 2.0]


@in_processes(2)
def test_operations_by_the_compiler_s_names():
    rank = dist.get_rank()
    x = torch.full((2, 2), rank + 1.0)
    for group in (dist.group.WORLD, [0, 1], dist.group.WORLD.group_name, dist.DeviceMesh("cpu")):
        assert funcol.all_reduce(x, "sum", group).unique().tolist() == [3.0]
    world = dist.group.WORLD
    assert funcol.all_gather_tensor(x, 1, world).tolist() == [[1.0, 1.0, 2.0, 2.0]] * 2
    assert funcol.reduce_scatter_tensor(x, "avg", 1, world).tolist() == [[1.5], [1.5]]
    assert funcol.permute_tensor(x, [1, 0], world).unique().tolist() == [2.0 - rank]
    assert funcol.wait_tensor(funcol.broadcast(x, 1, world)).unique().tolist() == [2.0]
    with pytest.raises(ValueError, match="'mean' is none of"):
        funcol.all_reduce(x, "mean", world)
    with pytest.raises(ValueError, match="does not divide into 2 parts"):
        funcol.reduce_scatter_tensor(x[:1], "sum", 0, world)


@in_processes(2)
def test_several_tensors_at_once():
    rank = dist.get_rank()
    many = [torch.full((2,), rank + 1.0), torch.full((1,), 10.0 * rank)]
    work = dist.all_reduce_coalesced(many, async_op=True)
    assert work.get_future().wait()[1] is many[1] and work.is_completed()
    assert [t.tolist() for t in many] == [[3.0, 3.0], [10.0]]
    lists = [[torch.empty(2), torch.empty(1)] for _ in range(2)]
    dist.all_gather_coalesced(lists, [torch.full((2,), float(rank)), torch.ones(1)])
    assert [[t.tolist() for t in tensors] for tensors in lists] == [[[0, 0], [1]], [[1, 1], [1]]]
    work = dist.all_reduce(torch.ones(1), async_op=True)
    assert work.get_future().then(lambda done: done.value()[0] + 1).wait() == 3
    assert work.result()[0] == 2 and work.is_success() and work.exception() is None


def test_names_of_the_module_of_groups():
    import flambeau.distributed.distributed_c10d as c10d

    assert (
        c10d.all_reduce is dist.all_reduce
        and dist.constants.default_pg_timeout.total_seconds() == 1800
    )
    assert dist.BackendConfig("cpu:gloo,cuda:nccl").get_device_backend_map() == {"cpu": "gloo"}
    assert dist.get_debug_level() is dist.DebugLevel.OFF
    with pytest.raises(NotImplementedError, match="DETAIL is not offered"):
        dist.set_debug_level(dist.DebugLevel.DETAIL)
    for name in c10d.__all__:
        getattr(c10d, name)


def test_names_that_are_refused():
    import flambeau.distributed.pipelining as pipelining
    import flambeau.distributed.rpc as rpc
    from flambeau.distributed.optim import DistributedOptimizer

    for call in (rpc.init_rpc, rpc.rpc_sync, pipelining.pipeline, DistributedOptimizer):
        with pytest.raises(NotImplementedError, match="not offered. "):
            call("name")
    assert not rpc.is_available()
