"""Every legacy module and criterion, from tests/legacy/nn/cases.py: results, gradients, state, types, files."""

import io
import sys
from pathlib import Path

import pytest

import flambeau as torch
from flambeau.legacy import nn
from flambeau.legacy.nn.utils import leaves, mapped

sys.path.insert(0, str(Path(__file__).parent))
import cases

EPS = 1e-6
every_module = pytest.mark.parametrize("case", cases.MODULES, ids=lambda case: case.label)
LOSSES = cases.losses()
every_loss = pytest.mark.parametrize(
    "case", LOSSES, ids=[case.label.split("tensor")[0] for case in LOSSES]
)


def near(a, b, tolerance=1e-9):
    for x, y in zip(leaves(a), leaves(b), strict=True):
        torch.testing.assert_close(x, y, rtol=tolerance, atol=tolerance)


def dot(a, b):
    return sum(
        (x * y).sum().item() for x, y in zip(leaves(a), leaves(b), strict=True) if y is not None
    )


def directions(table):
    """A random direction for each floating tensor, None for others."""
    return mapped(
        lambda t: torch.randn_like(t) if torch.is_tensor(t) and t.is_floating_point() else None,
        table,
    )


def moved(table, direction, step):
    return mapped(lambda t, d: t if d is None else t + step * d, table, direction)


def classes_with_cases():
    tested = {case.name for case in cases.MODULES} | {case.name for case in LOSSES}
    elsewhere = {"Module", "Container", "Criterion", "CriterionTable", "L1Penalty", "LookupTable"}
    return tested | elsewhere


def test_no_class_is_left_out():
    assert set(nn.__all__) == classes_with_cases()


def seeded_forward(module, input):
    torch.manual_seed(7)
    return module.forward(input)


def the_same_chance(module):
    """Let forward draw the same random numbers each time."""
    forward = module.forward

    def repeated(input):
        torch.manual_seed(7)
        return forward(input)

    module.forward = repeated
    return module


@every_module
def test_gradients_agree_with_finite_differences(case):
    module = the_same_chance(case.make().double())
    x = case.input()
    output = module.forward(x)
    grad = mapped(torch.randn_like, output)
    module.zeroGradParameters()
    by_input = module.backward(x, grad)
    parameters, gradients = module.parameters() or ([], [])
    gradients = [g.clone() for g in gradients]

    direction = directions(x)
    if case.extra is not None:
        direction[1] = None
    if case.name == "Parallel":
        assert by_input.shape == x.shape
    difference = dot(grad, module.forward(moved(x, direction, EPS))) - dot(
        grad, module.forward(moved(x, direction, -EPS))
    )
    analytic = sum(
        (g * d).sum().item()
        for g, d in zip(leaves(by_input), leaves(direction), strict=True)
        if d is not None
    )
    assert analytic == pytest.approx(difference / (2 * EPS), rel=1e-5, abs=1e-6)

    for parameter, gradient in zip(parameters, gradients):
        step = torch.randn_like(parameter)
        parameter.add_(step, alpha=EPS)
        above = dot(grad, module.forward(x))
        parameter.add_(step, alpha=-2 * EPS)
        below = dot(grad, module.forward(x))
        parameter.add_(step, alpha=EPS)
        analytic = (gradient * step).sum().item()
        assert analytic == pytest.approx((above - below) / (2 * EPS), rel=1e-5, abs=1e-6)


@pytest.mark.parametrize(
    "case", [case for case in cases.MODULES if case.same], ids=lambda case: case.label
)
def test_results_are_those_of_today(case):
    module, x = case.make().double(), case.input()
    near(module.forward(x), case.same(x, *(module.parameters() or ([],))[0]))


