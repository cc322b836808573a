"""Modules and optimizers cut over two processes train as whole ones, and their checkpoints go anywhere."""

import contextlib
import copy
import functools
import sys
from pathlib import Path

import pytest

import flambeau as torch
import flambeau.distributed as dist
import flambeau.distributed.checkpoint as dcp
from flambeau import nn
from flambeau.distributed.algorithms import Join
from flambeau.distributed.algorithms._checkpoint.checkpoint_wrapper import (
    CheckpointImpl,
    CheckpointWrapper,
    apply_activation_checkpointing,
    checkpoint_wrapper,
)
from flambeau.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    get_optimizer_state_dict,
    get_state_dict,
    set_model_state_dict,
    set_optimizer_state_dict,
    set_state_dict,
)
from flambeau.distributed.fsdp import (
    CPUOffload,
    FullStateDictConfig,
    MixedPrecision,
    MixedPrecisionPolicy,
    ShardingStrategy,
    StateDictType,
    fully_shard,
)
from flambeau.distributed.fsdp import FullyShardedDataParallel as FSDP
from flambeau.distributed.fsdp.wrap import (
    CustomPolicy,
    ModuleWrapPolicy,
    enable_wrap,
    size_based_auto_wrap_policy,
    wrap,
)
from flambeau.distributed.optim import PostLocalSGDOptimizer, ZeroRedundancyOptimizer
from flambeau.distributed.tensor import DTensor, Shard
from flambeau.distributed.tensor.parallel import ColwiseParallel, parallelize_module

sys.path.insert(0, str(Path(__file__).parent))
from several import in_processes, run

several = in_processes(2)


def net():
    torch.manual_seed(0)
    inner = nn.Sequential(nn.Linear(7, 5), nn.LayerNorm(5))
    return nn.Sequential(nn.Linear(6, 7), nn.GELU(), inner, nn.Linear(5, 3))


def batch():
    """(the whole, this process's half)."""
    torch.manual_seed(5)
    x = torch.randn(8, 6)
    return x, x[4 * dist.get_rank() :][:4]


def step(model, optimizer, x):
    optimizer.zero_grad()
    model(x).square().mean().backward()
    nn.utils.clip_grad_norm_(model.parameters(), 0.1)
    optimizer.step()


def check_same(model, alone, atol=1e-5):
    for p, q in zip(model.parameters(), alone.parameters(), strict=True):
        p = p.full_tensor() if isinstance(p, DTensor) else p
        assert torch.allclose(p, q, atol=atol), (p - q).abs().max()


def sharded(reshard=True, policy=None, **options):
    model = net()
    policy = policy or MixedPrecisionPolicy()
    for part in (model[2], model[0], model):
        fully_shard(part, reshard_after_forward=reshard, mp_policy=policy, **options)
    return model


@several
def test_fully_sharded_modules_train_as_whole_ones():
    whole, mine = batch()
    for reshard in (True, False):
        model, alone = sharded(reshard), net()
        assert type(model).__name__ == "FSDPSequential" and isinstance(model, nn.Sequential)
        first = model[0].weight
        assert isinstance(first, nn.Parameter) and first.placements == (Shard(0),)
        assert first.to_local().shape[0] == (4, 3)[dist.get_rank()] and first.shape == (7, 6)
        one, other = (torch.optim.AdamW(m.parameters(), 0.01, eps=1e-3) for m in (model, alone))
        for _ in range(3):
            step(model, one, mine)
            step(alone, other, whole)
        check_same(model, alone)
        assert one.state[first]["exp_avg"].to_local().shape == first.to_local().shape
    # What backward needs of whole parameters is not kept, but gathered again.
    gathers = {}
    for reshard in (True, False):
        model = sharded(reshard)
        output = model(mine)
        group = model[2].__dict__["_sharded"]
        gathered, original = [], group.gather
        group.gather = lambda *a, n=gathered, f=original: n.append(1) or f(*a)
        output.sum().backward()
        gathers[reshard] = len(gathered)
    assert gathers == {True: 1, False: 0}


