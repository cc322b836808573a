"""Writing by index against NumPy, on every layout; assignment; gradients; errors."""

import numpy as np
import pytest

import flambeau as fl
from tests.ops.layouts import ints, views

UFUNC = {"sum": np.add, "prod": np.multiply, "amax": np.maximum, "amin": np.minimum}


def _each_cell(index, dim):
    """(cell, coordinate) in row-major order, as scatter visits them."""
    for at in np.ndindex(index.shape):
        cell = list(at)
        cell[dim] = index[at]
        yield tuple(cell), at


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_scatter_and_scatter_add_on_every_layout(dim):
    random = np.random.default_rng(0)
    for layout, tensor, array in views((3, 4, 2)):
        index = random.integers(0, array.shape[dim], (3, 4, 2))
        src = random.standard_normal((3, 4, 2))
        assigned, added = array.copy(), array.copy()
        for cell, at in _each_cell(index, dim):
            assigned[cell] = src[at]
            added[cell] += src[at]
        np.testing.assert_array_equal(
            tensor.scatter(dim, ints(index), fl.from_numpy(src)).numpy(), assigned, err_msg=layout
        )
        np.testing.assert_array_equal(
            tensor.scatter_add(dim, ints(index), fl.from_numpy(src)).numpy(), added, err_msg=layout
        )
        if layout != "expanded":
            tensor.scatter_add_(dim, ints(index), fl.from_numpy(src))
            np.testing.assert_array_equal(tensor.numpy(), added, err_msg=layout)


def test_scatter_takes_numbers():
    x = fl.zeros(2, 3)
    assert x.scatter(1, ints([[1], [2]]), 5).tolist() == [[0, 5, 0], [0, 0, 5]]
    assert x.scatter(1, ints([[1], [2]]), value=5).tolist() == [[0, 5, 0], [0, 0, 5]]
    assert x.scatter_(1, ints([[1, 1]]), 2, reduce="add") is x
    assert x.tolist() == [[0, 4, 0], [0, 0, 0]]


@pytest.mark.parametrize("include_self", [True, False])
@pytest.mark.parametrize("reduce", ["sum", "prod", "amax", "amin", "mean"])
@pytest.mark.parametrize("dtype", ["float32", "int32"])
def test_scatter_reduce(reduce, include_self, dtype):
    x = np.array([[1, 2, 3], [4, 5, 6]], dtype=dtype)
    index, src = np.array([[0, 0, 2], [1, 1, 1]]), np.array([[7, 2, 2], [3, 8, 5]], dtype=dtype)
    want = x.copy()
    for cell in np.ndindex(x.shape):
        values = [src[cell[0], k] for k in range(3) if index[cell[0], k] == cell[1]]
        if not values:
            continue
        values += [x[cell]] if include_self else []
        want[cell] = np.mean(values) if reduce == "mean" else UFUNC[reduce].reduce(values)
    got = fl.from_numpy(x).scatter_reduce(
        1, ints(index), fl.from_numpy(src), reduce, include_self=include_self
    )
    np.testing.assert_allclose(got.numpy(), want, rtol=1e-6)


def test_amax_lets_nan_through():
    x = fl.tensor([1.0, 2.0]).scatter_reduce(
        0, ints([0, 0]), fl.tensor([float("nan"), 5.0]), "amax"
    )
    assert np.isnan(x.numpy()[0]) and x.tolist()[1] == 2


def test_index_add_copy_fill_on_every_layout():
    index = np.array([2, 0, 2])
    source = np.random.default_rng(1).standard_normal((4, 3))
    for layout, tensor, array in views((4, 3)):
        want = array.copy()
        np.add.at(want.T, index, 2 * source.T)
        got = tensor.index_add(1, ints(index), fl.from_numpy(source), alpha=2)
        np.testing.assert_allclose(got.numpy(), want, rtol=1e-15, err_msg=layout)
        want = array.copy()
        want[:, index] = source
        np.testing.assert_array_equal(
            tensor.index_copy(1, ints(index), fl.from_numpy(source)).numpy(), want
        )
        want[:] = array
        want[:, [0, -1]] = 9
        np.testing.assert_array_equal(tensor.index_fill(1, ints([0, -1]), 9).numpy(), want)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("shape", [(700, 30), (5, 9000), (40000,), (90, 20, 11)])
