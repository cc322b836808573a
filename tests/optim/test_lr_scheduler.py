"""Schedules of learning rates: formulas, composition, state; against PyTorch where it is."""

import copy
import importlib.util
import math
import warnings

import pytest

import flambeau as torch
from flambeau import optim
from flambeau.optim import lr_scheduler, swa_utils

SCHEDULES = {
    "LambdaLR": lambda s, o: s.LambdaLR(o, lambda epoch: 0.9**epoch),
    "MultiplicativeLR": lambda s, o: s.MultiplicativeLR(o, lambda epoch: 0.9),
    "StepLR": lambda s, o: s.StepLR(o, 3, 0.5),
    "MultiStepLR": lambda s, o: s.MultiStepLR(o, [2, 5, 5]),
    "ConstantLR": lambda s, o: s.ConstantLR(o, 0.5, 4),
    "LinearLR": lambda s, o: s.LinearLR(o, 0.25, 0.9, 6),
    "ExponentialLR": lambda s, o: s.ExponentialLR(o, 0.8),
    "PolynomialLR": lambda s, o: s.PolynomialLR(o, 7, 2.0),
    "CosineAnnealingLR": lambda s, o: s.CosineAnnealingLR(o, 4, 0.001),
    "CosineAnnealingWarmRestarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 2, 2, 0.001),
    "CyclicLR": lambda s, o: s.CyclicLR(o, 0.01, 0.1, 3, 4, mode="triangular2"),
    "CyclicLR exp_range": lambda s, o: s.CyclicLR(o, 0.01, 0.1, 3, mode="exp_range", gamma=0.9),
    "OneCycleLR": lambda s, o: s.OneCycleLR(o, 0.5, total_steps=15),
    "OneCycleLR linear": lambda s, o: s.OneCycleLR(
        o, 0.5, epochs=5, steps_per_epoch=3, anneal_strategy="linear", three_phase=True
    ),
    "SequentialLR": lambda s, o: s.SequentialLR(
        o, [s.LinearLR(o, 0.1, total_iters=4), s.CosineAnnealingLR(o, 8)], [4]
    ),
    "ChainedScheduler": lambda s, o: s.ChainedScheduler(
        [s.ConstantLR(o, 0.1, 4), s.ExponentialLR(o, 0.9)]
    ),
}


def rates(library, space, build, steps=12, reload_at=None):
    params = [library.ones(1, requires_grad=True) for _ in range(2)]
    groups = [{"params": params[:1]}, {"params": params[1:], "lr": 0.02}]
    optimizer = library.optim.SGD(groups, lr=0.1, momentum=0.9)
    scheduler, found = build(space, optimizer), []
    for step in range(steps):
        found.append([(g["lr"], g["momentum"]) for g in optimizer.param_groups])
        assert scheduler.get_last_lr() == [g["lr"] for g in optimizer.param_groups]
        optimizer.step()
        scheduler.step()
        if step == reload_at:
            scheduler.load_state_dict(copy.deepcopy(scheduler.state_dict()))
    return found


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs PyTorch")
@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.filterwarnings("ignore")
def test_as_pytorch(name):
    import torch as oracle

    wanted = rates(oracle, oracle.optim.lr_scheduler, SCHEDULES[name])
    got = rates(torch, lr_scheduler, SCHEDULES[name])
    for step, (w, g) in enumerate(zip(wanted, got, strict=True)):
        for (lr, momentum), (own_lr, own_momentum) in zip(w, g, strict=True):
            assert math.isclose(own_lr, lr, rel_tol=1e-9, abs_tol=1e-12), step
            assert math.isclose(own_momentum, momentum, rel_tol=1e-9), step


@pytest.mark.parametrize("name", SCHEDULES)
def test_resuming_changes_nothing(name):
    straight = rates(torch, lr_scheduler, SCHEDULES[name])
    assert rates(torch, lr_scheduler, SCHEDULES[name], reload_at=5) == straight


def sgd(lr=1.0):
    return optim.SGD([torch.ones(1, requires_grad=True)], lr=lr)


def test_plateau():
    optimizer = sgd()
    scheduler = lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=1, cooldown=1)
    found = []
    for metric in (1.0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5):
        scheduler.step(metric)
        found.append(optimizer.param_groups[0]["lr"])
    assert found == [1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.25]
    assert scheduler.get_last_lr() == [0.25]
    with pytest.raises(ValueError, match=r"ReduceLROnPlateau: factor is 1\.0"):
        lr_scheduler.ReduceLROnPlateau(optimizer, factor=1.0)


