"""The array API's names and signatures, and what differs from PyTorch, against NumPy."""

import inspect
import itertools
import math

import numpy as np
import pytest

import flambeau as torch

xp = torch.array_api
DTYPES = "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64 complex64 complex128".split()
NUMERIC = DTYPES[1:]
SIGNATURES = {
    "arange": "(start, /, stop=None, step=1, *, dtype=None, device=None)",
    "asarray": "(obj, /, *, dtype=None, device=None, copy=None)",
    "astype": "(x, dtype, /, *, copy=True, device=None)",
    "argsort": "(x, /, *, axis=-1, descending=False, stable=True)",
    "clip": "(x, /, min=None, max=None)",
    "concat": "(arrays, /, *, axis=0)",
    "cumulative_sum": "(x, /, *, axis=None, dtype=None, include_initial=False)",
    "diff": "(x, /, *, axis=-1, n=1, prepend=None, append=None)",
    "eye": "(n_rows, n_cols=None, /, *, k=0, dtype=None, device=None)",
    "from_dlpack": "(x, /, *, device=None, copy=None)",
    "linspace": "(start, stop, /, num, *, dtype=None, device=None, endpoint=True)",
    "meshgrid": "(*arrays, indexing='xy')",
    "reshape": "(x, /, shape, *, copy=None)",
    "searchsorted": "(x1, x2, /, *, side='left', sorter=None)",
    "std": "(x, /, *, axis=None, correction=0.0, keepdims=False)",
    "take": "(x, indices, /, *, axis=None)",
    "where": "(condition, x1, x2, /)",
    "add": "(x1, x2, /)",
    "isin": "(x1, x2, /, *, invert=False)",
    "linalg.eig": "(x, /)",
    "linalg.matrix_norm": "(x, /, *, keepdims=False, ord='fro')",
    "linalg.vector_norm": "(x, /, *, axis=None, keepdims=False, ord=2)",
    "fft.fftn": "(x, /, *, s=None, axes=None, norm='backward')",
    "fft.rfftfreq": "(n, /, *, d=1.0, dtype=None, device=None)",
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_signatures(name):
    function = xp
    for part in name.split("."):
        function = getattr(function, part)
    assert str(inspect.signature(function)) == SIGNATURES[name]


def test_the_namespace():
    assert torch.ones(1).__array_namespace__() is xp
    assert xp.ones(1).__array_namespace__(api_version="2025.12") is xp
    with pytest.raises(ValueError, match="api_version"):
        torch.ones(1).__array_namespace__(api_version="1999.01")
    assert xp.__array_api_version__ == "2025.12"
    for name in xp.__all__:
        assert hasattr(xp, name)
    info = xp.__array_namespace_info__()
    assert list(info.dtypes(kind="unsigned integer")) == ["uint8", "uint16", "uint32", "uint64"]
    assert info.default_device() in info.devices()
    assert info.default_dtypes()["real floating"] is torch.float32


@pytest.mark.parametrize("first,second", list(itertools.product(NUMERIC, NUMERIC)))
def test_arrays_without_dimensions_promote_like_others(first, second):
    if {first, second} & {"uint64"} and {"int8", "int16", "int32", "int64"} & {first, second}:
        return  # the standard leaves it open
    a = xp.ones(2, dtype=getattr(xp, first))
    b = xp.asarray(3, dtype=getattr(xp, second))
    try:
        expected = np.result_type(first, second).name
    except TypeError:
        return
    if expected.startswith(("float", "complex")) and not {"float", "complex"} & {
        first.rstrip("0123456789"),
        second.rstrip("0123456789"),
    }:
        return
    if {first[0], second[0]} & set("ui") and {first[0], second[0]} & set("fc"):
        return  # integers with floats: the standard leaves it open
    for result in (
        a + b,
        b + a,
        xp.multiply(a, b),
        xp.maximum(a, b) if "c" not in first[0] + second[0] else a * b,
    ):
        assert result.dtype.name == expected
        assert isinstance(result, xp.Array)


def test_plain_tensors_stay_plain():
    x = torch.ones(3)
    assert type(xp.sum(x)) is torch.Tensor and type(xp.asarray(x)) is xp.Array
    xp.asarray(x)[0] = 5
    assert x[0] == 5
    assert xp.ones(2).size == 2 and xp.ones((2, 3)).size(0) == 2
    assert type(xp.ones(2).as_subclass(torch.Tensor)) is torch.Tensor


def test_gradients_go_through():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    a = xp.asarray(torch.ones(2))
    xp.sum(xp.multiply(a, x) * x).backward()
    assert x.grad.tolist() == [2, 4]


@pytest.mark.parametrize(
    "key", [np.s_[::-1], np.s_[1, ::-2], np.s_[..., ::-1], np.s_[::-1, None, 3:0:-1], np.s_[5:5:-1]]
)
def test_negative_steps(key):
    values = np.arange(20).reshape(4, 5)
    x = xp.asarray(values.copy())
    assert x[key].tolist() == values[key].tolist()
    changed = values.copy()
    changed[key] = changed[key] * 2 + 1
    x[key] = x[key] * 2 + 1
    assert x.tolist() == changed.tolist()


def test_a_mask_of_size_zero_chooses_nothing():
    x = xp.ones((2, 3))
    assert x[xp.ones((0, 3), dtype=xp.bool)].shape == (0,)
    assert x[xp.ones((0,), dtype=xp.bool)].shape == (0, 3)
    with pytest.raises(IndexError):
        x[xp.ones((1, 3), dtype=xp.bool)]


SPECIAL = [0.0, -0.0, 1.5, -1.5, math.inf, -math.inf, math.nan]


def test_quotients_and_remainders_at_infinities_and_zeros():
    def check(name, operator, a, b, expected):
        pairs = (
            getattr(xp, name)(xp.asarray(a), xp.asarray(b)),
            operator(xp.asarray(a), xp.asarray(b)),
        )
        for result in pairs:
            assert str(float(result)) == str(expected)

    inf = math.inf
    for a, b, expected in (
        (inf, 2.0, inf),
        (inf, -2.0, -inf),
        (-inf, 2.0, -inf),
        (1.5, -inf, -0.0),
        (-1.5, inf, -0.0),
        (7.0, 2.0, 3.0),
        (-7.0, 2.0, -4.0),
        (inf, inf, math.nan),
    ):
        check("floor_divide", lambda a, b: a // b, a, b, expected)
    for a, b, expected in (
        (-0.0, 2.0, 0.0),
        (0.0, -2.0, -0.0),
        (-7.0, 2.0, 1.0),
        (4.0, -2.0, -0.0),
    ):
        check("remainder", lambda a, b: a % b, a, b, expected)
    x = xp.asarray([math.inf, 1.5])
    x //= xp.asarray([2.0, -math.inf])
    assert str(x.tolist()) == "[inf, -0.0]"
    assert math.isnan(float(xp.sign(xp.asarray(math.nan))))


@pytest.mark.parametrize(
    "name", ["acos", "acosh", "asin", "asinh", "atan", "atanh", "cos", "cosh", "exp"]
)
def test_complex_functions_at_special_values_are_numpys(name):
    spelled = {"ac": "arcc", "as": "arcs", "at": "arct"}.get(name[:2], name[:2]) + name[2:]
    for re, im in itertools.product(SPECIAL, SPECIAL):
        z = complex(re, im)
        ours = complex(getattr(xp, name)(xp.asarray(z, dtype=xp.complex128)))
        with np.errstate(all="ignore"):
            theirs = complex(getattr(np, spelled)(np.complex128(z)))
        for a, b in ((ours.real, theirs.real), (ours.imag, theirs.imag)):
            same = math.isnan(a) and math.isnan(b) or abs(a) == abs(b) or abs(a - b) < 1e-12
            assert same, (z, ours, theirs)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "uint64"])