@several
def test_dtypes_of_sharded_modules():
    whole, mine = batch()
    policy = MixedPrecisionPolicy(torch.bfloat16, torch.float32)
    model, alone = sharded(policy=policy), net()
    assert model(mine).dtype is torch.bfloat16 and model[0].weight.dtype is torch.float32
    one, other = (torch.optim.SGD(m.parameters(), 0.1) for m in (model, alone))
    step(model, one, mine)
    step(alone, other, whole)
    check_same(model, alone, 1e-2)
    assert next(model.parameters()).grad.dtype is torch.float32
    model = sharded(policy=MixedPrecisionPolicy(output_dtype=torch.float64))
    with pytest.raises(RuntimeError):
        model(mine)  # the next layer has float32
    model = fully_shard(net(), mp_policy=MixedPrecisionPolicy(output_dtype=torch.float64))
    assert model(mine).dtype is torch.float64


@several
def test_gradients_may_wait():
    whole, mine = batch()
    model, alone = sharded(), net()
    model.set_requires_gradient_sync(False)
    model(mine).square().mean().backward()
    assert next(model.parameters()).grad is None
    model.set_requires_gradient_sync(True)
    model(mine).square().mean().backward()
    for _ in range(2):
        alone(whole).square().mean().backward()
    for p, q in zip(model.parameters(), alone.parameters(), strict=True):
        assert torch.allclose(p.grad.full_tensor(), q.grad, atol=1e-5)
    model[0].unshard()
    assert model[0].weight.shape == (7, 6) and type(model[0].weight) is torch.Tensor
    model[0].reshard()
    assert isinstance(model[0].weight, DTensor)
    with pytest.raises(ValueError, match="ModuleList has no forward"):
        fully_shard(nn.ModuleList([nn.Linear(1, 1)]))
    other = fully_shard(nn.Linear(3, 4), shard_placement_fn=lambda p: Shard(p.ndim - 1))
    assert other.weight.to_local().shape == (4, (2, 1)[dist.get_rank()])
    other(torch.ones(1, 3)).sum().backward()
    assert torch.equal(other.weight.grad.full_tensor(), torch.ones(4, 3))


@several
def test_sharded_modules_that_begin_on_meta():
    state = net().state_dict()
    for fill in ("load", "to_empty"):
        with torch.device("meta"):
            model = net()
        fully_shard(model)
        if fill == "load":
            given = state if dist.get_rank() == 0 else {}
            options = StateDictOptions(full_state_dict=True, broadcast_from_rank0=True)
            set_model_state_dict(model, given, options=options)
        else:
            model.to_empty(device="cpu")
            model.load_state_dict(state)
        check_same(model, net())
        model(batch()[1]).sum().backward()
        assert model[0].weight.grad.placements == (Shard(0),)
    with pytest.raises(NotImplementedError, match="weight of Linear is a DTensor already"):
        fully_shard(nn.Sequential(parallelize_module(nn.Linear(2, 2), None, ColwiseParallel())))


