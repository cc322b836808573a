"""Hooks of tensors that leave the graph in place, and go on as leaves."""

import flambeau as torch


def test_hooks_stay_with_a_tensor_that_is_detached_in_place():
    called = []
    leaf = torch.ones(2, requires_grad=True)
    result = leaf * 2
    for name, tensor in (("leaf", leaf), ("result", result)):
        tensor.register_hook(lambda grad, name=name: called.append(name))
        tensor.detach_()
        tensor.requires_grad_()
        tensor.sum().backward()
    assert called == ["leaf", "result"]
