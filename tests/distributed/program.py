"""Run by several processes: every collective against what it should give."""

import datetime
import os
import sys

import flambeau as torch
import flambeau.distributed as dist
from flambeau import nn


def check(got, wanted):
    assert torch.allclose(got.double(), torch.as_tensor(wanted).double()), (
        dist.get_rank(),
        got,
        wanted,
    )


def collectives():
    rank, size = dist.get_rank(), dist.get_world_size()
    everyone = range(size)
    for dtype in (
        torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.float8_e5m2, torch.int8, torch.int64,
        torch.complex64, torch.complex128,
    ):  # fmt: skip
        t = torch.full((3, 2), rank + 1, dtype=dtype)
        dist.all_reduce(t)
        check(
            t.real if t.is_complex() else t, torch.full((3, 2), float(sum(r + 1 for r in everyone)))
        )
    t = torch.tensor([float(rank)])
    dist.all_reduce(t, dist.ReduceOp.MAX)
    check(t, [size - 1])
    t = torch.tensor([rank + 1.0])
    dist.all_reduce(t, dist.ReduceOp.AVG)
    check(t, [(size + 1) / 2])
    t = torch.tensor([rank == 0, True])
    dist.all_reduce(t, dist.ReduceOp.MIN)
    assert t.tolist() == [size == 1, True]
    t = torch.arange(6.0).view(2, 3).T + rank  # strided
    work = dist.broadcast(t, size - 1, async_op=True)
    work.wait()
    check(t, torch.arange(6.0).view(2, 3).T + size - 1)
    parts = [torch.empty(2) for _ in everyone]
    dist.all_gather(parts, torch.full((2,), float(rank)))
    check(torch.stack(parts), [[float(r)] * 2 for r in everyone])
    whole = torch.empty(2 * size, dtype=torch.bool)
    dist.all_gather_into_tensor(whole, torch.tensor([rank == 0, False]))
    assert whole.nonzero().flatten().tolist() == [0]
    out = torch.empty(2)
    dist.reduce_scatter(out, [torch.full((2,), float(r + rank)) for r in everyone])
    check(out, [sum(rank + r for r in everyone)] * 2)
    out = torch.empty(size)
    dist.all_to_all_single(out, torch.arange(size) * 10.0 + rank)
    check(out, [rank * 10.0 + r for r in everyone])
    outs = [torch.empty(r + 1) for r in everyone]
    dist.all_to_all(outs, [torch.full((rank + 1,), float(r)) for r in everyone])
    check(torch.cat(outs), [float(rank)] * sum(r + 1 for r in everyone))
    gathered = [torch.empty(1) for _ in everyone] if rank == 0 else None
    dist.gather(torch.tensor([float(rank)]), gathered, dst=0)
    if rank == 0:
        check(torch.cat(gathered), [float(r) for r in everyone])
    mine = torch.empty(1)
    dist.scatter(mine, [torch.tensor([r + 5.0]) for r in everyone] if rank == 0 else None, src=0)
    check(mine, [rank + 5.0])
    t = torch.tensor([rank + 1.0])
    dist.reduce(t, 0, dist.ReduceOp.PRODUCT)
    if rank == 0:
        check(t, [float(torch.arange(1, size + 1).prod())])
    objects = [None] * size
    dist.all_gather_object(objects, {"rank": rank})
    assert objects == [{"rank": r} for r in everyone]
    gathered = [None] * size if rank == 0 else None
    dist.gather_object("x" * rank, gathered, dst=0)
    assert rank or gathered == ["x" * r for r in everyone]
    scattered = [None]
    dist.scatter_object_list(
        scattered, [{r: "y" * r} for r in everyone] if rank == 0 else None, src=0
    )
    assert scattered == [{rank: "y" * rank}]
    objects = [rank, "x"]
    dist.broadcast_object_list(objects, src=0)
    assert objects == [0, "x"]
    sampler = torch.utils.data.DistributedSampler(range(10), shuffle=False)
    assert list(sampler)[:2] == [rank, rank + size] and sampler.num_replicas == size
    if size > 1:
        messages(rank, size)
    dist.barrier()