@several
def test_wrapped_modules_train_as_whole_ones():
    whole, mine = batch()
    for strategy in (
        ShardingStrategy.FULL_SHARD,
        ShardingStrategy.SHARD_GRAD_OP,
        ShardingStrategy.NO_SHARD,
    ):
        model = FSDP(
            net(), auto_wrap_policy=ModuleWrapPolicy({nn.Linear}), sharding_strategy=strategy,
            sync_module_states=True, cpu_offload=CPUOffload(True), use_orig_params=True,
        )  # fmt: skip
        alone = net()
        assert len(FSDP.fsdp_modules(model)) == 4 and FSDP.fsdp_modules(model, True) == [model]
        one, other = (torch.optim.Adam(m.parameters(), 0.01, eps=1e-3) for m in (model, alone))
        for i in range(3):
            one.zero_grad()
            with model.no_sync() if i == 1 else contextlib.nullcontext():
                model(mine).square().mean().backward()
            if i == 1:
                model(mine).square().mean().backward()
            other.zero_grad()
            for _ in range(1 + (i == 1)):
                alone(whole).square().mean().backward()
            norms = model.clip_grad_norm_(0.1), nn.utils.clip_grad_norm_(alone.parameters(), 0.1)
            assert torch.allclose(*norms)
            one.step()
            other.step()
        state = model.state_dict()
        assert list(state) == list(alone.state_dict())
        assert [name for name, _ in model.named_parameters()] == [
            n for n, _ in alone.named_parameters()
        ]
        check_same(model, alone)
        # The state of model and optimizer goes to another.
        again = FSDP(net(), sharding_strategy=strategy)
        optimizer = torch.optim.Adam(again.parameters(), 0.01)
        again.load_state_dict(state)
        found = FSDP.optim_state_dict(model, one)
        assert type(found["state"]["0.weight"]["exp_avg"]) is torch.Tensor
        optimizer.load_state_dict(FSDP.optim_state_dict_to_load(again, optimizer, found))
        for m, o in ((model, one), (again, optimizer)):
            o.zero_grad()
            m(mine).sum().backward()
            o.step()
        with FSDP.summon_full_params(model), FSDP.summon_full_params(again):
            for p, q in zip(model.parameters(), again.parameters(), strict=True):
                assert type(p) is nn.Parameter and torch.allclose(p, q, atol=1e-6)
            with torch.no_grad():
                model.module[3].module.bias.fill_(3.0)
        assert model.state_dict()["3.bias"].tolist() == [3.0] * 3
        with FSDP.state_dict_type(
            model, StateDictType.FULL_STATE_DICT, FullStateDictConfig(rank0_only=True)
        ):
            assert bool(model.state_dict()) == (dist.get_rank() == 0)
        with FSDP.state_dict_type(model, StateDictType.SHARDED_STATE_DICT):
            assert isinstance(model.state_dict()["0.weight"], DTensor)
            model.load_state_dict(model.state_dict())


@several
def test_which_modules_are_wrapped():
    count = lambda model: len(FSDP.fsdp_modules(model))
    policy = functools.partial(size_based_auto_wrap_policy, min_num_params=40)
    assert count(FSDP(net(), auto_wrap_policy=policy)) == 3  # the whole, and two of 49 and 50
    assert (
        count(FSDP(net(), auto_wrap_policy=CustomPolicy(lambda m: isinstance(m, nn.LayerNorm))))
        == 2
    )
    with enable_wrap(wrapper_cls=FSDP):
        assert isinstance(wrap(nn.Linear(1, 1)), FSDP)
    assert type(wrap(nn.Linear(1, 1))) is nn.Linear
    model = net()
    half = FSDP(model, ignored_modules=[model[0]], mixed_precision=MixedPrecision(torch.bfloat16))
    assert type(half.module[0].weight) is nn.Parameter and isinstance(
        half.module[3].weight, DTensor
    )
    with pytest.raises(ValueError, match="needs a device_mesh of two dimensions"):
        FSDP(net(), sharding_strategy=ShardingStrategy.HYBRID_SHARD)
    with torch.device("meta"):
        empty = nn.Linear(2, 2)
    fill = lambda m: m.to_empty(device="cpu") and m.reset_parameters()
    assert not FSDP(empty, param_init_fn=fill).module.weight.is_meta
    model = net()
    apply_activation_checkpointing(model, check_fn=lambda m: isinstance(m, nn.Linear))
    assert isinstance(model[0], CheckpointWrapper) and list(model.state_dict()) == list(
        net().state_dict()
    )
    model.load_state_dict(net().state_dict())
    check_same(FSDP(model), net())


@several
@pytest.mark.parametrize("way", [CheckpointImpl.NO_REENTRANT, CheckpointImpl.REENTRANT])
def test_what_is_computed_again_has_whole_parameters(way):
    whole, mine = batch()
    for reshard in (True, False):
        model, alone = net(), net()
        style = functools.partial(checkpoint_wrapper, checkpoint_impl=way)
        apply_activation_checkpointing(model, style, check_fn=lambda m: isinstance(m, nn.Linear))
        fully_shard(model[2], reshard_after_forward=reshard)
        fully_shard(model, reshard_after_forward=reshard)
        x = mine.clone().requires_grad_()
        model(x).square().mean().backward()
        alone(whole).square().mean().backward()
        for p, q in zip(model.parameters(), alone.parameters(), strict=True):
            assert torch.allclose(p.grad.full_tensor(), q.grad, atol=1e-5)
        assert not [m for m in model.modules() if "weight" in m.__dict__]


