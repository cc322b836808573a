"""Running sums and their kin against NumPy, on every layout; flip, roll, repeat_interleave, masks."""

import itertools

import numpy as np
import pytest

import flambeau as fl
from tests.ops.layouts import ints, views


@pytest.mark.parametrize(
    "name, oracle",
    [
        ("cumsum", np.cumsum),
        ("cumprod", np.cumprod),
        ("logcumsumexp", np.logaddexp.accumulate),
    ],
)
def test_scans_on_every_layout(name, oracle):
    for layout, tensor, array in views((3, 40, 5)):
        for dim in (0, 1, -1):
            np.testing.assert_allclose(
                getattr(tensor, name)(dim).numpy(),
                oracle(array, axis=dim),
                rtol=1e-12,
                err_msg=layout,
            )


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int32", "float16", "float32", "complex64"])
def test_cumsum_dtype(dtype):
    array = (np.arange(200) % 3).astype(dtype)
    got = fl.from_numpy(array).cumsum(0)
    want = np.cumsum(array, dtype="int64" if np.dtype(dtype).kind in "bui" else dtype)
    assert got.numpy().dtype == want.dtype
    np.testing.assert_allclose(got.numpy(), want)
    wider = fl.complex128 if dtype == "complex64" else fl.float64
    assert fl.from_numpy(array).cumsum(0, dtype=wider).dtype == wider


@pytest.mark.parametrize("name", ["cumsum", "cumprod"])
@pytest.mark.parametrize("given", ["bool", "uint8", "int8", "int16", "int32", "uint32", "int64", "float32"])  # fmt: skip
@pytest.mark.parametrize("wanted", [None, "bool", "int8", "int32", "int64", "float64"])
def test_integers_of_any_width_are_scanned_where_they_lie(name, given, wanted):
    array = (
        np.random.default_rng(2).integers(0 if given[0] in "bu" else -3, 4, (70, 3)).astype(given)
    )
    x = fl.from_numpy(array)
    dtype = wanted or ("float32" if given == "float32" else "int64")
    # Integers of few bits wrap around, and numbers that are no integers are converted first.
    first = array.astype(dtype) if given == "float32" else array
    oracle = getattr(np, name)
    for dim in (0, 1):
        for tensor, values in ((x, first), (x[::2], first[::2]), (x[:, :1], first[:, :1])):
            sums = oracle(values, dim, dtype="float64" if "float" in dtype else "int64")
            got = getattr(tensor, name)(dim, dtype=wanted and getattr(fl, wanted))
            assert got.numpy().dtype == np.dtype(dtype)
            np.testing.assert_allclose(got.numpy(), sums.astype(dtype), rtol=1e-6)


@pytest.mark.parametrize("lanes", [1, 31, 100, 255, 256, 257, 700])
def test_neighbouring_lanes_for_any_number_of_threads(lanes):
    random = np.random.default_rng(lanes)
    array = (random.random((2, 300, lanes)) * 0.2 + 0.9).astype(np.float32)
    x, before = fl.from_numpy(array), fl.get_num_threads()
    best = np.maximum.accumulate(array, 1)
    results = []
    try:
        for threads in (1, 2, 16):
            fl.set_num_threads(threads)
            results.append((x.cumsum(1), x.cumprod(1), *x.cummax(1), x.logcumsumexp(1)))
    finally:
        fl.set_num_threads(before)
    for of_others in results[1:]:
        assert all(fl.equal(a, b) for a, b in zip(results[0], of_others, strict=True))
    sums, products, values, places, logs = (r.numpy() for r in results[0])
    np.testing.assert_allclose(sums, array.cumsum(1, dtype=np.float64), rtol=1e-6)
    np.testing.assert_allclose(products, array.cumprod(1, dtype=np.float64), rtol=1e-6)
    np.testing.assert_array_equal(values, best)
    np.testing.assert_array_equal(np.take_along_axis(array, places, 1), best)
    np.testing.assert_allclose(
        logs, np.logaddexp.accumulate(array.astype(np.float64), 1), rtol=1e-6
    )
    assert (x.clone().cumsum_(1).numpy() == sums).all()


def test_cumsum_of_float32_is_summed_in_float64():
    x = np.full(1_000_000, 0.1, np.float32)
    got = fl.from_numpy(x).cumsum(0).numpy()
    np.testing.assert_allclose(got, np.cumsum(x.astype(np.float64)), rtol=6e-8)


def test_cumsum_in_place_and_out():
    x = fl.from_numpy(np.arange(4.0))
    assert x.cumsum_(0) is x and x.tolist() == [0, 1, 3, 6]
    out = fl.empty(0, dtype=fl.float64)
    assert fl.cumprod(x, 0, out=out) is out and out.tolist() == [0, 0, 0, 0]


