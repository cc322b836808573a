"""Optimizers: against PyTorch, and what must hold without it."""

import copy
import importlib.util
import math

import numpy as np
import pytest

import flambeau as torch
from flambeau import optim

rng = np.random.default_rng(1)
START = [rng.normal(size=(4, 3)), rng.normal(size=(3,))]
X, Y = rng.normal(size=(8, 4)), rng.normal(size=(8, 3))

CONFIGURATIONS = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.5, "maximize": True}),
    ("Adam", {"lr": 0.1}),
    ("Adam", {"lr": 0.1, "weight_decay": 0.1, "amsgrad": True}),
    ("Adam", {"lr": 0.1, "maximize": True, "betas": (0.5, 0.9)}),
    ("AdamW", {"lr": 0.1, "weight_decay": 0.1}),
    ("AdamW", {"lr": 0.1, "amsgrad": True}),
    ("RMSprop", {"lr": 0.1}),
    ("RMSprop", {"lr": 0.1, "momentum": 0.5, "centered": True, "weight_decay": 0.1}),
    ("RMSprop", {"lr": 0.1, "centered": True}),
    ("RMSprop", {"lr": 0.1, "momentum": 0.5}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.1, "weight_decay": 0.1}),
    ("Adadelta", {"weight_decay": 0.1}),
    ("Adamax", {"lr": 0.1, "weight_decay": 0.1}),
    ("NAdam", {"lr": 0.1, "weight_decay": 0.1}),
    ("NAdam", {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("RAdam", {"lr": 0.1}),
    ("ASGD", {"lr": 0.1, "t0": 2}),
    ("Rprop", {"lr": 0.1}),
    ("Adafactor", {"lr": 0.1, "weight_decay": 0.1}),
    ("LBFGS", {"lr": 0.5, "max_iter": 5}),
    ("LBFGS", {"max_iter": 5, "line_search_fn": "strong_wolfe"}),
]
IDS = [f"{i}-{name}" for i, (name, _) in enumerate(CONFIGURATIONS)]


def trained(library, name, options, steps=8, resume=None):
    """The parameters after some steps on a small regression; at `resume` through a state_dict."""
    params = [library.tensor(start).requires_grad_(True) for start in START]
    x, y = library.tensor(X), library.tensor(Y)
    optimizer = getattr(library.optim, name)(params, **options)

    def closure():
        optimizer.zero_grad()
        loss = (((x @ params[0] + params[1]).tanh() - y) ** 2).mean()
        loss.backward()
        return loss

    for step in range(steps):
        if step == resume:
            state = copy.deepcopy(optimizer.state_dict())
            optimizer = getattr(library.optim, name)(params, **options)
            optimizer.load_state_dict(state)
        if name == "LBFGS":
            optimizer.step(closure)
        else:
            closure()
            optimizer.step()
    return [parameter.detach().numpy() for parameter in params], optimizer


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs PyTorch")
@pytest.mark.parametrize("name, options", CONFIGURATIONS, ids=IDS)
def test_as_pytorch(name, options):
    import torch as oracle

    # L-BFGS amplifies every rounding: its path is the same for a few steps only.
    steps = 3 if name == "LBFGS" else 8
    expected, reference = trained(oracle, name, options, steps)
    got, optimizer = trained(torch, name, options, steps)
    for a, b in zip(expected, got, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-6, atol=1e-9)
    wanted, found = reference.state_dict(), optimizer.state_dict()
    assert set(found["param_groups"][0]) == set(wanted["param_groups"][0])
    for index, state in wanted["state"].items():
        assert set(found["state"][index]) == set(state)


@pytest.mark.parametrize("name, options", CONFIGURATIONS, ids=IDS)
def test_resuming_changes_nothing(name, options):
    straight, _ = trained(torch, name, options)
    resumed, _ = trained(torch, name, options, resume=4)
    for a, b in zip(straight, resumed, strict=True):
        # NAdam's product of momenta is rounded to the parameter's dtype when it is loaded.
        np.testing.assert_allclose(b, a, rtol=1e-7)


def parameter(value=1.0, grad=1.0):
    tensor = torch.tensor([value], requires_grad=True)
    tensor.grad = torch.tensor([grad])
    return tensor


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "NAdam"])
def test_a_step_is_one_call_of_one_kernel(name, monkeypatch):
    from flambeau.optim import rule

    params = [parameter() for _ in range(5)]
    optimizer = getattr(optim, name)(params)
    optimizer.step()
    calls, run = [], rule._map_lists
    monkeypatch.setattr(rule, "_map_lists", lambda *args: (calls.append(args), run(*args)))
    optimizer.step()
    assert len(calls) == 1 and len(calls[0][1][0]) == 5


