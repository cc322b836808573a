"""DTensors and layers over two and three processes, against one process with the whole."""

import copy
import sys
from pathlib import Path

import pytest

import flambeau as torch
import flambeau.distributed as dist
from flambeau import nn
from flambeau.distributed import tensor as placed
from flambeau.distributed.tensor.parallel import (
    ColwiseParallel,
    PrepareModuleInput,
    PrepareModuleOutput,
    RowwiseParallel,
    SequenceParallel,
    parallelize_module,
)

sys.path.insert(0, str(Path(__file__).parent))
from several import in_processes

F = nn.functional


def close(got, wanted):
    got = got.full_tensor() if isinstance(got, placed.DTensor) else got
    assert got.shape == wanted.shape and torch.allclose(got, wanted, atol=1e-5), (got, wanted)


def mesh():
    return dist.init_device_mesh("cpu", (dist.get_world_size(),), mesh_dim_names=("tp",))


@in_processes(2)
def test_a_product_of_terms_and_a_whole_gives_the_whole_its_gradient():
    m, x, y = mesh(), torch.randn(4, 4), torch.randn(4, 4)
    dist.broadcast(x, 0), dist.broadcast(y, 0)
    a = placed.distribute_tensor(x.clone().requires_grad_(), m, [placed.Replicate()])
    b = placed.distribute_tensor(y, m, [placed.Shard(0)])
    terms = a @ b
    assert terms.placements == (placed.Partial(),)
    (terms @ a).sum().backward()
    whole = x.clone().requires_grad_()
    (whole @ y @ whole).sum().backward()
    close(a.grad, whole.grad)


@in_processes(3)
def test_moves_between_placements():
    m, whole = mesh(), torch.arange(35.0).view(5, 7)
    for before in (placed.Replicate(), placed.Shard(0), placed.Shard(1)):
        for after in (placed.Replicate(), placed.Shard(0), placed.Shard(-1), placed.Partial()):
            x = placed.distribute_tensor(whole.clone().requires_grad_(), m, [before])
            y = x.redistribute(placements=[after])
            close(y, whole)
            (y.full_tensor() * whole).sum().backward()
            close(x.grad, whole)
            assert x.grad.placements == x.placements
    part = placed.DTensor.from_local(
        torch.full((2,), m.get_local_rank() + 1.0), m, [placed.Partial()]
    )
    close(part.redistribute(placements=[placed.Shard(0)]), torch.full((2,), 6.0))
    close(placed.DTensor.from_local(torch.ones(2), m, [placed.Partial("avg")]), torch.ones(2))
    sizes = [1, 3, 0]
    local = torch.ones(sizes[m.get_local_rank()], 2)
    assert placed.DTensor.from_local(
        local, m, [placed.Shard(0)], shape=(4, 2), stride=(2, 1)
    ).shape == (4, 2)
    for call, error in (
        (lambda: placed.distribute_tensor(whole, m, [placed.Partial()]), ValueError),
        (lambda: x + torch.ones(5, 7), RuntimeError),
        (lambda: x.__reduce_ex__(2), NotImplementedError),
        (lambda: placed.distribute_tensor(whole, m, ["x"]), ValueError),
    ):
        with pytest.raises(error):
            call()


OPERATORS = {
    "pointwise": lambda x, y: (x * y + x.exp() - 2 / (y * y + 1)).tanh(),
    "broadcast": lambda x, y: x + y[:1] * y[:, :1],
    "matmul": lambda x, y: x @ y.T,
    "softmax": lambda x, y: x.softmax(1) * y.log_softmax(0),
    "sums": lambda x, y: x.sum(0) + y.mean(1).sum() + x.mean(),
    "keepdim": lambda x, y: x / x.sum(1, keepdim=True) + y.mean((0, 1), keepdim=True),
    "norm": lambda x, y: x * torch.linalg.vector_norm(y) + y.norm(),
    "views": lambda x, y: x.view(2, 2, 4).permute(2, 0, 1).flatten() + y.t().reshape(-1).unsqueeze(0),
    "layer_norm": lambda x, y: F.layer_norm(x, (4,), y[0], y[1]),
    "gathered": lambda x, y: torch.cat([x, y]).cumsum(0).sort(1).values,
    "where": lambda x, y: torch.where(x > 0, y, x).clamp(-1, 1),
    "dtypes": lambda x, y: x.double() * 2 + y.to(torch.float64),
    "batched": lambda x, y: x.view(2, 2, 4) @ y.view(2, 4, 2),
    "dim_of_the_mesh": lambda x, y: x.amax(0) + y.argmax(0),
}  # fmt: skip