@in_processes(4)
def test_parts_within_copies():
    mesh = dist.init_device_mesh("cpu", (2, 2), mesh_dim_names=("copies", "parts"))
    torch.manual_seed(5)
    x = torch.randn(8, 6)
    mine = x[2 * dist.get_rank() :][:2]
    model, alone = fully_shard(net(), mesh=mesh), net()
    other = FSDP(net(), device_mesh=mesh, sharding_strategy=ShardingStrategy.HYBRID_SHARD)
    assert model[0].weight.to_local().shape[0] in (3, 4)
    alone(x).square().mean().backward()
    for m in (model, other):
        m(mine).square().mean().backward()
        for p, q in zip(m.parameters(), alone.parameters(), strict=True):
            assert torch.allclose(p.grad.full_tensor(), q.grad, atol=1e-5)


@several
def test_optimizers_without_redundancy():
    whole, mine = batch()
    for as_views in (False, True):
        model, alone = nn.parallel.DistributedDataParallel(net()), net()
        one = ZeroRedundancyOptimizer(
            model.parameters(),
            torch.optim.Adam,
            parameters_as_bucket_view=as_views,
            lr=0.01,
            eps=1e-3,
        )
        other = torch.optim.Adam(alone.parameters(), 0.01, eps=1e-3)
        for _ in range(3):
            step(model, one, mine)
            step(alone, other, whole)
        check_same(model, alone)
        held = sum(len(g["params"]) for g in one.optim.param_groups)
        assert 0 < held < len(list(model.parameters()))
        with pytest.raises(RuntimeError, match="Call consolidate_state_dict"):
            one.state_dict()
        one.consolidate_state_dict(to=0)
        states = [one.state_dict() if dist.get_rank() == 0 else None]
        dist.broadcast_object_list(states, src=0)
        assert len(states[0]["state"]) == len(list(model.parameters()))
        again = ZeroRedundancyOptimizer(model.parameters(), torch.optim.Adam, lr=0.5)
        again.load_state_dict(states[0])
        assert again.param_groups[0]["lr"] == 0.01
        other.load_state_dict(copy.deepcopy(states[0]))
        step(model, again, mine)
        step(alone, other, whole)
        check_same(model, alone)
    again.add_param_group({"params": [nn.Parameter(torch.zeros(2))], "lr": 0.1})
    model = nn.parallel.DistributedDataParallel(nn.Linear(1, 1))
    optimizer = ZeroRedundancyOptimizer(model.parameters(), torch.optim.SGD, lr=0.1)
    with Join([model, optimizer]):
        for _ in range(1 + dist.get_rank()):
            optimizer.zero_grad()
            model(torch.ones(1, 1)).sum().backward()
            optimizer.step()
    spread = [torch.empty(1, 1) for _ in range(2)]
    dist.all_gather(spread, model.module.weight.detach())
    assert torch.equal(*spread)


@several
def test_models_averaged_now_and_then():
    from flambeau.distributed.algorithms.model_averaging.averagers import PeriodicModelAverager

    p = nn.Parameter(torch.zeros(1))
    optimizer = PostLocalSGDOptimizer(torch.optim.SGD([p], 1.0), PeriodicModelAverager(2, 1))
    values = []
    for _ in range(3):
        optimizer.zero_grad()
        (p * dist.get_rank()).sum().backward()
        optimizer.step()
        values.append(p.item())
    # Steps 0, 1 and 2 are counted; the mean is taken after the second.
    assert values == ([0.0, -1.0, -1.0] if dist.get_rank() == 0 else [-1.0, -1.0, -2.0])
    assert optimizer.state_dict()["step"] == 3


