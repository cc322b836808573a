"""Forward and backward hooks of modules."""

import copy

import pytest

import flambeau as torch
from flambeau import nn
from flambeau.nn.modules import module as module_file


def double():
    layer = nn.Linear(2, 2, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.eye(2) * 2)
    return layer


def test_no_hooks_means_no_table():
    layer = double()
    assert "_module_hooks" not in vars(layer)
    layer(torch.ones(1, 2))
    assert "_module_hooks" not in vars(layer)


def test_forward_hooks_replace_input_and_output():
    layer = double()
    x = torch.ones(1, 2)
    before = layer.register_forward_pre_hook(lambda module, args: args[0] * 3)
    assert layer(x).tolist() == [[6.0, 6.0]]
    after = layer.register_forward_hook(lambda module, args, output: output + args[0])
    assert layer(x).tolist() == [[9.0, 9.0]]
    before.remove()
    assert layer(x).tolist() == [[3.0, 3.0]]
    with after:
        pass
    assert layer(x).tolist() == [[2.0, 2.0]]


def test_order_prepend_and_kwargs():
    class Scaled(nn.Module):
        def forward(self, x, *, by):
            return x * by

    module, seen = Scaled(), []
    module.register_forward_hook(lambda *args: seen.append("second"))
    module.register_forward_hook(lambda *args: seen.append("first"), prepend=True)

    def pre(module, args, kwargs):
        seen.append(kwargs["by"])
        return args, {"by": 5}

    module.register_forward_pre_hook(pre, with_kwargs=True)

    def post(module, args, kwargs, output):
        return output + kwargs["by"]

    module.register_forward_hook(post, with_kwargs=True)
    assert module(torch.ones(1), by=2).item() == 10
    assert seen == [2, "first", "second"]
    module.register_forward_pre_hook(lambda *args: 1, with_kwargs=True)
    with pytest.raises(RuntimeError, match="Module: a forward pre-hook with kwargs returned 1"):
        module(torch.ones(1), by=2)


def test_always_called_hooks_see_failures():
    class Fails(nn.Module):
        def forward(self, x):
            raise ValueError("no")

    module, seen = Fails(), []
    module.register_forward_hook(lambda m, a, out: seen.append(out), always_call=True)
    module.register_forward_hook(lambda m, a, out: seen.append("not this"))
    with pytest.raises(ValueError, match="no"):
        module(1)
    assert seen == [None]


def test_full_backward_hooks():
    layer, seen = double(), []

    def hook(module, grad_input, grad_output):
        seen.append((grad_input[0].tolist(), grad_output[0].tolist()))
        return (grad_input[0] * 10,)

    layer.register_full_backward_hook(hook)
    layer.register_full_backward_pre_hook(lambda module, grads: (grads[0] * 2,))
    x = torch.ones(1, 2, requires_grad=True)
    layer(x).sum().backward()
    assert seen == [([[4.0, 4.0]], [[2.0, 2.0]])]
    assert x.grad.tolist() == [[40.0, 40.0]]


def test_backward_hook_without_differentiable_input():
    layer, seen = double(), []
    layer.register_full_backward_hook(lambda m, gi, go: seen.append((gi, go[0].tolist())))
    with pytest.warns(UserWarning, match="Linear: no input of the module requires a gradient"):
        layer(torch.ones(1, 2)).sum().backward()
    assert seen == [((None,), [[1.0, 1.0]])]
    assert layer.weight.grad is not None


def test_backward_hook_kinds_exclude_each_other():
    layer = double()
    layer.register_backward_hook(lambda *args: None)
    with pytest.raises(
        RuntimeError,
        match="Module: has old backward hooks, and old and full ones do not go together",
    ):
        layer.register_full_backward_hook(lambda *args: None)


def test_global_hooks_reach_every_module_until_removed():
    seen = []
    handle = module_file.register_module_forward_hook(lambda m, a, o: seen.append(type(m).__name__))
    try:
        nn.Sequential(nn.ReLU())(torch.ones(1))
    finally:
        handle.remove()
    assert seen == ["ReLU", "Sequential"]
    nn.ReLU()(torch.ones(1))
    assert len(seen) == 2


def test_registration_hooks():
    def negative(module, name, parameter):
        return nn.Parameter(-parameter.detach())

    handle = module_file.register_module_parameter_registration_hook(negative)
    try:
        module = nn.Module()
        module.p = nn.Parameter(torch.ones(1))
    finally:
        handle.remove()
    assert module.p.item() == -1


NOTED = []


def _note(module, args, output):
    NOTED.append(type(module).__name__)


def test_hooks_are_copied_with_the_module():
    layer = double()
    layer.register_forward_hook(_note)
    copy.deepcopy(layer)(torch.ones(1, 2))
    assert NOTED == ["Linear"]


def test_global_tables_may_be_replaced_by_empty_ones():
    # Test suites reset the hooks of every module this way; they went on being called.
    from collections import OrderedDict

    seen = []
    handle = nn.modules.module.register_module_forward_hook(lambda *args: seen.append(1))
    layer = nn.Linear(2, 2)
    layer(torch.ones(1, 2))
    kept = nn.modules.module._global_forward_hooks
    nn.modules.module._global_forward_hooks = OrderedDict()
    try:
        layer(torch.ones(1, 2))
        assert seen == [1]
        assert handle.hooks_dict_ref() is kept
    finally:
        nn.modules.module._global_forward_hooks = kept
        handle.remove()
    assert not kept


def test_handles_know_their_table():
    layer = nn.Linear(2, 2)
    first = layer.register_forward_pre_hook(lambda *args: None, with_kwargs=True)
    second = layer.register_forward_pre_hook(lambda *args: None)
    assert first.hooks_dict_ref() is second.hooks_dict_ref() is layer._forward_pre_hooks
    with first:
        assert first.id in layer._forward_pre_hooks_with_kwargs
    assert list(layer._forward_pre_hooks) == [second.id]
    assert not layer._forward_pre_hooks_with_kwargs
    x = torch.ones(2, requires_grad=True)
    handle = x.register_hook(lambda g: g)
    assert list(handle.hooks_dict_ref()) == [handle.id]


def test_backward_hooks_that_cannot_be_called_are_said():
    class Named(nn.Module):
        def forward(self, x):
            return {"x": x * 2}

    layer = Named()
    layer.register_full_backward_hook(lambda *args: None)
    with pytest.warns(UserWarning, match="should be a Tensor or a tuple of Tensors, and is a dict"):
        layer(torch.ones(1, requires_grad=True))
