"""Steps with differentiable=True: their gradients against differences of steps without."""

import pytest

import flambeau as torch
from flambeau import optim

RULES = {
    "sgd": (optim.SGD, {"momentum": 0.9, "nesterov": True}),
    "adam": (optim.Adam, {}),
    "amsgrad": (optim.Adam, {"amsgrad": True}),
    "adamw-amsgrad": (optim.AdamW, {"amsgrad": True, "maximize": True}),
    "nadam": (optim.NAdam, {}),
    "nadam-decay": (optim.NAdam, {"weight_decay": 0.1, "decoupled_weight_decay": True}),
    "radam": (optim.RAdam, {}),
    "adamax": (optim.Adamax, {}),
    "adagrad": (optim.Adagrad, {}),
    "rmsprop": (optim.RMSprop, {"momentum": 0.5, "centered": True, "eps": 0.1}),
    "asgd": (optim.ASGD, {}),
}


def train(rule, options, start, rates, differentiable):
    """What three steps from `start` make; each gradient is the start times a rate that falls."""
    parameter = start.clone()
    if not differentiable:
        parameter = parameter.detach().requires_grad_()
    optimizer = rule([parameter], lr=0.1, differentiable=differentiable, **options)
    for factor in (3.0, 2.0, 1.0):
        parameter.grad = rates * factor * start
        optimizer.step()
    return (parameter * parameter).sum()


@pytest.mark.parametrize("name", RULES)
def test_gradients_of_steps(name):
    rule, options = RULES[name]
    start = torch.tensor([0.5, -0.3], dtype=torch.float64, requires_grad=True)
    rates = torch.tensor([0.3, 0.7], dtype=torch.float64, requires_grad=True)
    loss = train(rule, options, start, rates, differentiable=True)
    found = torch.autograd.grad(loss, (start, rates))
    for which, tensor in enumerate((start, rates)):
        for place in range(2):
            ends = []
            for side in (1e-5, -1e-5):
                moved = [start.detach().clone(), rates.detach().clone()]
                moved[which][place] += side
                ends.append(train(rule, options, *moved, differentiable=False).item())
            wanted = (ends[0] - ends[1]) / 2e-5
            assert found[which][place].item() == pytest.approx(wanted, rel=1e-5, abs=1e-7), tensor
