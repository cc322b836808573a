"""Python numbers beside half precision: kept as float32, or rounded first where PyTorch rounds them."""

import numpy
import pytest

import flambeau
from flambeau.nn import functional as F

NUMBERS = 0.1, 1 / 3, 1e-3, 70000.0
HALVES = flambeau.float16, flambeau.bfloat16

KEPT = {
    "mul": lambda x, n: x * n,
    "mul of a 0-dim tensor": lambda x, n: x * flambeau.tensor(n),
    "true_divide": lambda x, n: x / n,
    "floor_divide": lambda x, n: x // n,
    "lerp": lambda x, n: flambeau.lerp(x, 2 * x, n),
    "addcmul": lambda x, n: flambeau.addcmul(x, x, x, value=n),
    "addcdiv": lambda x, n: flambeau.addcdiv(x, x, x + 8, value=n),
    "leaky_relu": F.leaky_relu,
    "elu": F.elu,
    "celu": F.celu,
    "softplus": F.softplus,
    "softshrink": F.softshrink,
}
ROUNDED = {
    "add": lambda x, n: x + n,
    "sub": lambda x, n: x - n,
    "rsub": lambda x, n: n - x,
    "alpha": lambda x, n: flambeau.add(x, x, alpha=n),
    "remainder": lambda x, n: x % n,
    "fmod": flambeau.fmod,
    "pow": lambda x, n: flambeau.pow(x.abs(), n),
    "clamp": lambda x, n: x.clamp(-n, n),
    "clamp_min": flambeau.clamp_min,
    "hardshrink": F.hardshrink,
    "where": lambda x, n: flambeau.where(x > 0, x, n),
    "eq": lambda x, n: (x == n).to(x.dtype),
    "lt": lambda x, n: (x < n).to(x.dtype),
}


def operand(dtype, number):
    """Numbers of all sizes, among them the given one, rounded and next to that."""
    rng = numpy.random.default_rng(0)
    near = [number * (1 + j / 1024) for j in range(-8, 9)]
    values = numpy.concatenate([rng.normal(size=200) * 3, near]).astype("float32")
    return flambeau.tensor(values).to(dtype)


def rounded(number, dtype):
    return flambeau.tensor(number).to(dtype).item()


def assert_same(got, expected):
    assert got.dtype is expected.dtype
    assert flambeau.equal(got.isnan(), expected.isnan())
    assert flambeau.equal(got.nan_to_num(), expected.nan_to_num())


@pytest.mark.parametrize("dtype", HALVES, ids=str)
@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("name", KEPT)
def test_number_is_kept(name, number, dtype):
    x = operand(dtype, number)
    if name == "addcdiv":
        x = x.clamp(-4, 4)
    if name in ("lerp", "addcdiv"):  # their operands are computed in half precision too
        x = x.round()
    assert_same(KEPT[name](x, number), KEPT[name](x.float(), number).to(dtype))


@pytest.mark.parametrize("dtype", HALVES, ids=str)
@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("name", ROUNDED)
def test_number_is_rounded(name, number, dtype):
    x = operand(dtype, number)
    expected = ROUNDED[name](x.float(), rounded(number, dtype)).to(dtype)
    assert_same(ROUNDED[name](x, number), expected)


@pytest.mark.parametrize("dtype", HALVES, ids=str)
def test_some_result_depends_on_the_rounding(dtype):
    x = operand(dtype, 0.1)
    assert not flambeau.equal(x * 0.1, x * rounded(0.1, dtype))
    assert not flambeau.equal(x + rounded(0.1, dtype), (x.float() + 0.1).to(dtype))


def slope(function, x, number):
    x = x.clone().requires_grad_()
    function(x, number).sum().backward()
    return x.grad


@pytest.mark.parametrize("dtype", HALVES, ids=str)
@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda x, n: x * n, lambda x, n, near: x * 0 + n),
        (lambda x, n: x / n, lambda x, n, near: (x * 0 + 1) / n),
        (lambda x, n: flambeau.sub(x * 0, x, alpha=n), lambda x, n, near: x * 0 - n),
        (flambeau.clamp_min, lambda x, n, near: x >= near),
        (flambeau.clamp_max, lambda x, n, near: x <= near),
        (F.hardshrink, lambda x, n, near: x.abs() > near),
        (F.softshrink, lambda x, n, near: x.abs() > near),
        (lambda x, n: F.hardtanh(x, -n, n), lambda x, n, near: x.abs() < n),
        (lambda x, n: F.threshold(x, n, 0.0), lambda x, n, near: x > n),
    ],
    ids="mul div alpha clamp_min clamp_max hardshrink softshrink hardtanh threshold".split(),
)
def test_slope(function, expected, dtype):
    for number in NUMBERS[:3]:
        x = operand(dtype, number)
        found = expected(x.float(), number, rounded(number, dtype))
        assert_same(slope(function, x, number), found.to(dtype))


@pytest.mark.parametrize("dtype", HALVES, ids=str)
def test_compiled_program_rounds_alike(dtype):
    def program(x):
        y = flambeau.where(x > 0.1, x * 0.1, x / 0.3) + 0.1
        return flambeau.lerp(y, x, 0.7).clamp(-1 / 3, 1 / 3) * 70000.0

    x, y = (operand(dtype, 0.1).requires_grad_() for _ in range(2))
    plain, joined = program(x), flambeau.compile(program)(y)
    assert_same(joined.detach(), plain.detach())
    plain.backward(x.detach())
    joined.backward(y.detach())
    assert_same(y.grad, x.grad)


@pytest.mark.parametrize("dtype", HALVES, ids=str)
def test_step_of_sgd(dtype):
    start = operand(dtype, 0.1)
    for fused, factor in ((None, rounded(0.1, dtype)), (True, 0.1)):
        parameter = flambeau.nn.Parameter(start.clone())
        optimizer = flambeau.optim.SGD([parameter], lr=0.1, fused=fused)
        parameter.grad = start.flip(0)
        optimizer.step()
        assert_same(parameter.detach(), (start.float() - factor * start.flip(0).float()).to(dtype))
