"""Every declared pointwise operator: dtypes, layouts, out=, in place, gradients, and PyTorch where it is installed."""

import numpy as np
import pytest

import flambeau
from flambeau.autograd import gradcheck, gradgradcheck
from flambeau.ops.core.declare import METHODS, NAMESPACES, POINTWISE

NAMES = sorted(POINTWISE)


def operands(name, dtype=np.float64, shape=(3, 4)):
    """Distinct values inside the operator's domain, away from kinks."""
    rng = np.random.default_rng(sum(map(ord, name)))
    low, high = POINTWISE[name].domain or (-2.0, 2.0)
    return [
        flambeau.tensor((rng.uniform(low, high, shape)).astype(dtype))
        for _ in range(POINTWISE[name].spec.n_inputs)
    ]


def arguments(name, values):
    """Conditions as bool, bits as integers."""
    spec = POINTWISE[name].spec
    made = []
    for i, v in enumerate(values):
        if spec.keep >> i & 1:
            v = v > 0
        elif POINTWISE[name].integers:
            v = (v.abs() * 2).long()
        made.append(v)
    return made


def call(name, values):
    try:
        return POINTWISE[name](*arguments(name, values))
    except NotImplementedError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("name", NAMES)
def test_every_layout_equals_its_contiguous_copy(name):
    values = operands(name, shape=(4, 6))
    expected = call(name, values).numpy()
    transposed = call(name, [v.t().contiguous().t() for v in values])
    np.testing.assert_array_equal(transposed.numpy(), expected)
    stepped = [flambeau.stack([v, v], -1).reshape(4, 12)[:, ::2] for v in values]
    np.testing.assert_array_equal(call(name, stepped).numpy(), expected)
    if len(values) > 1:
        expanded = [values[0][:1].expand(4, 6), *values[1:]]
        np.testing.assert_array_equal(
            call(name, expanded).numpy(), call(name, [v.contiguous() for v in expanded]).numpy()
        )
    empty = call(name, [v[:0] for v in values])
    assert empty.shape == (0, 6) and empty.dtype is call(name, values).dtype
    assert call(name, [v[0, 0] for v in values]).shape == ()


@pytest.mark.parametrize("name", NAMES)
def test_out_and_in_place_equal_the_plain_form(name):
    values = operands(name)
    expected = call(name, values)
    out = flambeau.empty(0, dtype=expected.dtype)
    assert POINTWISE[name](*arguments(name, values), out=out) is out
    np.testing.assert_array_equal(out.numpy(), expected.numpy())
    inplace = METHODS.get(name + "_")
    if inplace is not None and not POINTWISE[name].spec.keep:
        first, *rest = arguments(name, [v.clone() for v in values])
        if expected.dtype is first.dtype or expected.dtype is flambeau.bool:
            assert inplace(first, *rest) is first
            np.testing.assert_array_equal(first.numpy(), expected.to(first.dtype).numpy())


@pytest.mark.parametrize(
    "name",
    [n for n in NAMES if POINTWISE[n].smooth and not POINTWISE[n].integers],
)
def test_gradients_of_first_and_second_order(name):
    spec = POINTWISE[name].spec
    if spec.result in ("bool", "int64") or not spec.differentiable:
        pytest.skip("no gradient")
    values = [
        v if v.dtype is flambeau.bool else v.requires_grad_(True)
        for v in arguments(name, operands(name, shape=(3,)))
    ]
    try:
        assert gradcheck(POINTWISE[name], values, atol=1e-4)
        assert gradgradcheck(POINTWISE[name], values, atol=1e-3)
    except NotImplementedError as error:
        pytest.skip(str(error))


def oracle_of(name):
    """The function of NumPy or SciPy that the declaration names, or that has its name; None where there is none."""
    named = POINTWISE[name].oracle
    if named == "":
        return None
    places = (
        [named] if named else [f"numpy.{name}", f"scipy.special.{name.removeprefix('special_')}"]
    )
    for place in places:
        module, _, function = place.rpartition(".")
        found = getattr(pytest.importorskip(module), function, None)
        if found is not None:
            return found
    assert not named, f"{name}: there is no {named}."


@pytest.mark.parametrize("name", NAMES)
def test_numpy_and_scipy_give_the_same(name):
    oracle = oracle_of(name)
    if oracle is None:
        pytest.skip("neither has it")
    values = operands(name, shape=(5, 40))
    expected = oracle(*[v.numpy() for v in arguments(name, values)])
    np.testing.assert_allclose(call(name, values).numpy(), expected, rtol=1e-9, atol=1e-12)


def public_path(name):
    """("special", "i0e"): where an operator is public first; None where it is not."""
    for space, names in NAMESPACES.items():
        for public, operator in names.items():
            if operator is POINTWISE[name]:
                return space, public


@pytest.mark.parametrize("name", [n for n in NAMES if public_path(n) and not POINTWISE[n].integers])
def test_pytorch_gives_the_same(name):
    torch = pytest.importorskip("torch")
    space, public = public_path(name)
    theirs = torch
    for part in (*space.split("."), public):
        theirs = theirs if part == "torch" else getattr(theirs, part)
    special = [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e-30, -1e-30, 100.0, -100.0, 3e38]
    special = np.array([v for v in special if v not in POINTWISE[name].apart])
    values = operands(name, np.float32, (40,))
    values = [
        flambeau.cat([v, flambeau.tensor(np.roll(special, i).astype(np.float32))])
        for i, v in enumerate(values)
    ]
    ours = call(name, values)
    tensors = [torch.from_numpy(v.numpy()) for v in arguments(name, values)]
    wanted = theirs(*tensors)
    assert str(ours.dtype) == str(wanted.dtype)
    np.testing.assert_allclose(ours.numpy(), wanted.numpy(), rtol=3e-6, atol=1e-6)


