"""DTensors over meshes of two and three dimensions, against one process with the whole."""

import copy
import itertools
import sys
from pathlib import Path

import pytest

import flambeau as torch
import flambeau.distributed as dist
from flambeau import nn
from flambeau.distributed import tensor as placed

sys.path.insert(0, str(Path(__file__).parent))
from several import in_processes

PLACES = (placed.Replicate(), placed.Shard(0), placed.Shard(1))


def close(got, wanted):
    got = got.full_tensor() if isinstance(got, placed.DTensor) else got
    assert got.shape == wanted.shape and torch.allclose(got, wanted, atol=1e-5), (got, wanted)


def mesh():
    return dist.init_device_mesh("cpu", (2, 2), mesh_dim_names=("dp", "tp"))


@in_processes(4)
def test_moves_between_placements():
    m, whole = mesh(), torch.arange(35.0).view(5, 7)
    for before in itertools.product(PLACES, PLACES):
        for after in itertools.product((*PLACES, placed.Partial()), (*PLACES, placed.Partial())):
            x = placed.distribute_tensor(whole.clone().requires_grad_(), m, before)
            y = x.redistribute(placements=after)
            assert x.placements == before and y.placements == after
            close(y, whole)
            (y.full_tensor() * whole).sum().backward()
            close(x.grad, whole)
            assert x.grad.placements == before
    rank = dist.get_rank()
    x = placed.DTensor.from_local(
        torch.full((2,), float(rank)), m, [placed.Partial("max"), placed.Partial()]
    )
    close(x, torch.full((2,), 5.0))  # the largest of 0 + 1 and 2 + 3
    x = placed.DTensor.from_local(
        torch.full((1, 3), float(rank)), m, [placed.Shard(0), placed.Shard(1)]
    )
    close(x, torch.tensor([[0.0] * 3 + [1.0] * 3, [2.0] * 3 + [3.0] * 3]))


@in_processes(4)
def test_what_lies_here_is_as_the_dimensions_cut_one_after_the_other():
    m, whole = mesh(), torch.arange(10.0)
    x = placed.distribute_tensor(whole, m, [placed.Shard(0), placed.Shard(0)])
    i, j = m.get_coordinate()
    part = whole.chunk(2)[i].split([3, 2])[j]
    assert torch.equal(x.to_local(), part)
    assert repr(x).startswith(f"DTensor(local_tensor={part!r}")
    assert x.device.type == "cpu" and not x.is_meta and x.is_contiguous()
    close(x.redistribute(placements=[placed.Replicate(), placed.Shard(0)]), whole)
    assert copy.deepcopy(x).placements == x.placements
    with pytest.raises(ValueError, match="must be 2 of Shard, Replicate and Partial"):
        x.redistribute(placements=[placed.Shard(0)])
    terms = placed.distribute_tensor(
        torch.ones(2, requires_grad=True), m, [placed.Replicate(), placed.Replicate()]
    )
    local = terms.to_local(grad_placements=[placed.Partial(), placed.Partial()])
    (local * (dist.get_rank() + 1.0)).sum().backward()
    close(terms.grad, torch.full((2,), 10.0))


def functions(F):
    return {
        "products": lambda x, y: (x @ y.T @ x).tanh() @ y.T,
        "pointwise": lambda x, y: torch.where(x > 0, x * y, y.exp()) + x / 3 - 1,
        "in place": lambda x, y: (x * 1).mul_(y).add_(x),
        "reductions": lambda x, y: x.sum(0) * y.mean(0, keepdim=True) + (x * y).sum(),
        "rows": lambda x, y: F.softmax(x, 1) + F.log_softmax(y, 0),
        "norms": lambda x, y: F.layer_norm(x, (6,), y[0], y[1]) + x.norm(),
        "views": lambda x, y: x.view(2, 2, 6).permute(2, 0, 1).unsqueeze(1).flatten(2) * y[0, 0],
        "linear": lambda x, y: F.linear(x, y, y[:, 0]),
        "without a rule": lambda x, y: torch.cat([x, y]).roll(1, 0),
    }