def test_the_wrong_order_warns():
    scheduler = lr_scheduler.StepLR(sgd(), 1)
    with pytest.warns(UserWarning, match="before `optimizer.step"):
        scheduler.step()
    optimizer = sgd()
    scheduler = lr_scheduler.StepLR(optimizer, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        optimizer.step()
        scheduler.step()


def test_resuming_needs_initial_rates():
    with pytest.raises(KeyError, match="initial_lr"):
        lr_scheduler.StepLR(sgd(), 1, last_epoch=3)
    with pytest.raises(TypeError, match="not an Optimizer"):
        lr_scheduler.StepLR(3, 1)


def test_tensor_rates_are_written_in_place():
    rate = torch.tensor(1.0)
    optimizer = sgd(rate)
    scheduler = lr_scheduler.ExponentialLR(optimizer, 0.5)
    optimizer.step()
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] is rate and rate.item() == 0.5


def test_averaged_model_and_its_batch_norm():
    model = torch.nn.Sequential(torch.nn.Linear(1, 1, bias=False), torch.nn.BatchNorm1d(1))
    average = swa_utils.AveragedModel(model)
    for value in (1.0, 3.0):
        with torch.no_grad():
            model[0].weight.fill_(value)
        average.update_parameters(model)
    assert average.module[0].weight.item() == 2.0 and average.n_averaged.item() == 2
    data = [torch.tensor([[1.0], [3.0]])]
    swa_utils.update_bn(data, average)
    assert average.module[1].running_mean.item() == 4.0

    moving = swa_utils.AveragedModel(model, multi_avg_fn=swa_utils.get_ema_multi_avg_fn(0.5))
    moving.update_parameters(model)
    with torch.no_grad():
        model[0].weight.fill_(5.0)
    moving.update_parameters(model)
    assert moving.module[0].weight.item() == 4.0


def trained(build, steps, seen=()):
    """An optimizer and its schedule after some steps, what was used at each step going into `seen`."""
    params = [torch.ones(1, requires_grad=True) for _ in range(2)]
    groups = [{"params": params[:1]}, {"params": params[1:], "lr": 0.02}]
    optimizer = optim.SGD(groups, lr=0.1, momentum=0.9)
    scheduler = build(lr_scheduler, optimizer)
    go_on(optimizer, scheduler, steps, seen)
    return optimizer, scheduler


def go_on(optimizer, scheduler, steps, seen):
    for _ in range(steps):
        if seen != ():
            seen.append([(g["lr"], g["momentum"]) for g in optimizer.param_groups])
        optimizer.step()
        scheduler.step()


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("order", ["made first", "optimizer first", "schedule first"])
@pytest.mark.parametrize("at", [1, 4, 7])
def test_checkpoint_goes_on_in_any_order(name, order, at):
    build, straight, seen = SCHEDULES[name], [], []
    trained(build, 12, straight)
    saved = [copy.deepcopy(part.state_dict()) for part in trained(build, at)]
    fresh = optim.SGD([{"params": [torch.ones(1, requires_grad=True)]} for _ in range(2)], lr=0.1)
    if order == "optimizer first":
        fresh.load_state_dict(saved[0])
    else:
        for group, rate in zip(fresh.param_groups, (0.1, 0.02), strict=True):
            group["lr"] = rate
            group["momentum"] = 0.9
    scheduler = build(lr_scheduler, fresh)
    if order == "schedule first":
        scheduler.load_state_dict(saved[1])
        fresh.load_state_dict(saved[0])
    else:
        fresh.load_state_dict(saved[0]) if order == "made first" else None
        scheduler.load_state_dict(saved[1])
    go_on(fresh, scheduler, 12 - at, seen)
    assert seen == straight[at:]


@pytest.mark.parametrize("after", ["ab", "ba"])
def test_two_schedules_of_one_optimizer_are_loaded_in_any_order(after):
    def make(optimizer):
        return {
            "a": lr_scheduler.ConstantLR(optimizer, 0.5, 3),
            "b": lr_scheduler.ExponentialLR(optimizer, 0.9),
        }

    def run(optimizer, schedules, steps):
        seen = []
        for _ in range(steps):
            seen.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            for schedule in schedules.values():
                schedule.step()
        return seen

    first = sgd()
    straight = run(first, make(first), 8)
    first = sgd()
    schedules = make(first)
    run(first, schedules, 4)
    fresh = sgd()
    fresh.load_state_dict(first.state_dict())
    made = make(fresh)
    for key in after:
        made[key].load_state_dict(schedules[key].state_dict())
    assert run(fresh, made, 4) == straight[4:]


def test_a_rate_set_by_hand_survives_loading():
    optimizer = sgd()
    scheduler = lr_scheduler.LinearLR(optimizer, 0.5, total_iters=4)
    state = scheduler.state_dict()
    optimizer.param_groups[0]["lr"] = 0.123
    scheduler.load_state_dict(state)
    assert optimizer.param_groups[0]["lr"] == 0.123