def test_logcumsumexp_of_long_rows_loses_nothing_for_any_number_of_threads():
    random = np.random.default_rng(0)
    normal = random.standard_normal(12_000)
    infinite, unknown, absent = normal.copy(), normal.copy(), normal.copy()
    inf = float("inf")
    infinite[3000], unknown[9000], absent[:2000] = inf, np.nan, -inf
    absent[5000::2] = -inf
    steps = np.repeat([-900.0, 0, 900, -5], 3000)  # exp of their differences is 0 or infinite
    before = fl.get_num_threads()
    try:
        for values in (
            normal,
            2000 * normal,
            steps,
            np.arange(-6000.0, 6000),
            infinite,
            unknown,
            absent,
        ):
            with np.errstate(invalid="ignore"):
                want = np.logaddexp.accumulate(values.astype(np.longdouble)).astype(np.float64)
            results = []
            for threads in (1, 2, 3, 16):
                fl.set_num_threads(threads)
                results.append(fl.from_numpy(values).logcumsumexp(0).numpy())
                np.testing.assert_array_equal(results[0], results[-1])
            np.testing.assert_allclose(results[0], want, rtol=1e-14, atol=1e-14)
    finally:
        fl.set_num_threads(before)


def test_logcumsumexp_does_not_overflow():
    inf = float("inf")
    got = fl.tensor([1000.0, 1000.0, -inf, inf]).logcumsumexp(0).numpy()
    np.testing.assert_allclose(got, [1000, 1000 + np.log(2), 1000 + np.log(2), inf])
    assert fl.tensor([-inf, -inf]).logcumsumexp(0).tolist() == [-inf, -inf]


def test_cummax_takes_the_last_of_equals_and_nan():
    x = fl.tensor([1.0, 3.0, 3.0, 2.0, float("nan"), 5.0])
    values, indices = x.cummax(0)
    assert indices.tolist() == [0, 1, 2, 2, 4, 4]
    assert values.tolist()[:4] == [1, 3, 3, 3] and np.isnan(values.numpy()[4:]).all()
    for layout, tensor, array in views((3, 4, 5)):
        for dim in range(3):
            np.testing.assert_array_equal(
                tensor.cummin(dim).values.numpy(), np.minimum.accumulate(array, dim), err_msg=layout
            )
            at = tensor.cummax(dim).indices.numpy()
            np.testing.assert_array_equal(
                np.take_along_axis(array, at, dim), np.maximum.accumulate(array, dim)
            )