@in_processes(4)
def test_operators_and_gradients():
    m = mesh()
    torch.manual_seed(0)
    wholes = [torch.randn(4, 6, requires_grad=True) for _ in range(2)]
    ways = list(itertools.product(PLACES, PLACES))
    for function in functions(nn.functional).values():
        wanted = function(*wholes)
        wanted_grads = torch.autograd.grad(wanted.square().sum(), wholes)
        for places in (*zip(ways, ways[5:] + ways[:5]), *zip(ways, ways[::-1])):
            own = [
                placed.distribute_tensor(w.detach().clone().requires_grad_(), m, p)
                for w, p in zip(wholes, places)
            ]
            got = function(*own)
            close(got, wanted)
            got.square().sum().backward()
            for each, grad in zip(own, wanted_grads):
                close(each.grad, grad)


@in_processes(4)
def test_a_model_cut_by_data_and_by_layers_trains_as_a_whole_one():
    m = mesh()
    torch.manual_seed(0)
    whole = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.LayerNorm(8), nn.Linear(8, 3))
    own = copy.deepcopy(whole)
    places = {"0.weight": placed.Shard(0), "0.bias": placed.Shard(0), "3.weight": placed.Shard(1)}

    def cut(name, module, m):
        for key, p in module._parameters.items():
            at = places.get(f"{name}.{key}", placed.Replicate())
            module.register_parameter(
                key, nn.Parameter(placed.distribute_tensor(p.detach(), m, [placed.Replicate(), at]))
            )

    placed.distribute_module(own, m, cut)
    x, y = torch.randn(4, 6), torch.randn(4, 3)
    rows = [placed.distribute_tensor(t, m, [placed.Shard(0), placed.Replicate()]) for t in (x, y)]
    rules = [torch.optim.AdamW(model.parameters(), 0.1) for model in (whole, own)]
    for _ in range(3):
        losses = []
        for model, (given, target), rule in zip((whole, own), ((x, y), rows), rules):
            rule.zero_grad()
            loss = (model(given) - target).square().mean()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            rule.step()
            losses.append(loss)
        close(losses[1], losses[0])
    for a, b in zip(own.parameters(), whole.parameters()):
        close(a, b)


@in_processes(4)
def test_random_numbers_agree_where_they_are_replicated():
    m = mesh()
    x = placed.randn(4, 6, device_mesh=m, placements=[placed.Replicate(), placed.Shard(1)])
    y = x.redistribute(placements=[placed.Shard(0), placed.Shard(1)])
    close(x, y.full_tensor())
    x.uniform_()
    close(x.redistribute(placements=[placed.Shard(0), placed.Replicate()]), x.full_tensor())


@in_processes(4)
def test_three_dimensions():
    m = dist.init_device_mesh("cpu", (2, 1, 2))
    whole = torch.arange(24.0).view(4, 6)
    x = placed.distribute_tensor(
        whole.clone().requires_grad_(), m, [placed.Shard(0), placed.Replicate(), placed.Shard(0)]
    )
    y = x.redistribute(placements=[placed.Shard(1), placed.Partial(), placed.Replicate()])
    close(y @ y.T, whole @ whole.T)
    (y @ y.T).sum().backward()
    wanted = whole.clone().requires_grad_()
    (wanted @ wanted.T).sum().backward()
    close(x.grad, wanted.grad)


@in_processes(4)
def test_checkpoints():
    import tempfile

    from flambeau.distributed import checkpoint

    m, whole = mesh(), torch.arange(35.0).view(5, 7)
    names = [tempfile.mkdtemp() if dist.get_rank() == 0 else None]
    dist.broadcast_object_list(names)
    x = placed.distribute_tensor(whole, m, [placed.Shard(0), placed.Shard(1)])
    y = placed.distribute_tensor(whole, m, [placed.Replicate(), placed.Shard(0)])
    checkpoint.save({"x": x, "y": y}, checkpoint_id=names[0])
    other = {
        "x": placed.distribute_tensor(torch.zeros(5, 7), m, [placed.Shard(1), placed.Replicate()]),
        "y": placed.distribute_tensor(torch.zeros(5, 7), m, [placed.Shard(1), placed.Shard(1)]),
    }
    checkpoint.load(other, checkpoint_id=names[0])
    close(other["x"], whole)
    close(other["y"], whole)