def test_scatter_finds_a_bad_index_anywhere_and_leaves_its_input(shape, threads):
    random = np.random.default_rng(0)
    source = random.standard_normal(shape).astype(np.float32)
    index = random.integers(0, 7, shape)
    x = fl.zeros(*shape)
    want = np.zeros(shape, np.float32)
    np.add.at(want, (*np.indices(shape)[:-1], index), source)
    before = fl.get_num_threads()
    fl.set_num_threads(threads)
    try:
        for given in (ints(index), ints(index.T.copy()).permute(*reversed(range(x.dim())))):
            got = x.scatter_add(-1, given, fl.from_numpy(source))
            np.testing.assert_array_equal(got.numpy(), want)
            last = np.zeros(shape, np.float32)
            for cell, at in _each_cell(index[..., -100:], len(shape) - 1):
                last[cell] = source[..., -100:][at]
            got = x.scatter(-1, given[..., -100:], fl.from_numpy(source[..., -100:].copy()))
            np.testing.assert_array_equal(got.numpy(), last)
            for place in (0, index.size // 2, index.size - 1):
                for bad in (-1, shape[-1]):
                    wrong = given.clone()
                    at = tuple(int(i) for i in np.unravel_index(place, shape))
                    wrong[at] = bad
                    with pytest.raises(IndexError, match=rf"scatter_add: .*{bad}"):
                        x.scatter_add(-1, wrong, fl.from_numpy(source))
                    with pytest.raises(IndexError, match=rf"scatter: .*{bad}"):
                        x.scatter(-1, wrong, 1.0)
    finally:
        fl.set_num_threads(before)
    assert not x.any() and x._version == 0


def test_large_index_add_is_the_sum_in_order():
    random = np.random.default_rng(0)
    index, source = (
        random.integers(0, 50, 3000),
        random.standard_normal((3000, 70)).astype(np.float32),
    )
    want = np.zeros((50, 70), np.float32)
    np.add.at(want, index, source)
    got = fl.zeros(50, 70).index_add_(0, ints(index), fl.from_numpy(source))
    np.testing.assert_array_equal(got.numpy(), want)


def test_put_and_index_put():
    x = fl.zeros(2, 3)
    assert x.put(ints([0, -1, 0]), fl.tensor([1.0, 2.0, 3.0]), accumulate=True).tolist() == [
        [4, 0, 0],
        [0, 0, 2],
    ]
    y = x.index_put((ints([0, 1, 0]), ints([1, 2, 1])), fl.tensor(1.0), accumulate=True)
    assert y.tolist() == [[0, 2, 0], [0, 0, 1]]
    with pytest.raises(RuntimeError, match="index_put_: values are int64 and self is float32"):
        x.index_put_((ints([0]),), ints(1))


@pytest.mark.parametrize(
    "index, value",
    [
        (lambda: (ints([1, 0]),), 5.0),
        (lambda: (slice(None), ints([1, 0])), np.array([7.0, 8.0])),
        (lambda: (ints([1, 0]), ints([2, 3])), np.array([7.0, 8.0])),
        (lambda: (slice(0, 2), None, ints([1, 0])), np.array([[[7.0, 8.0]]])),
        (lambda: (fl.from_numpy(np.arange(12).reshape(3, 4) % 2 == 0),), 3.0),
        (lambda: (fl.from_numpy(np.arange(12).reshape(3, 4) % 2 == 0),), np.arange(6.0)),
        (lambda: (fl.from_numpy(np.array([True, False, True])),), np.arange(4.0)),
        (lambda: ([0, 2], slice(1, 3)), np.array([[1.0], [2.0]])),
        (lambda: (True,), 4.0),
        (lambda: (ints([0]),), np.arange(4.0).reshape(1, 1, 4)),
    ],
)
def test_setitem_agrees_with_numpy(index, value):
    to_array = lambda item: item.numpy() if isinstance(item, fl.Tensor) else item
    for layout, tensor, array in views((3, 4)):
        if layout == "expanded":
            continue
        array[tuple(to_array(item) for item in index())] = value
        version = tensor._version
        tensor[index()] = fl.from_numpy(value) if isinstance(value, np.ndarray) else value
        np.testing.assert_array_equal(tensor.numpy(), array, err_msg=layout)
        assert tensor._version > version


@pytest.mark.parametrize(
    "bad, kind, text",
    [
        (
            lambda x: x.scatter_(0, ints([[5]]), 1.0),
            IndexError,
            r"scatter_: index 5 at position \(0, 0\) is outside dim 0 of size 2 \(allowed are 0 to 1\)",
        ),
        (
            lambda x: x.index_add_(0, ints([3]), fl.ones(1, 2)),
            IndexError,
            r"index_add_: index 3 at position \(0,\) is outside dim 0 of size 2 \(allowed are 0 to 1\)",
        ),
        (
            lambda x: x.index_add_(0, ints([0]), fl.ones(2, 2)),
            IndexError,
            r"index_add_: source is \(2, 2\)",
        ),
        (
            lambda x: x.scatter(0, ints([[0]]), ints([[0]])),
            RuntimeError,
            "scatter: src is int64 and self is float32",
        ),
        (
            lambda x: x.scatter_reduce(0, ints([[0]]), x, "max"),
            RuntimeError,
            "scatter_reduce: reduce is 'max'",
        ),
        (
            lambda x: x.__setitem__(ints([0]), [1.0, 2.0]),
            TypeError,
            r"indexing: list cannot be written into a tensor of torch\.float32",
        ),
        (
            lambda x: x.__setitem__(ints([0, 1]), fl.ones(3)),
            RuntimeError,
            r"index_put_: values \(3,\) do not broadcast to \(2, 2\), the shape that the indices select",
        ),
        (
            lambda x: x[:1].expand(2, 2).index_add_(0, ints([0]), fl.ones(1, 2)),
            RuntimeError,
            r"index_add_: elements of self \(2, 2\) share memory, so a write to one changes others\. clone\(\)",
        ),
    ],
)
def test_errors_come_before_anything_is_written(bad, kind, text):
    x = fl.zeros(2, 2)
    with pytest.raises(kind, match=text):
        bad(x)
    assert float(x.sum()) == 0 and x._version == 0


def _random(*shape, seed=0):
    return fl.from_numpy(np.random.default_rng(seed).standard_normal(shape)).requires_grad_()


INDEX = [[0, 0, 1], [2, 2, 2]]


@pytest.mark.parametrize(
    "function",
    [
        lambda x, s: x.scatter(1, ints([[0, 1, 2], [2, 1, 0]]), s),
        lambda x, s: x.scatter(1, ints([[0, 1], [2, 1]]), s),
        lambda x, s: x.scatter_add(1, ints(INDEX), s),
        lambda x, s: x.scatter_reduce(1, ints(INDEX), s, "sum", include_self=False),
        lambda x, s: x.scatter_reduce(1, ints(INDEX), s, "prod"),
        lambda x, s: x.scatter_reduce(1, ints(INDEX), s, "prod", include_self=False),
        lambda x, s: x.scatter_reduce(1, ints(INDEX), s, "mean"),
        lambda x, s: x.scatter_reduce(1, ints(INDEX), s, "amax"),
        lambda x, s: x.scatter_reduce(1, ints(INDEX), s, "amin", include_self=False),
        lambda x, s: x.index_reduce(1, ints([0, 0, 2]), s, "amax"),
        lambda x, s: x.index_add(1, ints([0, 0, 2]), s, alpha=3),
        lambda x, s: x.index_copy(1, ints([1, 0, 2]), s),
        lambda x, s: x.index_fill(0, ints([1]), s[0, 0]),
        lambda x, s: x.put(ints(INDEX), s, accumulate=True),
        lambda x, s: x.index_put((ints([0, 1]),), s),
        lambda x, s: x.index_put((ints([1, 1]),), s, accumulate=True),
        lambda x, s: x.index_put((ints([1]), ints([2])), s[0, 0]),
        lambda x, s: (x * 1).index_add_(1, ints([0, 0, 2]), s) ** 2,
        lambda x, s: x.masked_scatter(x.detach() > 0, s),
    ],
)
def test_gradients(function):
    from flambeau.autograd import gradcheck, gradgradcheck

    inputs = _random(2, 3), _random(2, 3, seed=1)
    assert gradcheck(function, inputs)
    assert gradgradcheck(function, inputs)


def test_setitem_gradient_goes_to_value_and_around_it():
    x, v = _random(3, 2), _random(2, seed=1)
    y = x * 1
    y[ints([0, 2])] = v
    (y * y).sum().backward()
    np.testing.assert_allclose(v.grad.numpy(), 4 * v.detach().numpy())
    np.testing.assert_allclose(x.grad.numpy(), 2 * x.detach().numpy() * [[0], [1], [0]])


def test_leaf_cannot_be_written_in_place():
    with pytest.raises(RuntimeError, match="leaf"):
        _random(2, 2).index_fill_(0, ints([0]), 1.0)


@pytest.mark.parametrize(
    "value", [fl.tensor(1j), fl.tensor(2), fl.tensor([1j, 2]), fl.tensor([1, 2])]
)
def test_cells_by_index_take_values_of_the_same_dtype_alone(value):
    x = fl.zeros(4)
    with pytest.raises(RuntimeError, match="index_put_: values are"):
        x[fl.tensor([0, 1])] = value
    x[:2] = value.real
    assert x[:2].tolist() == value.real.expand(2).tolist()


def test_a_single_value_under_a_mask_is_converted_but_loses_nothing():
    x = fl.zeros(4, dtype=fl.uint8)
    mask = fl.tensor([True, False, True, False])
    x[mask] = fl.tensor(2)
    assert x.tolist() == [2, 0, 2, 0]
    for value in (fl.tensor(1j), fl.tensor(300)):
        with pytest.raises(RuntimeError, match="masked_fill_|beyond the range"):
            x[mask] = value
    assert x.tolist() == [2, 0, 2, 0]


@pytest.mark.parametrize("value", [fl.tensor(1j), fl.tensor(300), 1j, 300])
def test_index_fill_refuses_what_the_dtype_does_not_hold(value):
    x = fl.zeros(3, dtype=fl.uint8)
    for fill in (x.index_fill, x.index_fill_):
        with pytest.raises(RuntimeError, match="complex|beyond the range"):
            fill(0, fl.tensor([0]), value)
    assert x.tolist() == [0, 0, 0]


@pytest.mark.parametrize("threads", [1, 2, 3, 16])
@pytest.mark.parametrize(
    "shape, dim", [((3000, 50), 1), ((20, 30, 40), 2), ((20, 30, 40), 1), ((70_000, 2), 1), ((5, 1, 50), 2)]
)  # fmt: skip
def test_scatter_by_slices_agrees_with_every_layout(shape, dim, threads):
    random = np.random.default_rng(0)
    before = fl.get_num_threads()
    fl.set_num_threads(threads)
    try:
        for width in (shape[dim], 1, 2 * shape[dim]):
            sizes = (*shape[:dim], width, *shape[dim + 1 :])
            index = random.integers(0, shape[dim], sizes)
            x, source = (fl.from_numpy(random.integers(-9, 9, s)) for s in (shape, sizes))
            spaced = fl.zeros(*sizes, 2, dtype=fl.int64)[..., 0].copy_(source)
            at = (*np.indices(sizes)[:dim], index, *np.indices(sizes)[dim + 1 :])
            want, alone = x.numpy().copy(), np.zeros(shape, np.int64)
            np.add.at(want, at, source.numpy())
            np.add.at(alone, at, source.numpy())
            zeros = fl.zeros((), dtype=fl.int64).expand(shape)
            for given in (source, spaced):
                got = x.scatter_add(dim, ints(index), given)
                np.testing.assert_array_equal(got.numpy(), want)
                got = zeros.scatter_add(dim, ints(index), given)
                np.testing.assert_array_equal(got.numpy(), alone)
            got = x.scatter(dim, ints(index), -100)
            want = x.numpy().copy()
            want[at] = -100
            np.testing.assert_array_equal(got.numpy(), want)
    finally:
        fl.set_num_threads(before)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int16", "float32", "int64", "complex64", "complex128"])  # fmt: skip
def test_rows_are_written_for_every_itemsize(dtype):
    random = np.random.default_rng(3)
    x, source = (random.integers(0, 3, s).astype(dtype) for s in ((300, 40), (300, 60)))
    index = random.integers(0, 40, source.shape)
    at = np.indices(source.shape)[0], index
    want = x.copy()
    for cell, place in zip(zip(*(a.ravel() for a in at), strict=True), np.ndindex(source.shape), strict=True):  # fmt: skip
        want[cell] = source[place]
    of_x, of_index, of_source = fl.from_numpy(x), ints(index), fl.from_numpy(source)
    np.testing.assert_array_equal(of_x.scatter(1, of_index, of_source).numpy(), want)
    sums = x.copy()
    np.add.at(sums, at, source)
    np.testing.assert_array_equal(of_x.scatter_add(1, of_index, of_source).numpy(), sums)
    of_index[250, 7] = 40
    for name in ("scatter", "scatter_add"):
        with pytest.raises(IndexError, match=rf"{name}: index 40 at position \(250, 7\)"):
            getattr(of_x, name)(1, of_index, of_source)


@pytest.mark.parametrize("length", [1, 6, 300])
@pytest.mark.parametrize("name", ["scatter", "scatter_add", "scatter_", "scatter_add_"])
def test_a_number_stands_for_a_vector_of_one(name, length):
    place = length - 1
    for index in (fl.tensor(place), fl.tensor([place])):
        for source in (fl.tensor(2.0), fl.tensor([2.0])):
            result = getattr(fl.zeros(length), name)(0, index, source)
            assert result.tolist() == [0.0] * place + [2.0]


@pytest.mark.parametrize("length", [1, 6, 300])
def test_the_gradient_of_one_element_gathered_by_a_number(length):
    for place in {0, length // 2, length - 1}:
        x = fl.rand(length, requires_grad=True)
        fl.gather(x, 0, fl.tensor(place)).backward(fl.tensor(2.0))
        assert x.grad.tolist() == [0.0] * place + [2.0] + [0.0] * (length - 1 - place)


@pytest.mark.parametrize("low", [0, -50_000])
def test_many_indices_are_used_where_they_lie(low):
    n = 50_000
    random = np.random.default_rng(5)
    index = random.integers(low, n, n)
    values = random.integers(-9, 9, n)
    x = fl.arange(n)
    want = np.arange(n)
    assert (x[ints(index)].numpy() == want[index]).all()
    x[ints(index)] = fl.from_numpy(values)
    for at, value in zip(index, values, strict=True):
        want[at] = value
    assert (x.numpy() == want).all()
    sums = np.arange(n)
    np.add.at(sums, index, values)
    got = fl.arange(n).index_put((ints(index),), fl.from_numpy(values), accumulate=True)
    assert (got.numpy() == sums).all()
    rows = fl.arange(3 * n).view(3, n)
    assert (rows[:, ints(index)].numpy() == rows.numpy()[:, index]).all()
    for bad in (n, -n - 1):
        wrong = ints(index)
        wrong[40_000] = bad
        with pytest.raises(IndexError, match=rf"index {bad} at position \(40000,\)"):
            x[wrong] = 0
        with pytest.raises(IndexError, match=rf"index {bad} at position \(40000,\)"):
            x[wrong]
    assert (x.numpy() == want).all()


@pytest.mark.parametrize("threads", [1, 2, 3, 16])
@pytest.mark.parametrize("dtype", ["bool", "uint8", "float32", "float64", "complex128"])
@pytest.mark.parametrize("sizes", [(100, 50), (7, 5, 3), (1, 33), (4000, 40), (2100, 2, 11)])
def test_rows_that_are_written_often_are_sums_in_order(sizes, dtype, threads):
    # few rows are written in copies of a thread's own, many where they lie
    random = np.random.default_rng(1)
    index = random.integers(0, sizes[0], 20_000)
    x, source = (
        (random.standard_normal(s) * 3).astype(dtype) for s in (sizes, (20_000, *sizes[1:]))
    )
    wide = np.zeros((sizes[0], *sizes[1:], 2), dtype)
    before = fl.get_num_threads()
    fl.set_num_threads(threads)
    try:
        want = x.copy()
        np.add.at(want, index, source)
        got = fl.from_numpy(x.copy()).index_add_(0, ints(index), fl.from_numpy(source))
        np.testing.assert_array_equal(got.numpy(), want)
        got = fl.from_numpy(x.copy())
        got[ints(index)] += 0 if dtype != "bool" else False
        np.testing.assert_array_equal(got.numpy(), x)
        got = fl.from_numpy(x).index_put((ints(index - sizes[0]),), fl.from_numpy(source), True)
        np.testing.assert_array_equal(got.numpy(), want)
        got = fl.from_numpy(x).index_add(0, ints(index), fl.from_numpy(source))
        np.testing.assert_array_equal(got.numpy(), want)
        copied, filled = x.copy(), x.copy()
        copied[index], filled[index] = source, 1
        got = fl.from_numpy(x).index_copy(0, ints(index), fl.from_numpy(source))
        np.testing.assert_array_equal(got.numpy(), copied)
        got = fl.from_numpy(x).index_fill(0, ints(index - sizes[0]), 1)
        np.testing.assert_array_equal(got.numpy(), filled)
        apart = fl.from_numpy(wide.copy())[..., 0].index_add_(0, ints(index), fl.from_numpy(source))
        np.add.at(wide[..., 0], index, source)
        np.testing.assert_array_equal(apart.numpy(), wide[..., 0])
        if dtype == "float32":
            want = x.copy()
            np.maximum.at(want, index, source)
            got = fl.from_numpy(x.copy()).index_reduce_(0, ints(index), fl.from_numpy(source), "amax")  # fmt: skip
            np.testing.assert_array_equal(got.numpy(), want)
    finally:
        fl.set_num_threads(before)


@pytest.mark.parametrize("dtype", [fl.bfloat16, fl.float16])
def test_halves_are_added_in_float32_and_rounded_once(dtype):
    n = 5000  # ones of bfloat16 stop counting at 256, those of float16 at 2,048
    row, ones = fl.zeros(n, dtype=fl.int64), fl.ones(n, 3, dtype=dtype)
    sum = fl.tensor(float(n), dtype=dtype)
    column = row.unsqueeze(1)
    for index in (column.expand(n, 3), column.repeat(1, 3)):
        for strided in (False, True):
            out = fl.zeros(3, 2, dtype=dtype).t() if strided else fl.zeros(2, 3, dtype=dtype)
            out.scatter_add_(0, index, ones)
            assert (out[0] == sum).all() and (out[1] == 0).all()
    zero = fl.zeros(2, 3, dtype=dtype)
    assert (zero.index_add(0, row, ones[:1].expand(n, 3))[0] == sum).all()
    assert (zero.index_put((row,), ones, accumulate=True)[0] == sum).all()
    assert (zero.t().scatter_add(1, column.expand(n, 3).t(), ones.t())[:, 0] == sum).all()
    two = fl.tensor([[2.0]], dtype=dtype)
    turns = fl.tensor([2.0**10, 2.0**10, 2.0**-10, 2.0**-10], dtype=dtype).unsqueeze(1)
    assert two.scatter_reduce(0, column[:4], turns, "prod").item() == 2  # 2**21 on the way
    for read in (
        lambda w: w[row],
        lambda w: w.index_select(0, row),
        lambda w: w.gather(0, column.expand(n, 3)),
        lambda w: w.t().gather(1, column.expand(n, 3).t()),
        lambda w: fl.nn.functional.embedding(row, w),
    ):
        w = zero.clone().requires_grad_()
        read(w).sum().backward()
        assert (w.grad[0] == sum).all()


@pytest.mark.parametrize("name", ["scatter_reduce", "index_reduce"])
@pytest.mark.parametrize("include_self", [False, True])
def test_means_of_bools_are_refused_by_name(name, include_self):
    x, index = fl.ones(3, dtype=fl.bool), fl.tensor([0, 1, 1])
    with pytest.raises(NotImplementedError, match=f"^{name}: "):
        getattr(fl, name)(x, 0, index, x, "mean", include_self=include_self)


@pytest.mark.parametrize("dtype", [fl.float16, fl.bfloat16])
@pytest.mark.parametrize("reduce", ["amax", "amin"])
@pytest.mark.parametrize("n", [1, 65, 1025])
def test_extremes_of_halves_are_those_of_float32(dtype, reduce, n):
    random = np.random.default_rng(n)
    source = fl.from_numpy(random.normal(0, 9, n).astype(np.float32)).to(dtype)
    source[:: max(1, n // 9)] = float("nan")
    source[1::7] = -0.0
    index = fl.from_numpy(random.integers(0, n, n))
    for cells in (n, 40 * n):  # put together in float32, or where they are
        base = fl.from_numpy(random.normal(0, 9, cells).astype(np.float32)).to(dtype)
        for include_self in (True, False):
            got = base.scatter_reduce(0, index, source, reduce, include_self=include_self)
            want = base.float().scatter_reduce(
                0, index, source.float(), reduce, include_self=include_self
            )
            np.testing.assert_array_equal(got.float().numpy(), want.numpy())