@pytest.mark.parametrize(
    "dtype", "bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64".split()
)
def test_running_extremes_of_lanes_of_every_length(dtype):
    random = np.random.default_rng(0)
    for n in (0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 63, 64, 65, 72, 100, 257, 1025):
        for array in (random.normal(0, 40, (3, n)), random.integers(-1, 3, (3, n)) * 1.0):
            array[1].sort()
            x = fl.from_numpy(np.clip(array, 0, 99)).to(getattr(fl, dtype))
            if x.is_floating_point() and n > 9:
                x[0, n // 2], x[2, 2:9:3] = float("nan"), -0.0
            values = x.double().numpy()
            for sign, extremes in ((1, fl.cummax), (-1, fl.cummin)):
                best = np.maximum.accumulate(sign * values, 1)
                own = (sign * values == best) | np.isnan(values)
                places = np.maximum.accumulate(np.where(own, np.arange(n), 0), 1)
                want = np.take_along_axis(values, places, 1)
                for way in (
                    x,
                    x.t().contiguous().t(),
                    x.flip(1).flip(1),
                    fl.stack([x, x], 2)[..., 1],
                ):
                    got, at = extremes(way, 1)
                    np.testing.assert_array_equal(at.numpy(), places)
                    np.testing.assert_array_equal(got.double().numpy(), want)
                    zeros = want == 0
                    np.testing.assert_array_equal(
                        np.signbit(got.double().numpy()[zeros]), np.signbit(want[zeros])
                    )


def test_flip_and_roll_on_every_layout():
    for layout, tensor, array in views((3, 4, 5)):
        for dims in ((0,), (2,), (0, 2), (1, -1)):
            np.testing.assert_array_equal(
                tensor.flip(dims).numpy(), np.flip(array, dims), err_msg=layout
            )
        np.testing.assert_array_equal(tensor.flip(0, 1).numpy(), np.flip(array, (0, 1)))
        np.testing.assert_array_equal(tensor.roll(7).numpy(), np.roll(array, 7), err_msg=layout)
        np.testing.assert_array_equal(
            tensor.roll((1, -2), (0, 2)).numpy(), np.roll(array, (1, -2), (0, 2)), err_msg=layout
        )
    assert fl.zeros(0, 2).flip(0).shape == (0, 2) and fl.zeros(0).roll(1).shape == (0,)
    with pytest.raises(RuntimeError, match="roll: there are 2 shifts for 1 dims"):
        fl.zeros(2, 2).roll((1, 2), (0,))


@pytest.mark.parametrize("dtype", (fl.uint8, fl.bfloat16, fl.float32, fl.float64, fl.complex128))
def test_flip_and_roll_in_any_order_of_memory(dtype):
    values = np.arange(6 * 33 * 18 * 20).reshape(6, 33, 18, 20) % 250
    contiguous = fl.from_numpy(values).to(dtype)
    wide = contiguous.to(fl.complex128).numpy()
    for order in itertools.permutations(range(4)):
        back = [order.index(d) for d in range(4)]
        tensor = contiguous.permute(order).contiguous().permute(back)
        for cut in (slice(None), slice(1, -1)):
            part, array = tensor[:, cut, cut], wide[:, cut, cut]
            for dims in ((3,), (1, 2), (0, 1, 2, 3)):
                flipped = part.flip(dims)
                if cut == slice(None):
                    assert flipped.stride() == part.stride()
                np.testing.assert_array_equal(
                    flipped.to(fl.complex128).numpy(), np.flip(array, dims), err_msg=str(order)
                )
                rolled = part.roll((5, -3, 2, 7)[: len(dims)], dims)
                np.testing.assert_array_equal(
                    rolled.to(fl.complex128).numpy(),
                    np.roll(array, (5, -3, 2, 7)[: len(dims)], dims),
                    err_msg=str(order),
                )


def test_repeat_interleave():
    array = np.arange(6.0).reshape(2, 3)
    x = fl.from_numpy(array)
    np.testing.assert_array_equal(x.repeat_interleave(2).numpy(), np.repeat(array, 2))
    np.testing.assert_array_equal(x.repeat_interleave(2, 1).numpy(), np.repeat(array, 2, 1))
    np.testing.assert_array_equal(
        x.repeat_interleave(ints([0, 3]), 0).numpy(), np.repeat(array, [0, 3], 0)
    )
    assert fl.repeat_interleave(ints([2, 0, 1])).tolist() == [0, 0, 2]
    with pytest.raises(
        RuntimeError, match="repeat_interleave: there are 3 repeats for the 2 elements along dim 0"
    ):
        x.repeat_interleave(ints([1, 2, 3]), 0)


@pytest.mark.parametrize("dtype", ["bool", "int16", "float64", "complex64"])
def test_nonzero_and_masked_select_on_every_layout(dtype):
    for layout, tensor, array in views((5, 6), values=[0, 0, 1, 2], dtype=dtype):
        np.testing.assert_array_equal(tensor.nonzero().numpy(), np.argwhere(array), err_msg=layout)
        for got, want in zip(tensor.nonzero(as_tuple=True), np.nonzero(array)):
            np.testing.assert_array_equal(got.numpy(), want)
        mask = array.real > 1
        np.testing.assert_array_equal(
            tensor.masked_select(fl.from_numpy(mask)).numpy(), array[mask], err_msg=layout
        )


def test_large_masks_are_counted_in_stretches():
    mask = np.random.default_rng(0).random((500, 301)) > 0.6
    values = np.arange(mask.size).reshape(mask.shape)
    np.testing.assert_array_equal(fl.from_numpy(mask).nonzero().numpy(), np.argwhere(mask))
    np.testing.assert_array_equal(
        fl.from_numpy(values).masked_select(fl.from_numpy(mask)).numpy(), values[mask]
    )
    want = values.copy()
    want[mask] = -np.arange(mask.sum())
    fl.from_numpy(values).masked_scatter_(fl.from_numpy(mask), fl.from_numpy(-np.arange(mask.size)))
    np.testing.assert_array_equal(values, want)


def test_masked_errors():
    with pytest.raises(RuntimeError, match="masked_select: mask is int64"):
        fl.zeros(2).masked_select(ints([0, 1]))
    with pytest.raises(
        RuntimeError, match="masked_scatter_: the mask selects 2 elements, but source has only 1"
    ):
        fl.zeros(2).masked_scatter_(fl.ones(2, dtype=fl.bool), fl.zeros(1))


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.cumsum(1) ** 2,
        lambda x: x.cumprod(0),
        lambda x: x.cumprod(1),
        lambda x: (x * (x.detach() > 0)).cumprod(1),
        lambda x: x.logcumsumexp(1),
        lambda x: x.cummax(1)[0] ** 2,
        lambda x: x.cummin(0)[0],
        lambda x: x.flip(0) ** 2,
        lambda x: x.roll(1, 1) ** 2,
        lambda x: x.repeat_interleave(ints([2, 0, 1]), 0) ** 2,
        lambda x: x.masked_select(x.detach() > 0) ** 2,
    ],
)
def test_gradients(function):
    from flambeau.autograd import gradcheck, gradgradcheck

    x = fl.from_numpy(np.random.default_rng(3).standard_normal((3, 4))).requires_grad_()
    assert gradcheck(function, (x,))
    assert gradgradcheck(function, (x,))