@in_processes(2)
def test_operators_wherever_their_operands_lie():
    m = mesh()
    torch.manual_seed(0)
    whole = torch.randn(4, 4), torch.randn(4, 4)
    for name, function in OPERATORS.items():
        x, y = (t.clone().requires_grad_() for t in whole)
        wanted = function(x, y)
        weight = torch.linspace(-1, 1, wanted.numel()).view(wanted.shape).to(wanted.dtype)
        (wanted * weight).sum().backward()
        for px in (placed.Replicate(), placed.Shard(0), placed.Shard(1)):
            for py in (placed.Replicate(), placed.Shard(0), placed.Shard(1)):
                a, b = (
                    placed.distribute_tensor(t.clone().requires_grad_(), m, [p])
                    for t, p in zip(whole, (px, py), strict=True)
                )
                got = function(a, b)
                where = name, px, py
                assert got.shape == wanted.shape and got.dtype == wanted.dtype, where
                assert torch.allclose(got.full_tensor(), wanted, atol=1e-5), where
                (got.full_tensor() * weight).sum().backward()
                for t, of in ((a, x), (b, y)):
                    if of.grad is None:
                        assert t.grad is None, where
                    else:
                        assert torch.allclose(t.grad.full_tensor(), of.grad, atol=1e-4), where


@in_processes(2)
def test_linear_layers_wherever_their_operands_lie():
    m = mesh()
    torch.manual_seed(0)
    whole = torch.randn(5, 6), torch.randn(4, 6), torch.randn(4)
    leaves = [t.clone().requires_grad_() for t in whole]
    y = F.linear(*leaves)
    (y * y).sum().backward()
    for places in ((px, pw, pb) for px in (placed.Replicate(), placed.Shard(0), placed.Shard(1))
                   for pw in (placed.Replicate(), placed.Shard(0), placed.Shard(1)) for pb in (placed.Replicate(), placed.Shard(0))):  # fmt: skip
        made = [placed.distribute_tensor(t.clone().requires_grad_(), m, [p]) for t, p in zip(whole, places, strict=True)]  # fmt: skip
        got = F.linear(*made)
        close(got, y)
        (got * got).sum().backward()
        for t, of in zip(made, leaves, strict=True):
            close(t.grad, of.grad)


@in_processes(2)
def test_writes_in_place():
    m, whole = mesh(), torch.arange(6.0).view(3, 2)
    x = placed.distribute_tensor(whole, m, [placed.Shard(0)])
    y = placed.distribute_tensor(whole, m, [placed.Replicate()])
    x.mul_(2).add_(y)
    close(x, whole * 3)
    assert x.placements == (placed.Shard(0),)
    x.copy_(whole)
    close(x, whole)
    x.zero_()
    close(x, whole * 0)
    y.normal_()
    same = [torch.empty(3, 2) for _ in range(2)]
    dist.all_gather(same, y.to_local())
    assert torch.equal(*same)
    assert x.sum().item() == 0 and not bool(x.any()) and x.stride() == (2, 1)
    assert copy.deepcopy(x).placements == x.placements and "Shard(dim=0)" in repr(x)
    ones = dist.tensor.ones(3, 2, device_mesh=m, placements=[placed.Shard(0)])
    close(ones, torch.ones(3, 2))
    close(torch.zeros_like(ones), torch.zeros(3, 2))
    assert dist.tensor.randn(
        (4, 2), device_mesh=m, placements=[placed.Shard(1)]
    ).to_local().shape == (
        4,
        1,
    )
    close(dist.tensor.full((2,), 7.0, device_mesh=m), torch.full((2,), 7.0))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(10, 8)
        self.norm = nn.LayerNorm(8)
        self.up, self.down = nn.Linear(8, 12), nn.Linear(12, 8)

    def forward(self, index):
        x = self.norm(self.embed(index))
        return self.down(F.gelu(self.up(x)))