def of_each_kind():
    """A public operator of two operands for each rule of dtypes."""
    kinds = {}
    for name in NAMES:
        spec = POINTWISE[name].spec
        if spec.n_inputs == 2 and public_path(name) and not POINTWISE[name].integers:
            kinds.setdefault((spec.compute, spec.result, spec.divisor, spec.keep), name)
    return kinds.values()


@pytest.mark.filterwarnings("ignore:ComplexHalf")
@pytest.mark.parametrize("name", [*of_each_kind(), "sub", "pow"])  # no bool; pow is several
def test_promotion_is_pytorchs(name):
    torch = pytest.importorskip("torch")
    kinds = (
        "bool",
        "uint8",
        "int8",
        "int32",
        "int64",
        "float16",
        "bfloat16",
        "float32",
        "float64",
        "complex64",
    )
    for a in kinds:
        for b in kinds:
            for shape_b in ((2,), ()):

                def run(T):
                    x, y = T.ones(2, dtype=getattr(T, a)), T.ones(shape_b, dtype=getattr(T, b))
                    return getattr(T, name)(x, y)

                try:
                    wanted = run(torch)
                except (RuntimeError, NotImplementedError):
                    continue
                if wanted.dtype is torch.complex32:  # not a dtype of flambeau's
                    continue
                assert str(run(flambeau).dtype) == str(wanted.dtype), (a, b, shape_b)


def test_numbers_join_without_raising_the_dtype_of_their_kind():
    assert (flambeau.ones(2, dtype=flambeau.float16) * 2.5).dtype is flambeau.float16
    assert (flambeau.ones(2, dtype=flambeau.int32) + 1).dtype is flambeau.int32
    assert (flambeau.ones(2, dtype=flambeau.int32) + 1.5).dtype is flambeau.float32
    assert (flambeau.ones(2, dtype=flambeau.bool) + 1).dtype is flambeau.int64


@pytest.mark.parametrize("dtype", ["uint16", "uint32", "uint64"])
def test_wide_unsigned_integers_compute(dtype):
    x = flambeau.tensor([1, 2, 250], dtype=getattr(flambeau, dtype))
    assert (x + x).tolist() == [2, 4, 500] and (x + x).dtype is x.dtype
    assert (x > 1).tolist() == [False, True, True]
    assert x.sum().item() == 253


def test_errors_name_the_operator_and_the_shapes():
    with pytest.raises(
        RuntimeError,
        match=r"add: shapes \(3,\) and \(4,\) do not broadcast: dim 0 has sizes 3 and 4",
    ):
        flambeau.ones(3) + flambeau.ones(4)
    with pytest.raises(TypeError, match="exp: input must be a Tensor, not str"):
        flambeau.exp("x")
    with pytest.raises(TypeError, match="add: has no argument 'gamma'"):
        flambeau.add(flambeau.ones(1), 1, gamma=2)
    with pytest.raises(
        RuntimeError, match="add_: its result is float32, which out or self, int64, cannot hold"
    ):
        flambeau.ones(2, dtype=flambeau.int64).add_(0.5)
    with pytest.raises(
        RuntimeError,
        match=r"add_: the result has shape \(3,\), which does not fit into self \(1,\)",
    ):
        flambeau.ones(1).add_(flambeau.ones(3))


def test_a_parameter_is_a_number_or_a_tensor_of_no_dims():
    x = flambeau.tensor([-1.0, -2.0, 3.0])
    relu = flambeau.nn.functional.leaky_relu
    assert relu(x, flambeau.tensor(0.5)).tolist() == [-0.5, -1.0, 3.0]
    assert flambeau.add(x, x, alpha=flambeau.tensor(2)).tolist() == [-3.0, -6.0, 9.0]
    assert relu(x.to("meta"), flambeau.empty((), device="meta")).shape == (3,)
    y = x.clone().requires_grad_()
    relu(y, flambeau.tensor(0.5)).sum().backward()
    assert y.grad.tolist() == [0.5, 0.5, 1.0]
    # Of another shape it has no value for each element: the kernel read beyond its end.
    for shape in [(1,), (3,), (4, 4)]:
        for call in (
            lambda p: relu(x, p),
            lambda p: flambeau.leaky_relu_(x, p),
            lambda p: flambeau.add(x, x, alpha=p),
            lambda p: flambeau.logit(x, p),
        ):
            with pytest.raises(TypeError, match="takes a number, or a tensor of no dims, but got"):
                call(flambeau.ones(shape))
    with pytest.raises(RuntimeError, match="its imaginary part would be lost"):
        relu(x, flambeau.tensor(1j))


def test_messages_name_the_form_that_was_called():
    for name in ("exp_", "add_", "clamp_min_"):
        with pytest.raises(TypeError, match=f"^{name}: input must be a Tensor, not str"):
            getattr(flambeau, name)("a", *["b"] * (name != "exp_"))