def messages(rank, size):
    received = torch.empty(2)
    works = dist.batch_isend_irecv([
        dist.P2POp(dist.isend, torch.tensor([rank, 7.0]), (rank + 1) % size),
        dist.P2POp(dist.irecv, received, (rank - 1) % size),
    ])  # fmt: skip
    [w.wait() for w in works]
    check(received, [float((rank - 1) % size), 7.0])
    if rank == 0:
        dist.send(torch.tensor([3.0]), 1)
    elif rank == 1:
        assert dist.recv(received[:1]) == 0 and received[0] == 3
    if rank == 0:
        dist.send_object_list(["a", {1: 2}], 1)
    elif rank == 1:
        got = [None, None]
        assert dist.recv_object_list(got) == 0 and got == ["a", {1: 2}]
    pair = dist.new_group([0, 1])
    if rank < 2:
        t = torch.ones(1)
        dist.all_reduce(t, group=pair)
        assert t == 2 and dist.get_group_rank(pair, rank) == rank and dist.get_world_size(pair) == 2
    else:
        assert pair == dist.GroupMember.NON_GROUP_MEMBER and dist.get_rank(pair) == -1


def training():
    """Two processes with half of a batch each train as one with the whole."""
    rank, size = dist.get_rank(), dist.get_world_size()
    torch.manual_seed(rank)  # parameters differ until they become those of rank 0
    body = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))
    model = nn.parallel.DistributedDataParallel(body, bucket_cap_mb=1e-4)
    alone = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))
    alone.load_state_dict(body.state_dict())
    torch.manual_seed(7)
    x, y = torch.randn(8, 4), torch.randn(8, 2)
    mine = slice(rank * 8 // size, (rank + 1) * 8 // size)
    one, other = torch.optim.SGD(model.parameters(), 0.1), torch.optim.SGD(alone.parameters(), 0.1)
    for step in range(5):
        for optimizer, m, a, b in ((one, model, x[mine], y[mine]), (other, alone, x, y)):
            optimizer.zero_grad()
            if m is model and step == 2:
                with model.no_sync():
                    (0 * model(a)).sum().backward()
            nn.functional.mse_loss(m(a), b).backward()
            optimizer.step()
    for p, q in zip(body.parameters(), alone.parameters(), strict=True):
        assert torch.allclose(p, q, atol=1e-5), (rank, p, q)
    first = next(body.parameters()).detach()
    spread = [torch.empty_like(first) for _ in range(size)]
    dist.all_gather(spread, first)
    assert all(torch.equal(s, spread[0]) for s in spread)


def parameters_without_a_part():
    rank, size = dist.get_rank(), dist.get_world_size()

    class Half(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.c = (nn.Linear(2, 1, bias=False) for _ in range(3))

        def forward(self, x, which):
            return sum(getattr(self, name)(x) for name in which)

    torch.manual_seed(0)
    for options in ({}, {"gradient_as_bucket_view": True}):
        model = nn.parallel.DistributedDataParallel(Half(), find_unused_parameters=True, **options)
        m = model.module
        model(torch.full((1, 2), rank + 1.0), "ab" if rank == 0 else "a").sum().backward()
        check(m.a.weight.grad, torch.full((1, 2), sum(r + 1 for r in range(size)) / size))
        check(m.b.weight.grad, torch.full((1, 2), 1 / size))
        assert m.c.weight.grad is None
    flat = model._buckets[0].flat
    assert m.a.weight.grad.data_ptr() >= flat.data_ptr()
    model.zero_grad(set_to_none=False)
    model(torch.ones(1, 2), "a").sum().backward()
    check(m.a.weight.grad, torch.ones(1, 2))
    assert m.a.weight.grad.data_ptr() >= flat.data_ptr()
    # Without the option, the next forward says which.
    model = nn.parallel.DistributedDataParallel(Half())
    model(torch.ones(1, 2), "a").sum().backward()
    try:
        model(torch.ones(1, 2), "a")
    except RuntimeError as error:
        assert "['c.weight', 'b.weight']" in str(error), error
    else:
        raise AssertionError
    # A static graph uses what the first backward used.
    model = nn.parallel.DistributedDataParallel(Half(), static_graph=True, bucket_cap_mb=1e-6)
    for _ in range(3):
        model.zero_grad()
        model(torch.ones(1, 2), "ac").sum().backward()
        check(model.module.c.weight.grad, torch.ones(1, 2))
    try:
        model(torch.ones(1, 2), "b").sum().backward()
    except RuntimeError as error:
        assert "static_graph" in str(error), error


def uneven():
    """The processes have different numbers of batches."""
    rank, size = dist.get_rank(), dist.get_world_size()
    for by_all in (True, False):
        torch.manual_seed(0)
        model = nn.parallel.DistributedDataParallel(
            nn.Sequential(nn.Linear(1, 1, bias=False), nn.BatchNorm1d(1, affine=False))
        )
        optimizer = torch.optim.SGD(model.parameters(), 1.0)
        steps = 0
        with model.join(divide_by_initial_world_size=by_all):
            for _ in range(2 + rank):
                optimizer.zero_grad()
                loss = _forward_first(model, torch.tensor([[1.0], [2.0]]))
                loss.backward()
                steps += 1
                here = size if steps <= 2 else size - 1
                check(model.module[0].weight.grad, [[3.0 * here / (size if by_all else here)]])
        assert steps == 2 + rank
        buffers = [torch.empty(1) for _ in range(size)]
        dist.all_gather(buffers, model.module[1].running_mean)
        assert all(torch.equal(b, buffers[0]) for b in buffers)
    model = nn.parallel.DistributedDataParallel(nn.Linear(1, 1))
    try:
        with model.join(throw_on_early_termination=True):
            for _ in range(1 + rank):
                model(torch.ones(1, 1)).sum().backward()
    except RuntimeError as error:
        assert "no batch left" in str(error)
    else:
        raise AssertionError


def _forward_first(model, x):
    """The sum of the first layer's output, with the norm's statistics moved beside."""
    inner = model.module
    seen = {}
    handle = inner[0].register_forward_hook(lambda m, i, o: seen.update(out=o))
    model(x)
    handle.remove()
    return seen["out"].sum()


def hooks():
    from flambeau.distributed.algorithms.ddp_comm_hooks import default_hooks, powerSGD_hook

    rank, size = dist.get_rank(), dist.get_world_size()
    mean = sum(r + 1.0 for r in range(size)) / size
    for hook in (
        default_hooks.allreduce_hook,
        default_hooks.fp16_compress_hook,
        default_hooks.bf16_compress_hook,
        default_hooks.fp16_compress_wrapper(default_hooks.allreduce_hook),
        default_hooks.bf16_compress_wrapper(default_hooks.allreduce_hook),
    ):
        model = nn.parallel.DistributedDataParallel(nn.Linear(2, 1))
        model.register_comm_hook(None, hook)
        model(torch.full((1, 2), rank + 1.0)).sum().backward()
        check(model.module.weight.grad, [[mean, mean]])
    for hook in (powerSGD_hook.powerSGD_hook, powerSGD_hook.batched_powerSGD_hook):
        state = powerSGD_hook.PowerSGDState(None, 1, start_powerSGD_iter=2)
        model = nn.parallel.DistributedDataParallel(nn.Linear(40, 30, bias=False))
        model.register_comm_hook(state, hook)
        for _ in range(4):  # a gradient of rank 1 is sent exactly
            model.zero_grad()
            model(torch.full((1, 40), rank + 1.0)).sum().backward()
            check(model.module.weight.grad, torch.full((30, 40), mean))
        assert state.compression_stats()[0] > 10


def different_modules():
    try:
        nn.parallel.DistributedDataParallel(nn.Linear(1, 1 + dist.get_rank()))
    except RuntimeError as error:
        assert "rank 1's parameters differ from rank 0's: ('weight', (2, 1)" in str(error), error
    else:
        raise AssertionError


def data_parallel():
    """All of DistributedDataParallel, in one start."""
    training()
    parameters_without_a_part()
    uneven()
    hooks()
    different_modules()


def skipping():
    """A collective that one process skips ends with its name and line."""
    if dist.get_rank() == 0:
        try:
            dist.all_reduce(torch.ones(3, 2))
        except dist.DistBackendError as error:
            assert "all_reduce of (3, 2) on rank 0" in str(error) and "program.py" in str(error), (
                error
            )
            print("skipped", flush=True)
        for call in (
            lambda: dist.all_gather_object([None] * 2, "x"),
            lambda: dist.recv(torch.ones(1), tag=5),
            lambda: dist.recv_object_list([None]),
        ):
            try:
                call()
            except dist.DistBackendError:
                continue
            raise AssertionError("it ended without the other process")
    print("well", flush=True)
    os._exit(0)  # the other process is not waited for


def failing():
    """Rank 1 fails at the first start."""
    if dist.get_rank() == 1 and os.environ["TORCHELASTIC_RESTART_COUNT"] == "0":
        raise ValueError("rank 1 has had enough")
    dist.barrier()


if __name__ == "__main__":
    what = sys.argv[1]
    seconds = 0.3 if what == "skipping" else 60
    dist.init_process_group("gloo", timeout=datetime.timedelta(seconds=seconds))
    globals()[what]()
    print("well", flush=True)
    dist.destroy_process_group()
