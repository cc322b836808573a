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
    objects = [rank, "x"]
    dist.broadcast_object_list(objects, src=0)
    assert objects == [0, "x"]
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
    print("well", flush=True)
    os._exit(0)  # the other process is not waited for


def failing():
    """Rank 1 fails at the first start."""
    if dist.get_rank() == 1 and os.environ["TORCHELASTIC_RESTART_COUNT"] == "0":
        raise ValueError("rank 1 has had enough")
    dist.barrier()


if __name__ == "__main__":
    what = sys.argv[1]
    seconds = 1 if what == "skipping" else 60
    dist.init_process_group("gloo", timeout=datetime.timedelta(seconds=seconds))
    globals()[what]()
    print("well", flush=True)
    dist.destroy_process_group()