PLANS = {
    "tensor": lambda: {"embed": ColwiseParallel(output_layouts=placed.Replicate()), "up": ColwiseParallel(),
                       "down": RowwiseParallel()},
    "rows": lambda: {"embed": RowwiseParallel(), "up": ColwiseParallel(), "down": RowwiseParallel()},
    "sequence": lambda: {
        "embed": RowwiseParallel(output_layouts=placed.Shard(1)), "norm": SequenceParallel(),
        "up": ColwiseParallel(input_layouts=placed.Shard(1)), "d*n": RowwiseParallel(),
    },
    "prepared": lambda: {
        "norm": PrepareModuleInput(input_layouts=placed.Replicate(), desired_input_layouts=placed.Replicate(), use_local_output=True),
        "down": PrepareModuleOutput(output_layouts=placed.Replicate(), desired_output_layouts=placed.Replicate()),
    },
}  # fmt: skip


@in_processes(2)
def test_layers_in_parts_train_as_whole_ones():
    m, index = mesh(), torch.arange(8).view(2, 4)
    for plan in PLANS.values():
        torch.manual_seed(0)
        alone = Block()
        model = parallelize_module(copy.deepcopy(alone), m, plan())
        optimizers = [torch.optim.AdamW(net.parameters(), 0.1) for net in (model, alone)]
        for _ in range(2):
            for net, optimizer in zip((model, alone), optimizers, strict=True):
                optimizer.zero_grad()
                net(index).square().sum().backward()
                nn.utils.clip_grad_norm_(net.parameters(), 1.0)
                optimizer.step()
        for p, q in zip(model.parameters(), alone.parameters(), strict=True):
            close(p, q)
    with pytest.raises(ValueError, match="no submodule is named 'nothing'"):
        parallelize_module(Block(), m, {"nothing": ColwiseParallel()})
    with pytest.raises(NotImplementedError, match="cuts Linear and Embedding, not LayerNorm"):
        parallelize_module(Block(), m, {"norm": ColwiseParallel()})


@in_processes(2)
def test_distributed_modules():
    m = mesh()
    torch.manual_seed(0)
    alone = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4).eval())
    x = torch.randn(3, 4)

    def cut(name, module, mesh):
        if isinstance(module, nn.Linear):
            module.weight = nn.Parameter(
                placed.distribute_tensor(module.weight, mesh, [placed.Shard(0)])
            )

    model = placed.distribute_module(
        copy.deepcopy(alone), m, cut,
        lambda module, inputs, mesh: (placed.distribute_tensor(inputs[0], mesh, [placed.Replicate()]),),
        lambda module, output, mesh: output.full_tensor(),
    )  # fmt: skip
    close(model(x), alone(x))
    assert model[0].weight.placements == (placed.Shard(0),) and isinstance(
        model[0].weight, nn.Parameter
    )


@in_processes(4)
def test_meshes():
    two = dist.init_device_mesh("cpu", (2, 2), mesh_dim_names=("dp", "tp"))
    rank = dist.get_rank()
    assert two.shape == (2, 2) and two.ndim == 2 and two.size() == 4 and two.size("tp") == 2
    assert two.get_coordinate() == [rank // 2, rank % 2] and two.get_local_rank("tp") == rank % 2
    assert two["tp"].get_group().ranks == [rank // 2 * 2, rank // 2 * 2 + 1]
    assert two["dp"].mesh.tolist() == [rank % 2, rank % 2 + 2] and two[("dp", "tp")] is two
    assert two == dist.DeviceMesh("cpu", [[0, 1], [2, 3]], mesh_dim_names=("dp", "tp"))
    x = placed.distribute_tensor(torch.arange(4.0), two["tp"], [placed.Shard(0)])
    assert x.to_local().tolist() == [[0.0, 1.0], [2.0, 3.0]][rank % 2]
    one = dist.DeviceMesh.from_group(two.get_group("dp"), "cpu")
    assert one.mesh.tolist() == two["dp"].mesh.tolist()
    for call, error, words in (
        (lambda: two["pp"], KeyError, "no dimension is named 'pp'"),
        (lambda: two.get_group(), RuntimeError, "mesh_dim says which"),
        (lambda: dist.init_device_mesh("cpu", (3, 2)), RuntimeError, "needs 6 processes; there are 4"),
        (lambda: placed.distribute_tensor(torch.ones(2), two, [placed.Shard(0)]), ValueError, "must be 2 of Shard"),
        (lambda: dist.DeviceMesh("cpu", [0, 0]), RuntimeError, "stands twice"),
    ):  # fmt: skip
        with pytest.raises(error, match=words):
            call()