@every_module
def test_methods_agree_with_each_other(case):
    """updateGradInput and accGradParameters one by one, twice, by scale, and as an update."""
    module, x = case.make().double(), case.input()
    grad = mapped(torch.randn_like, module.forward(x))
    module.zeroGradParameters()
    together = mapped(torch.clone, module.backward(x, grad))
    gradients = [g.clone() for g in (module.parameters() or ([], []))[1]]
    module.zeroGradParameters()
    near(module.updateGradInput(x, grad), together)
    module.accGradParameters(x, grad, 0.5)
    module.accGradParameters(x, grad, 0.25)
    parameters, now = module.parameters() or ([], [])
    near(now, [0.75 * g for g in gradients])
    before = [p.clone() for p in parameters]
    module.backwardUpdate(x, grad, 0.1)
    near(
        module.parameters()[0] if parameters else [],
        [p - 0.1 * g for p, g in zip(before, gradients)],
        1e-7,
    )
    near((module.parameters() or ([], []))[1], [0.75 * g for g in gradients])


@every_module
def test_evaluate_types_copies_and_files(case):
    module, x = case.make().double(), case.input()
    assert repr(module).startswith("nn.")
    module.evaluate()
    expected = mapped(torch.clone, seeded_forward(module, x))
    near(seeded_forward(module.clone(), x), expected)
    memory = io.BytesIO()
    module.write(memory)
    memory.seek(0)
    other = case.make().double()
    if case.make().parameters() and not case.name.startswith(
        ("Concat", "Depth", "Parallel", "Sequential")
    ):
        other.read(memory).evaluate()
        near(seeded_forward(other, x), expected)
    assert module.clearState() is module
    near(seeded_forward(module, x), expected)
    x = mapped(lambda t: t.float() if t.is_floating_point() else t, x)
    single = seeded_forward(module.float(), x)
    for out, exact in zip(leaves(single), leaves(expected)):
        assert out.dtype == torch.float32 or case.name == "Copy"
        torch.testing.assert_close(out.double(), exact, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    "make",
    [
        lambda **k: nn.AddConstant(2, **k),
        lambda **k: nn.MulConstant(3, **k),
        lambda **k: nn.ELU(0.5, **k),
        lambda **k: nn.HardTanh(**k),
        lambda **k: nn.LeakyReLU(0.2, **k),
        lambda **k: nn.ReLU(**k),
        lambda **k: nn.ReLU6(**k),
        lambda **k: nn.RReLU(**k),
        lambda **k: nn.Threshold(0.1, 0, **k),
        lambda **k: nn.Dropout(0.3, **k),
    ],
    ids="AddConstant MulConstant ELU HardTanh LeakyReLU ReLU ReLU6 RReLU Threshold Dropout".split(),
)
def test_in_place_gives_the_same(make):
    x, grad = cases.away(4, 5).double(), torch.randn(4, 5).double()
    plain, in_place = the_same_chance(make()), the_same_chance(make(inplace=True))
    output, gradient = plain.forward(x), plain.backward(x, grad)
    written, written_grad = x.clone(), grad.clone()
    assert in_place.forward(written).data_ptr() == written.data_ptr()
    near(written, output)
    assert in_place.backward(written, written_grad) is written_grad
    near(written_grad, gradient)


@every_loss
def test_losses_and_their_gradients(case):
    criterion = case.make()
    if case.name == "MultiCriterion":
        criterion.add(nn.MSECriterion(), 0.5).add(nn.AbsCriterion())
    if case.name == "ParallelCriterion":
        criterion.add(nn.MSECriterion(), 0.5).add(nn.AbsCriterion())
    value = criterion.forward(case.input, case.target)
    assert isinstance(value, float)
    if case.same:
        assert value == pytest.approx(float(case.same(case.input, case.target).detach()), rel=1e-7)
    grad = mapped(torch.clone, criterion.backward(case.input, case.target))
    direction = directions(case.input)
    above = criterion.forward(moved(case.input, direction, EPS), case.target)
    below = criterion.forward(moved(case.input, direction, -EPS), case.target)
    assert dot(grad, direction) == pytest.approx((above - below) / (2 * EPS), rel=1e-5, abs=1e-7)
    # backward of an input that forward has not seen last
    near(criterion.backward(case.input, case.target), grad)
    near(criterion.clone().backward(case.input, case.target), grad)
    criterion.clearState()
    assert criterion.forward(case.input, case.target) == value