@pytest.mark.parametrize("name", ["cumsum", "cumprod", "logcumsumexp"])
def test_derivatives_by_a_gradient_of_zeros(name):
    """A gradient is linear in the one that comes in, also where that is 0: jvp and Hessians of squares."""
    x = fl.tensor([[1.0, 2.0, 4.0], [0.5, -1.0, 0.0]], dtype=fl.float64)

    def scan(t):
        return getattr(t, name)(1)

    jacobian = fl.func.jacrev(scan)(x)  # (2, 3, 2, 3)
    tangent = fl.arange(1.0, 7.0, dtype=fl.float64).view(2, 3)
    got = fl.func.jvp(scan, (x,), (tangent,))[1]
    np.testing.assert_allclose(got.numpy(), fl.tensordot(jacobian, tangent, 2).numpy(), rtol=1e-12)
    goal = scan(x)
    got = fl.func.hessian(lambda t: ((scan(t) - goal) ** 2).sum())(x)
    want = 2 * fl.einsum("ijkl,ijmn->klmn", jacobian, jacobian)
    np.testing.assert_allclose(got.numpy(), want.numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "int32", "bool"])
@pytest.mark.parametrize("name", ["cumsum", "cumprod"])
def test_long_lanes_by_segments(name, dtype):
    n = 100_003
    random = np.random.default_rng(4)
    values = (
        random.random(n) * 0.002 + 0.999 if dtype.startswith("float") else random.integers(-1, 3, n)
    )
    x = fl.from_numpy(values).to(getattr(fl, dtype))
    given = x.double().numpy() if dtype.startswith("float") else x.long().numpy()
    before = fl.get_num_threads()
    results = []
    try:
        for threads in (1, 2, 3, 16):
            fl.set_num_threads(threads)
            results.append(getattr(x, name)(0))
    finally:
        fl.set_num_threads(before)
    assert all(fl.equal(r, results[0]) for r in results)
    expected = getattr(np, name)(given)
    tolerance = {"float32": 1e-6, "float64": 1e-12}.get(dtype, 0)
    got = results[0].to(fl.float64).numpy() if "float" in dtype else results[0].numpy()
    np.testing.assert_allclose(got, expected.astype(got.dtype), rtol=tolerance)


def test_long_products_that_leave_the_range_stay_there():
    # In the order of the lane the product is infinite, or 0, before what follows could bring it back.
    x = fl.ones(50_000, dtype=fl.float64)
    x[10], x[20], x[5000] = 1e300, 1e300, 1e-300
    assert x.cumprod(0)[30:].isinf().all()
    x[10], x[20], x[5000] = 1e-300, 1e-300, 1e300
    assert (x.cumprod(0)[30:] == 0).all()
    x[10], x[20], x[5000] = 1e308, 1e308, -1e308
    assert x.cumsum(0)[30:].isinf().all()
    x[30_000] = float("nan")
    assert x.cumsum(0)[30_000:].isnan().all()


def test_long_products_that_fade_away_are_0():
    # Denormal numbers of the accumulator times 0.9 round to themselves.
    x = fl.full((200_000,), 0.95)
    x[150_000:] = 1.05
    expected = np.cumprod(x.double().numpy())[:12_000]
    got = x.cumprod(0)
    np.testing.assert_allclose(got[:1000].numpy(), expected[:1000], rtol=1e-6)
    assert (got[12_000:] == 0).all()


def test_the_gradient_of_cumprod_past_zeros_is_quick_and_that_of_the_definition():
    x = fl.tensor([[2.0, 0.0, 3.0, 0.0, 5.0], [1.0, 2.0, 3.0, 4.0, 0.0]], dtype=fl.float64)
    grad = fl.tensor([[1.0, 2.0, 3.0, 4.0, 5.0]] * 2, dtype=fl.float64)
    x.requires_grad_()
    (quick,) = fl.autograd.grad(x.cumprod(1), x, grad)
    (recorded,) = fl.autograd.grad(x.cumprod(1), x, grad, create_graph=True)
    assert quick.tolist() == recorded.tolist()
    assert quick[0].tolist() == [1, 2 * 2 + 2 * 3 * 3, 0, 0, 0]
    long = fl.ones(100_000).index_fill(0, fl.tensor([7]), 0).requires_grad_()
    long.cumprod(0).sum().backward()
    assert long.grad[:9].tolist() == [7, 6, 5, 4, 3, 2, 1, 99_993, 0]