def _save(folder):
    model = fully_shard(net())
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    _, mine = batch()
    step(model, optimizer, mine)
    states = {"model": get_model_state_dict(model), "optim": get_optimizer_state_dict(model, optimizer)}  # fmt: skip
    dcp.save({**states, "step": 7, "list": [torch.ones(2), "x"]}, checkpoint_id=folder / "one")
    dcp.async_save(states, checkpoint_id=folder / "two").wait()
    whole = get_model_state_dict(model, options=StateDictOptions(full_state_dict=True))
    assert all(type(t) is torch.Tensor for t in whole.values())
    only_0 = get_model_state_dict(
        model, options=StateDictOptions(full_state_dict=True, cpu_offload=True)
    )
    assert bool(only_0) == (dist.get_rank() == 0)
    return {name: t.tolist() for name, t in whole.items()}


def _load(folder, kind):
    model = fully_shard(net()) if kind == "parts" else net()
    optimizer = torch.optim.Adam(model.parameters(), 0.5)
    with torch.no_grad():
        for p in model.parameters():
            p.zero_()
    model_state, optim_state = get_state_dict(model, optimizer)
    state = {"model": model_state, "optim": optim_state, "step": 0, "list": [torch.zeros(2), ""]}
    dcp.load(state, checkpoint_id=folder / "one")
    assert state["step"] == 7 and state["list"][0].tolist() == [1, 1] and state["list"][1] == "x"
    set_state_dict(
        model, optimizer, model_state_dict=state["model"], optim_state_dict=state["optim"]
    )
    assert optimizer.param_groups[0]["lr"] == 0.01
    assert {s["step"].item() for s in optimizer.state.values()} == {1.0}
    options = StateDictOptions(full_state_dict=True)
    found = get_model_state_dict(model, options=options)
    dcp.load({"model": get_model_state_dict(model)}, checkpoint_id=folder / "two")
    if dist.get_world_size() > 1:
        given = found if dist.get_rank() == 0 else {}
        broadcasting = StateDictOptions(full_state_dict=True, broadcast_from_rank0=True)
        set_model_state_dict(model, given, options=broadcasting)
        flat = StateDictOptions(flatten_optimizer_state_dict=True, full_state_dict=True)
        flattened = get_optimizer_state_dict(model, optimizer, options=flat)
        assert (
            "state.0.weight.exp_avg" in flattened and flattened["param_groups.0.weight.lr"] == 0.01
        )
        set_optimizer_state_dict(model, optimizer, flattened, options=flat)
        with pytest.raises(RuntimeError, match=r"missing names \['0.weight'"):
            set_model_state_dict(model, {})
    for wrong, error, words in (
        ({"other": torch.ones(1)}, RuntimeError, "has no 'other'"),
        ({"model": {"0.weight": torch.ones(1)}}, dcp.CheckpointException, r"is \(7, 6\) in the checkpoint, and \(1,\)"),
    ):  # fmt: skip
        with pytest.raises(error, match=words):
            dcp.load(wrong, checkpoint_id=folder / "one")
    return {name: t.tolist() for name, t in found.items()}


@pytest.mark.parametrize("kind, n", [("parts", 3), ("parts", 2), ("whole", 2)])
def test_checkpoints_go_from_two_processes_to_any_number(tmp_path, kind, n):
    pytest.importorskip("mpi4py")
    saved = run(_save, tmp_path)
    loaded = run(_load, tmp_path, kind, n=n)
    assert saved[0] == saved[1] and all(part == saved[0] for part in loaded.values())


def test_checkpoints_of_one_process(tmp_path):
    model = nn.Linear(2, 1)
    dcp.save({"model": model}, checkpoint_id=tmp_path)
    other = nn.Linear(2, 1)
    dcp.load({"model": other}, checkpoint_id=tmp_path)
    assert torch.equal(model.weight, other.weight) and torch.equal(model.bias, other.bias)
    with pytest.raises(dcp.CheckpointException, match=r"has no \.metadata"):
        dcp.load({"model": other}, checkpoint_id=tmp_path / "nothing")
    with pytest.raises(dcp.CheckpointException, match="overwrite is False"):
        dcp.save({}, storage_writer=dcp.FileSystemWriter(tmp_path, overwrite=False))
    state = {"more": torch.ones(1)}
    dcp.load(state, checkpoint_id=tmp_path, planner=dcp.DefaultLoadPlanner(allow_partial_load=True))
    with pytest.raises(ValueError, match="give checkpoint_id"):
        dcp.save({})
