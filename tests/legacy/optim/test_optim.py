"""Lua Torch's optimizers: against today's where the algorithms agree, and on Rosenbrock's valley."""

import math

import pytest

import flambeau as torch
from flambeau.legacy import nn, optim
from flambeau.legacy.optim.cg import sqrt_nothrow


def rosenbrock(x):
    a, b = x
    gradient = torch.stack([-2 * (1 - a) - 400 * a * (b - a * a), 200 * (b - a * a)])
    return (1 - a) ** 2 + 100 * (b - a * a) ** 2, gradient


def start():
    return torch.tensor([-1.2, 1.0], dtype=torch.float64)


TODAY = [
    (optim.sgd, {"learningRate": 1e-3}, torch.optim.SGD, {"lr": 1e-3}),
    (
        optim.sgd,
        {
            "learningRate": 1e-4,
            "momentum": 0.9,
            "dampening": 0,
            "nesterov": True,
            "weightDecay": 0.1,
        },
        torch.optim.SGD,
        {"lr": 1e-4, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
    ),
    (
        optim.adagrad,
        {"learningRate": 0.1, "weightDecay": 0.1},
        torch.optim.Adagrad,
        {"lr": 0.1, "weight_decay": 0.1},
    ),
    (optim.adadelta, {"rho": 0.95}, torch.optim.Adadelta, {"lr": 1.0, "rho": 0.95}),
    (optim.rmsprop, {"weightDecay": 0.1}, torch.optim.RMSprop, {"weight_decay": 0.1}),
    (optim.adam, {"epsilon": 0}, torch.optim.Adam, {"eps": 0}),
    (optim.adamax, {}, torch.optim.Adamax, {"eps": 1e-38}),
    (optim.rprop, {"stepsize": 0.01}, torch.optim.Rprop, {"lr": 0.01}),
    (optim.asgd, {"eta0": 1e-3, "t0": 3}, torch.optim.ASGD, {"lr": 1e-3, "t0": 3}),
]


@pytest.mark.parametrize("case", TODAY, ids=lambda case: case[0].__name__)
def test_steps_are_those_of_today(case):
    function, config, today, options = case
    x, y = start(), start().requires_grad_()
    optimizer, state = today([y], **options), {}
    for _ in range(10):
        function(rosenbrock, x, config, state)
        optimizer.zero_grad()
        rosenbrock(y)[0].backward()
        optimizer.step()
    torch.testing.assert_close(x, y.detach(), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    ("function", "config", "calls"),
    [
        (optim.sgd, {"learningRate": 1e-3, "momentum": 0.9, "dampening": 0}, 800),
        (optim.nag, {"learningRate": 1e-3, "momentum": 0.9}, 800),
        (optim.asgd, {"eta0": 1e-3}, 4000),
        (optim.adam, {"learningRate": 0.05}, 800),
        (optim.adamax, {"learningRate": 0.1}, 800),
        (optim.adagrad, {"learningRate": 0.5}, 1500),
        (optim.adadelta, {"rho": 0.9, "eps": 1e-4}, 1500),
        (optim.rmsprop, {"learningRate": 5e-3}, 1500),
        (optim.rprop, {"niter": 200}, 1),
        (optim.cg, {"maxEval": 200, "maxIter": 50}, 1),
        (optim.lbfgs, {"maxIter": 200, "learningRate": 0.5}, 1),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_the_valley_is_found(function, config, calls):
    x = start()
    for _ in range(calls):
        moved = function(rosenbrock, x, config)[0]
    assert moved is x
    assert rosenbrock(x)[0] < rosenbrock(start())[0] / 10


def test_state_is_the_config_if_there_is_no_other():
    x, config = start(), {}
    optim.adam(rosenbrock, x, config)
    optim.adam(rosenbrock, x, config)
    assert config["t"] == 2 and {"m", "v", "denom"} <= config.keys()
    state = {}
    optim.adam(rosenbrock, x, None, state)
    assert state["t"] == 1
    with pytest.raises(ValueError, match="legacy.optim.adam: needs a dict"):
        optim.adam(rosenbrock, x, None)


def test_own_rates_and_decays():
    x = start()
    rates = torch.tensor([1.0, 0.0], dtype=torch.float64)
    optim.sgd(rosenbrock, x, {"learningRate": 1e-3, "learningRates": rates})
    assert x[1] == 1 and x[0] != -1.2
    x = start()
    _, gradient = rosenbrock(x)
    optim.sgd(rosenbrock, x, {"learningRate": 1e-3, "weightDecays": rates, "learningRateDecay": 1})
    torch.testing.assert_close(x, start() - 1e-3 * (gradient + rates * start()))
    with pytest.raises(ValueError, match="weightDecay or weightDecays"):
        optim.sgd(rosenbrock, x, {"weightDecay": 1, "weightDecays": rates})
    with pytest.raises(ValueError, match="nesterov needs momentum"):
        optim.sgd(rosenbrock, x, {"nesterov": True})
    with pytest.raises(ValueError, match="momentum must be above 0"):
        optim.nag(rosenbrock, x, {"momentum": 0})


def test_the_gradient_stays_as_opfunc_gave_it():
    kept = torch.ones(2, dtype=torch.float64)
    for function in (optim.sgd, optim.nag, optim.adam, optim.rprop, optim.adagrad):
        function(lambda x: (0.0, kept), start(), {"weightDecay": 1, "momentum": 0.5})
        assert (kept == 1).all()


def test_lbfgs_stops_for_a_reason_and_takes_a_line_search(capsys):
    x = torch.zeros(2)
    _, values, calls = optim.lbfgs(lambda x: ((x * x).sum(), 2 * x), x, {"verbose": True})
    assert (values, calls) == ([0], 1) and "below tolFun" in capsys.readouterr().out

    def halving(opfunc, x, t, d, f, g, gtd, options):
        calls = 0
        while True:
            there = x + t * d
            value, gradient = opfunc(there)
            calls += 1
            if value <= f + options["c"] * t * gtd:
                return value, gradient, there, t, calls
            t /= 2

    config = {
        "maxIter": 60,
        "maxEval": 300,
        "lineSearch": halving,
        "lineSearchOptions": {"c": 1e-4},
    }
    x = start()
    _, values, calls = optim.lbfgs(rosenbrock, x, config)
    assert rosenbrock(x)[0] < 1e-6 and calls == config["funcEval"] >= len(values)


def test_square_roots_that_do_not_throw():
    assert (
        sqrt_nothrow(9) == 3
        and math.isnan(sqrt_nothrow(-1))
        and optim.cg.sqrt_nothrow is sqrt_nothrow
    )


def test_a_network_learns_the_way_of_2017():
    inputs = torch.randn(64, 2)
    classes = (inputs[:, 0] * inputs[:, 1] > 0).long()
    net = (
        nn.Sequential()
        .add(nn.Linear(2, 16))
        .add(nn.Tanh())
        .add(nn.Linear(16, 2))
        .add(nn.LogSoftMax())
    )
    criterion = nn.ClassNLLCriterion()
    x, dx = net.flattenParameters()

    def feval(_):
        net.zeroGradParameters()
        loss = criterion.forward(net.forward(inputs), classes)
        net.backward(inputs, criterion.backward(net.output, classes))
        return loss, dx

    config = {"learningRate": 0.05}
    losses = [optim.adam(feval, x, config)[1] for _ in range(100)]
    assert losses[-1] < 0.2 < losses[0]