def test_roll_along_several_dims_and_one_twice():
    array = np.arange(2 * 5 * 7, dtype=np.float32).reshape(2, 5, 7)
    x = fl.tensor(array, requires_grad=True)
    for shifts, dims in (
        ((1, 2, 3), (0, 1, 2)),
        ((-4, 9), (-1, -2)),
        ((2, 1), (1, 1)),
        ((2, 1, 3), (1, 0, -2)),
    ):
        rolled = x.roll(shifts, dims)
        np.testing.assert_array_equal(rolled.detach().numpy(), np.roll(array, shifts, dims))
        (grad,) = fl.autograd.grad(rolled, x, fl.tensor(np.roll(array, shifts, dims)))
        np.testing.assert_array_equal(grad.numpy(), array)


@pytest.mark.parametrize("dtype", (np.bool_, np.uint8, np.int8, np.int16, np.int64, np.float32))
@pytest.mark.parametrize("length", (1, 2, 7, 8, 9, 31, 32, 33, 65, 257, 1025))
def test_scans_of_lanes_of_every_length(dtype, length):
    whole = np.random.default_rng(length).integers(0, 3, (6, 2 * length)).astype(dtype)
    x = fl.from_numpy(whole)
    for tensor, array in ((x, whole), (x[:, ::2], whole[:, ::2]), (x[:, 1:].T, whole[:, 1:].T)):
        for dim in (0, 1):
            sums = np.cumsum(array, dim, dtype=np.float32 if dtype is np.float32 else np.int64)
            np.testing.assert_array_equal(tensor.cumsum(dim).numpy(), sums)
            products = np.cumprod(array, dim, dtype=sums.dtype)
            np.testing.assert_array_equal(tensor.cumprod(dim).numpy(), products)
            for name, better in (("cummax", np.maximum), ("cummin", np.minimum)):
                values, at = getattr(tensor, name)(dim)
                want = better.accumulate(array, dim)
                np.testing.assert_array_equal(values.numpy(), want)
                place = np.arange(array.shape[dim]).reshape((-1, 1) if dim == 0 else (1, -1))
                last = np.maximum.accumulate(np.where(array == want, place, 0), dim)
                np.testing.assert_array_equal(at.numpy(), last)


@pytest.mark.parametrize("dtype", [fl.float16, fl.bfloat16])
def test_scans_of_halves_are_those_of_float32_rounded(dtype):
    """In lanes side by side and beside each other, of lengths on both sides of what is converted at once."""
    for shape in ((3, 5), (40, 300), (257, 9), (1, 129)):
        x = fl.randn(shape).to(dtype)
        x[0, 2] = float("nan")
        for given in (x, x.t().contiguous().t(), fl.cat([x, x], 1)[:, ::2]):
            for dim in (0, 1):
                for name in ("cumsum", "cumprod"):
                    got = getattr(given, name)(dim)
                    expected = getattr(given.float(), name)(dim).to(dtype)
                    eps = fl.finfo(dtype).eps  # float32 itself is summed in float64
                    fl.testing.assert_close(got, expected, rtol=eps, atol=1e-6, equal_nan=True)
                for name in ("cummax", "cummin"):
                    got, places = getattr(given, name)(dim)
                    expected, others = getattr(given.float(), name)(dim)
                    assert places.equal(others)
                    fl.testing.assert_close(got.float(), expected, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("dtype", [fl.uint8, fl.int32, fl.int64])
def test_running_extremes_of_integers_name_the_last_of_equals(dtype):
    for n in (1, 7, 8, 9, 100):
        rows = fl.stack([fl.randint(0, 5, (n,)), fl.arange(n) // 3, -(fl.arange(n) // 3) + n]).to(
            dtype
        )
        for name, keeps in (("cummax", np.greater_equal), ("cummin", np.less_equal)):
            values, indices = getattr(rows, name)(1)
            for row, value, index in zip(
                rows.tolist(), values.tolist(), indices.tolist(), strict=True
            ):
                place = 0
                for i, x in enumerate(row):
                    place = i if keeps(x, row[place]) else place
                    assert (value[i], index[i]) == (row[place], place)