def test_unsigned_integers(dtype):
    top = 2 ** (8 * np.dtype(dtype).itemsize) - 1
    values = np.array([3, top, 0, top // 2 + 1, 7], dtype)
    x = xp.asarray(values)
    assert x.dtype.name == dtype and x.tolist() == values.tolist()
    with np.errstate(all="ignore"):
        for ours, theirs in (
            (x + x, values + values),
            (x * x, values * values),
            (x - 5, values - np.array(5, dtype)),
            (x // 3, values // np.array(3, dtype)),
            (x % 5, values % np.array(5, dtype)),
            (x ^ 6, values ^ np.array(6, dtype)),
            (x & 12, values & np.array(12, dtype)),
            (~x, ~values),
            (x >> 1, values >> np.array(1, dtype)),
            (x << 1, values << np.array(1, dtype)),
            (x > 7, values > 7),
            (x[::-1], values[::-1]),
            (xp.sort(x), np.sort(values)),
            (xp.argsort(x), np.argsort(values, kind="stable")),
            (xp.sort(x, descending=True), np.sort(values)[::-1]),
            (xp.max(x), values.max()),
            (xp.min(x), values.min()),
            (xp.argmax(x), values.argmax()),
            (xp.sum(x), values.sum()),
            (xp.prod(x[:2]), values[:2].prod()),
            (xp.cumulative_sum(x), values.cumsum()),
            (xp.where(x > 3, x, xp.zeros_like(x)), np.where(values > 3, values, 0)),
            (xp.unique_values(xp.concat([x, x])), np.unique(values)),
            (xp.take(x, xp.asarray([0, 4])), values[[0, 4]]),
            (xp.searchsorted(xp.sort(x), x), np.searchsorted(np.sort(values), values)),
            (xp.clip(x, 2, 9), values.clip(2, 9)),
            (xp.astype(x, xp.float64), values.astype("float64")),
            (xp.flip(x), values[::-1]),
            (x[x > 3], values[values > 3]),
        ):
            assert ours.tolist() == theirs.tolist()
    assert xp.sum(x).dtype is xp.uint64


def test_creation_of_the_standard():
    assert xp.arange(5, 0).tolist() == [] and xp.arange(5, 0, -2).tolist() == [5, 3, 1]
    assert xp.linspace(0, 1, 4, endpoint=False).tolist() == [0, 0.25, 0.5, 0.75]
    assert xp.eye(2, 3, k=1).tolist() == [[0, 1, 0], [0, 0, 1]]
    assert xp.eye(2, k=9).tolist() == [[0, 0], [0, 0]]
    assert [g.shape for g in xp.meshgrid(xp.ones(2), xp.ones(3))] == [(3, 2), (3, 2)]
    assert xp.asarray(memoryview(np.arange(3, dtype="int16"))).dtype is xp.int16
    with pytest.raises(ValueError):
        xp.asarray([1, 2], copy=False)
    assert (
        xp.finfo(xp.complex64).dtype is xp.float32
        and xp.iinfo(xp.ones(1, dtype=xp.int8)).max == 127
    )
    assert xp.isdtype(xp.uint16, ("bool", "integral")) and not xp.isdtype(xp.bool, "numeric")
    assert xp.can_cast(xp.uint8, xp.int16) and not xp.can_cast(xp.int64, xp.int8)


def test_shapes_and_sets_of_the_standard():
    x = xp.asarray([[1.0, math.nan], [math.nan, 1.0]])
    found = xp.unique_all(x)
    assert found.counts.tolist() == [2, 1, 1] and found.inverse_indices.shape == (2, 2)
    assert xp.unique_values(xp.asarray([2j, 1 + 1j, 2j])).tolist() == [2j, 1 + 1j]
    with pytest.raises(ValueError):
        xp.squeeze(x, 0)
    with pytest.raises(ValueError):
        xp.nonzero(xp.asarray(1))
    with pytest.raises(ValueError):
        xp.reshape(x.mT, (4,), copy=False)
    assert xp.concat([xp.ones((2, 2)), xp.ones(3)], axis=None).shape == (7,)
    assert xp.repeat(xp.asarray([1, 2]), xp.asarray([2, 1], dtype=xp.uint8)).tolist() == [1, 1, 2]
    assert xp.cumulative_prod(xp.asarray([2, 3]), include_initial=True).tolist() == [1, 2, 6]
    assert xp.take(xp.asarray([1, 2, 3]), xp.asarray([-1])).tolist() == [3]
    assert xp.var(xp.asarray([[1.0, 2.0]]), axis=()).tolist() == [[0, 0]]


def test_linear_algebra_of_the_standard():
    a = xp.asarray([[4.0, 1.0], [1.0, 3.0]])
    stack = xp.stack([a, 2 * a])
    assert xp.linalg.solve(a, xp.asarray([1.0, 2.0])).shape == (2,)
    assert xp.linalg.solve(stack, xp.ones((2, 1))).shape == (2, 2, 1)
    assert xp.linalg.trace(stack).tolist() == [7, 14]
    assert xp.linalg.matrix_rank(xp.asarray([[1.0, 1.0], [1.0, 1.0]])).item() == 1
    assert xp.vecdot(xp.asarray([1j, 2.0]), xp.asarray([1j, 2.0])).item() == 5
    assert xp.linalg.svd(a)._fields == ("U", "S", "Vh") and xp.linalg.qr(a)._fields == ("Q", "R")
    assert xp.linalg.eigh(a)._fields == ("eigenvalues", "eigenvectors")
    assert xp.linalg.cross(xp.asarray([1, 0, 0]), xp.asarray([0, 1, 0])).tolist() == [0, 0, 1]


@pytest.mark.parametrize("sizes", [((0,), (1,)), ((3, 2), (3, 1)), ((), (1,))])
def test_vecdot_takes_one_length_along_its_axis(sizes):
    x1, x2 = (xp.ones(size) for size in sizes)
    with pytest.raises(ValueError, match="one length"):
        xp.vecdot(x1, x2)


def test_vector_norm_over_no_axis_is_each_elements_own():
    x = xp.asarray([[3.0, -4.0], [0.0, 1.0]])
    assert xp.all(xp.linalg.vector_norm(x, axis=()) == abs(x))
    assert xp.all(xp.linalg.vector_norm(x, axis=(), ord=0) == xp.asarray([[1.0, 1.0], [0.0, 1.0]]))


def test_what_2025_12_added():
    x = xp.asarray([[1, 2], [3, 4]], dtype=xp.int8)
    assert xp.isin(x, xp.asarray([2, 3])).tolist() == [[False, True], [True, False]]
    assert xp.isin(x, 4, invert=True).tolist() == [[True, True], [True, False]]
    inside = xp.isin(3, x)
    assert inside.shape == () and bool(inside) and isinstance(inside, xp.Array)
    with pytest.raises(TypeError, match="at least one array"):
        xp.isin(1, 2)
    assert xp.broadcast_shapes() == () and xp.broadcast_shapes((2, 1), (3,)) == (2, 3)
    with pytest.raises(ValueError, match="broadcast_shapes"):
        xp.broadcast_shapes((2,), (3,))
    assert xp.expand_dims(x, axis=(0, -1)).shape == (1, 2, 2, 1)
    with pytest.raises(ValueError, match="twice"):
        xp.expand_dims(x, axis=(0, -4))
    assert xp.permute_dims(x, (-1, -2)).tolist() == [[1, 3], [2, 4]]
    assert xp.searchsorted(xp.asarray([1.0, 2.0, 3.0]), 2).shape == ()
    assert int(xp.searchsorted(xp.asarray([1, 2, 3]), 2, side="right")) == 2
    found = xp.linalg.eig(xp.asarray([[0.0, 1.0], [-1.0, 0.0]]))
    assert found._fields == ("eigenvalues", "eigenvectors")
    assert found.eigenvalues.dtype is found.eigenvectors.dtype is xp.complex64
    assert sorted(found.eigenvalues.imag.tolist()) == [-1, 1]
    assert xp.linalg.eigvals(xp.eye(3, dtype=xp.float64)).dtype is xp.complex128


def test_revisions_differ_in_lists_and_tuples():
    before = xp.ones(1).__array_namespace__(api_version="2024.12")
    assert before.__array_api_version__ == "2024.12" and before.sum is xp.sum
    assert not hasattr(before, "isin")
    for name in before.__all__:
        assert hasattr(before, name)
    x = xp.ones(2)
    for namespace, kind in ((xp, tuple), (before, list)):
        assert type(namespace.meshgrid(x, x)) is type(namespace.meshgrid()) is kind
        assert type(namespace.broadcast_arrays(x, x)) is type(namespace.broadcast_arrays()) is kind
        assert type(namespace.__array_namespace_info__().devices()) is kind