def test_half_precision_parameters():
    tensor = torch.ones(3, dtype=torch.float16, requires_grad=True)
    tensor.grad = torch.ones(3, dtype=torch.float16)
    optim.Adam([tensor], lr=0.5).step()
    # The state is float16 too: the mean of squares, 1e-3, has 3 digits.
    assert tensor.dtype == torch.float16 and abs(tensor[0].item() - 0.5) < 0.01


def test_complex_parameters_are_pairs():
    tensor = torch.tensor([1 + 2j], requires_grad=True)
    tensor.grad = torch.tensor([1 - 1j])
    optim.SGD([tensor], lr=0.5).step()
    assert tensor.tolist() == [0.5 + 2.5j]


def test_strided_parameters():
    base = torch.zeros(4, 2)
    tensor = base.t()[:, ::2].detach().requires_grad_(True)
    tensor.grad = torch.ones(2, 2)
    optim.SGD([tensor], lr=1.0).step()
    assert base.tolist() == [[-1.0, -1.0], [0.0, 0.0], [-1.0, -1.0], [0.0, 0.0]]


def test_parameters_without_gradient_are_left_alone():
    still, moved = torch.ones(1, requires_grad=True), parameter()
    optimizer = optim.Adam([still, moved])
    optimizer.step()
    assert still.item() == 1 and moved.item() != 1 and still not in optimizer.state


def test_a_step_is_noticed_by_autograd():
    x = torch.ones(2, requires_grad=True)
    loss = (x * x).sum()
    x.grad = torch.ones(2)
    optim.SGD([x], lr=0.1).step()
    with pytest.raises(RuntimeError):
        loss.backward()


def test_differentiable_steps_are_recorded():
    meta = torch.tensor([2.0], requires_grad=True)
    x = meta * 1
    x.retain_grad()
    x.grad = meta * 3
    optim.SGD([x], lr=0.1, differentiable=True).step()
    (gradient,) = torch.autograd.grad(x.sum(), meta)
    assert math.isclose(gradient.item(), 1 - 0.3, rel_tol=1e-6)


def test_groups_have_their_own_options():
    a, b = parameter(), parameter()
    optimizer = optim.SGD([{"params": [a]}, {"params": b, "lr": 0.5}], lr=0.1)
    optimizer.step()
    assert math.isclose(a.item(), 0.9, rel_tol=1e-6) and b.item() == 0.5
    optimizer.add_param_group({"params": [parameter()], "momentum": 0.9})
    assert len(optimizer.param_groups) == 3 and optimizer.param_groups[2]["lr"] == 0.1
    assert "\n\nParameter Group 2\n" in repr(optimizer)


def test_named_parameters():
    optimizer = optim.SGD(torch.nn.Linear(2, 1).named_parameters(), lr=0.1)
    assert optimizer.state_dict()["param_groups"][0]["param_names"] == ["weight", "bias"]


def test_wrong_arguments_are_refused():
    p = parameter()
    with pytest.raises(
        ValueError,
        match=r"SGD: params is empty\. An iterator such as model\.parameters\(\) can be read only once",
    ):
        optim.SGD([])
    with pytest.raises(TypeError, match=r"SGD: params is one torch\.FloatTensor"):
        optim.SGD(p)
    with pytest.raises(TypeError, match="SGD: takes Tensors, but a parameter is int"):
        optim.SGD([3])
    with pytest.raises(
        ValueError,
        match=r"SGD: a parameter of shape \(1,\) is no leaf: it was computed, and a step would change only the",
    ):
        optim.SGD([p * 2])
    with pytest.raises(ValueError, match="SGD: a parameter is in two groups"):
        optim.SGD([{"params": [p]}, {"params": [p]}])
    with pytest.raises(ValueError, match="Adam: lr is -1; it must be 0 or more"):
        optim.Adam([p], lr=-1)
    with pytest.raises(
        ValueError, match=r"Adam: betas\[0\] is 1\.0; it must be 0 or more, and below 1"
    ):
        optim.Adam([p], betas=(1.0, 0.9))
    with pytest.raises(
        ValueError, match="SGD: nesterov=True needs momentum above 0 and dampening 0"
    ):
        optim.SGD([p], nesterov=True)
    with pytest.raises(RuntimeError, match="Adam: fused=True and foreach=True are two ways"):
        optim.Adam([p], fused=True, foreach=True)
    with pytest.raises(
        ValueError, match=r"SGD\.load_state_dict: the state has 0 groups, the optimizer 1"
    ):
        optim.SGD([p]).load_state_dict({"state": {}, "param_groups": []})