MADE_LATER = [
    name
    for name in SCHEDULES
    if name not in ("SequentialLR", "ChainedScheduler", "OneCycleLR linear")
]


@pytest.mark.parametrize("name", MADE_LATER)
@pytest.mark.parametrize("at", [1, 3, 4, 5, 7])
def test_made_with_last_epoch_equals_stepped(name, at, monkeypatch):
    build, straight, seen = SCHEDULES[name], [], []
    trained(build, 12, straight)
    saved = trained(build, at)[0].state_dict()
    optimizer, _ = trained(lambda s, o: lr_scheduler.ConstantLR(o, 1.0), 0)
    optimizer.load_state_dict(saved)

    class Later:
        """The schedules, made for a run that has come to epoch `at`."""

        def __getattr__(self, kind):
            return lambda *args, **kwargs: getattr(lr_scheduler, kind)(
                *args, **kwargs, last_epoch=at - 1
            )

    scheduler = build(Later(), optimizer)
    go_on(optimizer, scheduler, 12 - at, seen)
    for got, want in zip(seen, straight[at:], strict=True):
        for a, b in zip(got, want, strict=True):
            assert a == pytest.approx(b, rel=1e-9)


def test_made_with_last_epoch_for_a_fresh_optimizer():
    # The rates are still the initial ones: they are brought to where the schedule is by now.
    for build in (
        lambda o, **k: lr_scheduler.StepLR(o, 3, 0.5, **k),
        lambda o, **k: lr_scheduler.CosineAnnealingLR(o, 9, **k),
        lambda o, **k: lr_scheduler.ExponentialLR(o, 0.8, **k),
    ):
        stepped = sgd()
        scheduler = build(stepped)
        go_on(stepped, scheduler, 5, ())
        fresh = sgd()
        fresh.param_groups[0]["initial_lr"] = 1.0
        build(fresh, last_epoch=4)
        assert fresh.param_groups[0]["lr"] == pytest.approx(stepped.param_groups[0]["lr"])


def constant_then_falling(optimizer, factor, milestone):
    schedules = [
        lr_scheduler.ConstantLR(optimizer, factor, 9),
        lr_scheduler.ExponentialLR(optimizer, 0.5),
    ]
    return lr_scheduler.SequentialLR(optimizer, schedules, milestones=[milestone])


def test_sequence_that_begins_with_its_second_schedule():
    optimizer = sgd()
    scheduler = constant_then_falling(optimizer, 0.1, 0)
    go_on(optimizer, scheduler, 3, seen := [])
    assert [rate for ((rate, _),) in seen] == [1.0, 0.5, 0.25]


def test_sequence_of_composed_schedules():
    optimizer = sgd()
    inner = constant_then_falling(optimizer, 0.5, 2)
    chained = lr_scheduler.ChainedScheduler(
        [lr_scheduler.ConstantLR(optimizer, 0.5, 2), lr_scheduler.ExponentialLR(optimizer, 0.1)]
    )
    scheduler = lr_scheduler.SequentialLR(optimizer, [inner, chained], milestones=[4])
    go_on(optimizer, scheduler, 7, seen := [])
    rates = [rate for ((rate, _),) in seen]
    assert rates == pytest.approx([0.5, 0.5, 1.0, 0.5, 0.5, 0.05, 0.01])


def test_loading_copies():
    state = lr_scheduler.MultiStepLR(sgd(), [2]).state_dict()
    other = lr_scheduler.MultiStepLR(sgd(), [2])
    other.load_state_dict(state)
    other.milestones[7] = 1
    assert 7 not in state["milestones"]


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs PyTorch")
@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.filterwarnings("ignore")
def test_state_has_the_fields_of_pytorchs_and_goes_both_ways(name):
    import torch as oracle

    def stepped(library, space, count, state=None):
        params = [library.ones(1, requires_grad=True)]
        optimizer = library.optim.SGD(params, lr=0.1, momentum=0.9)
        scheduler = SCHEDULES[name](space, optimizer)
        if state is not None:
            optimizer.param_groups[0].update(state[1])
            scheduler.load_state_dict(copy.deepcopy(state[0]))
        for _ in range(count):
            optimizer.step()
            scheduler.step()
        group = {k: v for k, v in optimizer.param_groups[0].items() if k != "params"}
        return scheduler.state_dict(), group

    ours, theirs = (torch, lr_scheduler), (oracle, oracle.optim.lr_scheduler)
    saved = {space: stepped(*space, 4) for space in (ours, theirs)}
    assert saved[ours][0].keys() == saved[theirs][0].keys()
    end = stepped(*theirs, 9)[1]["lr"]
    assert math.isclose(stepped(*ours, 5, saved[theirs])[1]["lr"], end, rel_tol=1e-9)
    assert math.isclose(stepped(*theirs, 5, saved[ours])[1]["lr"], end, rel_tol=1e-9)