def test_hooks():
    seen = []
    optimizer = optim.SGD([parameter()], lr=0.1)
    before = optimizer.register_step_pre_hook(lambda *args: seen.append("before"))
    optimizer.register_step_post_hook(lambda *args: seen.append("after"))
    optimizer.step()
    before.remove()
    optimizer.step()
    assert seen == ["before", "after", "after"]
    optimizer.register_state_dict_post_hook(lambda o, state: {**state, "more": 1})
    assert optimizer.state_dict()["more"] == 1


def test_own_optimizer():
    class Sign(optim.Optimizer):
        def __init__(self, params, lr=0.5):
            super().__init__(params, {"lr": lr})

        def step(self, closure=None):
            with torch.no_grad():
                for group in self.param_groups:
                    for p in group["params"]:
                        p.sub_(p.grad.sign(), alpha=group["lr"])

    seen, p = [], parameter()
    optimizer = Sign([p])
    optimizer.register_step_post_hook(lambda *args: seen.append(1))
    optimizer.step()
    assert p.item() == 0.5 and seen == [1]


def test_closure_records_and_its_loss_is_returned():
    p = parameter()
    optimizer = optim.SGD([p], lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = (p * 3).sum()
        loss.backward()
        return loss

    with torch.no_grad():
        assert optimizer.step(closure).item() == 3
    assert math.isclose(p.item(), 0.7, rel_tol=1e-6)


def test_muon_steps_are_nearly_orthogonal():
    p = torch.zeros(3, 5, requires_grad=True)
    p.grad = torch.randn(3, 5)
    optim.Muon([p], lr=1.0, weight_decay=0.0).step()
    values = np.linalg.svd(p.detach().numpy(), compute_uv=False)
    assert (values > 0.5).all() and (values < 1.5).all()
    with pytest.raises(ValueError, match=r"Muon: a parameter has shape \(1,\)"):
        optim.Muon([parameter()])


def test_lbfgs_finds_the_minimum_of_rosenbrock():
    p = torch.tensor([-1.2, 1.0], dtype=torch.float64, requires_grad=True)
    optimizer = optim.LBFGS([p], max_iter=100, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2
        loss.backward()
        return loss

    optimizer.step(closure)
    np.testing.assert_allclose(p.detach().numpy(), [1, 1], atol=1e-3)


@pytest.mark.parametrize(
    "name", ["Adam", "AdamW", "NAdam", "RAdam", "Adamax", "RMSprop", "Adadelta"]
)
def test_float32_steps_are_those_of_float64_rounded(name):
    # 1 - beta2, taken in float32, was off by 1e-5 of itself, and each step of Adam by half of that.
    moved = []
    for dtype in (torch.float32, torch.float64):
        parameter = torch.zeros(4, dtype=dtype, requires_grad=True)
        optimizer = getattr(torch.optim, name)([parameter])
        for step in range(30):
            parameter.grad = torch.tensor([1.0, -2.0, 0.5, 3.0], dtype=dtype) * (1 + step % 3)
            optimizer.step()
        moved.append(parameter.detach().double().numpy())
    np.testing.assert_allclose(*moved, rtol=1.5e-6)


ALL = [
    *CONFIGURATIONS,
    ("Muon", {"lr": 0.02}),
    ("Adam", {"lr": 0.01, "amsgrad": True, "weight_decay": 1e-3}),
    ("ASGD", {"lr": 0.05, "t0": 100, "lambd": 1e-3}),
    ("Rprop", {"lr": 1e-3}),
]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("name", "options"), ALL)
def test_a_long_run_saved_in_the_middle_is_the_unbroken_one(name, options, dtype):
    steps = 60 if name == "LBFGS" else 1500
    target = torch.tensor(rng.normal(size=(3, 3)), dtype=dtype)

    def begin():
        params = [torch.ones(3, 3, dtype=dtype, requires_grad=True)]
        if name != "Muon":
            params.append(torch.zeros(3, dtype=dtype, requires_grad=True))
        return params, getattr(optim, name)(params, **options)

    def run(params, optimizer, steps):
        def closure():
            optimizer.zero_grad()
            loss = ((sum(params) - target) ** 2).sum() + params[0].abs().sum()
            loss.backward()
            return loss

        for _ in range(steps):
            optimizer.step(closure)

    params, optimizer = begin()
    run(params, optimizer, steps)
    halves, first = begin()
    run(halves, first, steps // 2)
    values = [p.detach().clone() for p in halves]
    state = first.state_dict()
    resumed, second = begin()
    with torch.no_grad():
        for parameter, value in zip(resumed, values, strict=True):
            parameter.copy_(value)
    second.load_state_dict(state)
    run(halves, first, 3)  # what the first does from now on is nothing to the second
    run(resumed, second, steps - steps // 2)
    for a, b in zip(params, resumed, strict=True):
        assert torch.equal(a, b)
        assert options.get("maximize") or a.isfinite().all()


def test_loading_shares_nothing():
    params = [torch.ones(2, requires_grad=True)]
    first, second = (optim.Adam(params, amsgrad=True) for _ in range(2))
    (params[0] ** 2).sum().backward()
    first.step()
    first.state[params[0]]["own"] = {"list": [torch.ones(2)], "pair": (1, torch.ones(2))}
    second.load_state_dict(first.state_dict())
    pointers = [
        {t.data_ptr() for t in tensors_in(o.state[params[0]])} for o in (first, second)
    ]  # fmt: skip
    assert len(pointers[0]) == 6
    assert not pointers[0] & pointers[1]


def tensors_in(value):
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, dict):
        value = value.values()
    if isinstance(value, (str, float, int)):
        return []
    return [t for part in value for t in tensors_in(part)]


def test_step_without_the_base_class_having_been_set_up():
    class Own(optim.Optimizer):
        def __init__(self, parameter):
            self.parameter = parameter

        def step(self, closure=None):
            with torch.no_grad():
                self.parameter.sub_(self.parameter.grad)

    parameter = torch.ones(2, requires_grad=True)
    parameter.sum().backward()
    Own(parameter).step()
    assert parameter.tolist() == [0, 0]


def test_the_dictionary_of_the_package_holds_all():
    for package in (optim, optim.lr_scheduler, torch.distributions):
        assert set(package.__all__) <= set(package.__dict__)
        assert set(package.__all__) <= set(vars(package))


@pytest.mark.parametrize(
    "make", [optim.Adam, lambda p: optim.SGD(p, 0.1, momentum=0.9), optim.RMSprop]
)
def test_state_of_another_shape_is_refused(make):
    parameter = torch.ones(2, requires_grad=True)
    optimizer = make([parameter])
    parameter.sum().backward()
    optimizer.step()
    parameter.data, parameter.grad = torch.ones(5000), None
    parameter.grad = torch.ones(5000)
    with pytest.raises(RuntimeError, match=r"shape \(2,\) does not fit \(5000,\)"):
        optimizer.step()
    assert parameter.tolist() == [1] * 5000


def test_a_gradient_of_another_shape_is_refused():
    parameter = torch.ones(2, requires_grad=True)
    parameter.sum().backward()
    parameter.data = torch.ones(5000)
    with pytest.raises(RuntimeError, match=r"sgd: .* \(2,\) does not fit \(5000,\)"):
        optim.SGD([parameter], 0.1).step()


def test_a_parameter_that_shares_elements_is_refused():
    parameter = torch.ones(1).expand(5).requires_grad_()
    parameter.grad = torch.ones(5)
    with pytest.raises(RuntimeError, match="share memory"):
        optim.SGD([parameter], 0.1).step()
