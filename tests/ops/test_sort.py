"""Sorting, selecting, searching, counting and distinct values against NumPy, on every layout."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import flambeau as fl
from tests.ops.layouts import ints, views

NAN = float("nan")
REAL = [
    "bool",
    "uint8",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint16",
    "uint32",
    "uint64",
    "float16",
    "float32",
    "float64",
]


def _order(array, dim, descending):
    """The stable order with NaN as the greatest value."""
    if not descending:
        return np.argsort(array, axis=dim, kind="stable")
    back = np.flip(array, dim)
    return array.shape[dim] - 1 - np.flip(np.argsort(back, axis=dim, kind="stable"), dim)


@pytest.mark.parametrize("descending", [False, True])
def test_sort_on_every_layout(descending):
    for layout, tensor, array in views((4, 5, 6), values=[-1.5, 0.0, 1.0, 2.0, np.inf, np.nan]):
        for dim in (0, 1, -1):
            values, indices = tensor.sort(dim, descending)
            order = _order(array, dim, descending)
            np.testing.assert_array_equal(indices.numpy(), order, err_msg=layout)
            np.testing.assert_array_equal(
                values.numpy(), np.take_along_axis(array, order, dim), err_msg=layout
            )
            np.testing.assert_array_equal(tensor.argsort(dim, descending).numpy(), order)


@pytest.mark.parametrize("dtype", REAL)
@pytest.mark.parametrize("n", [1, 20, 50, 70, 3000])
def test_sort_of_every_dtype_and_length(dtype, n):
    """Lengths on both sides of insertion sort, comparison sort and radix sort."""
    array = (np.random.default_rng(n).standard_normal(n) * 50).astype(dtype)
    for descending in (False, True):
        values, indices = fl.from_numpy(array).sort(descending=descending)
        order = _order(array, 0, descending)
        np.testing.assert_array_equal(indices.numpy(), order)
        np.testing.assert_array_equal(values.numpy(), array[order])


@given(st.lists(st.floats(width=32), max_size=100))
def test_sort_orders_every_float(numbers):
    array = np.array(numbers, dtype=np.float32)
    got = fl.from_numpy(array).sort()[0].numpy()
    np.testing.assert_array_equal(got, np.sort(array))


def test_sort_keeps_signed_zeros_in_place():
    x = fl.tensor([0.0, -0.0, 0.0])
    assert x.sort().indices.tolist() == [0, 1, 2]
    assert np.signbit(x.sort().values.numpy()).tolist() == [False, True, False]


def test_sort_of_no_dims_and_of_nothing():
    assert fl.tensor(3.0).sort().indices.item() == 0
    assert fl.zeros(0, 3).sort(0).values.shape == (0, 3)


def test_named_results_print_like_pytorch():
    result = fl.tensor([2, 1]).sort()
    assert type(result).__name__ == "sort" and result.values is result[0]
    assert repr(result).startswith("torch.return_types.sort(\nvalues=")


def test_complex_numbers_have_no_order():
    with pytest.raises(RuntimeError, match="sort: complex numbers have no order"):
        fl.zeros(2, dtype=fl.complex64).sort()


@pytest.mark.parametrize("n, k", [(1, 1), (30, 7), (500, 3), (500, 400), (40, 0), (70, 70)])
@pytest.mark.parametrize("largest", [True, False])
def test_topk(n, k, largest):
    array = np.random.default_rng(n + k).integers(-40, 40, (3, n)).astype(np.float32)
    values, indices = fl.from_numpy(array).topk(k, largest=largest)
    order = _order(array, 1, largest)[:, :k]
    np.testing.assert_array_equal(indices.numpy(), order)
    np.testing.assert_array_equal(values.numpy(), np.take_along_axis(array, order, 1))
    places = fl.from_numpy(array).topk(k, largest=largest, sorted=False).indices.numpy()
    np.testing.assert_array_equal(np.sort(places), np.sort(order))


def test_places_of_equal_values_in_short_rows():
    # As the selection and the sorting of the C++ library leave them, which PyTorch uses as well.
    row = fl.tensor([1, 0, 1, 1, 0, 1, 0, 1, 1, 0])
    assert row.topk(3).indices.tolist() == [5, 8, 3]
    assert row.topk(3, sorted=False).indices.tolist() == [5, 8, 3]
    assert row.topk(3, largest=False).indices.tolist() == [6, 4, 1]
    assert row.topk(2).indices.tolist() == [0, 2]  # few of many: the first ones
    values, index = fl.tensor([n % 3 % 2 for n in range(40)]).mode()
    assert (values.item(), index.item()) == (0, 6)
    values, index = fl.tensor([n % 3 % 2 for n in range(100)]).mode()
    assert (values.item(), index.item()) == (0, 30)


@pytest.mark.parametrize("k", (0, 1))
@pytest.mark.parametrize("largest", (False, True))
def test_topk_of_a_number_is_the_number(k, largest):
    x = fl.tensor(3.5, requires_grad=True)
    values, indices = x.topk(k, largest=largest)
    values.backward()
    assert (values.item(), indices.item(), x.grad.item()) == (3.5, 0, 1)


def test_topk_out_of_range():
    with pytest.raises(
        RuntimeError, match=r"topk: k is 4, but dim 0 has size 3 \(allowed are 0 to 3\)"
    ):
        fl.zeros(3).topk(4)


def test_kthvalue_names_that_of_equal_values_which_pytorch_names():
    pytorch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    for n, values in itertools.product((1, 2, 3, 5, 16, 33, 300), (1, 2, 5, 100)):
        for dtype in ("uint8", "float16", "float32", "int64"):
            x, k = rng.integers(0, values, (3, n)).astype(dtype), int(rng.integers(1, n + 1))
            if dtype[0] == "f":
                x[rng.random(x.shape) < 0.1] = np.nan
                x[x == 0] *= -1
            ours, theirs = fl.tensor(x).kthvalue(k), pytorch.tensor(x).kthvalue(k)
            assert ours.indices.tolist() == theirs.indices.tolist(), (n, values, dtype, k)
            np.testing.assert_array_equal(ours.values.numpy(), theirs.values.numpy())


def test_kthvalue_of_descending_values_takes_no_square_of_their_count():
    n = 1_000_000
    for k in (1, 2, n // 2, n):
        value, index = fl.arange(n).flip(0).kthvalue(k)
        assert (value.item(), index.item()) == (k - 1, n - k)


def test_kthvalue_median_mode_on_every_layout():
    for layout, tensor, array in views((4, 7)):
        ordered = np.sort(array, 1)
        values, indices = tensor.kthvalue(3, 1, keepdim=True)
        np.testing.assert_array_equal(values.numpy(), ordered[:, 2:3], err_msg=layout)
        np.testing.assert_array_equal(np.take_along_axis(array, indices.numpy(), 1), values.numpy())
        np.testing.assert_array_equal(
            tensor.median(1).values.numpy(), ordered[:, 3], err_msg=layout
        )
        assert tensor.median().item() == np.sort(array.reshape(-1))[(array.size - 1) // 2]
    values, indices = fl.tensor([[3, 1, 3, 1, 2], [5, 4, 5, 5, 4]]).mode()
    assert values.tolist() == [1, 5] and indices.tolist() == [3, 3]


def test_median_and_nan():
    x = fl.tensor([[1.0, NAN, 3.0], [3.0, 2.0, 1.0], [NAN, NAN, NAN]])
    assert np.isnan(x.median(1).values.numpy()).tolist() == [True, False, True]
    assert x.median(1).indices.tolist() == [1, 1, 0]
    assert x.nanmedian(1).values.tolist()[:2] == [1.0, 2.0]
    assert x.nanmedian().item() == 2.0 and np.isnan(x.median().item())


@pytest.mark.parametrize("right", [False, True])
def test_searchsorted(right):
    side = "right" if right else "left"
    for layout, tensor, array in views((3, 4), values=[0.0, 1.0, 2.0, 3.0]):
        edges = np.array([0.0, 1.0, 1.0, 2.5])
        want = np.searchsorted(edges, array, side)
        got = fl.searchsorted(fl.from_numpy(edges), tensor, right=right)
        np.testing.assert_array_equal(got.numpy(), want, err_msg=layout)
        assert fl.bucketize(tensor, fl.from_numpy(edges), right=right).tolist() == want.tolist()
    rows = fl.tensor([[1, 3, 5], [2, 4, 6]])
    out = fl.searchsorted(rows, fl.tensor([[3], [3]]), side=side, out_int32=True)
    assert out.dtype == fl.int32 and out.tolist() == [[2 if right else 1], [1]]
    assert fl.searchsorted(fl.tensor([5, 1, 3]), 3, sorter=ints([1, 2, 0])).item() == 1


@pytest.mark.parametrize("n", [1, 65, 257, 1025, 100_000])
def test_bincount_of_many_and_of_what_it_refuses(n):
    x = np.random.default_rng(n).integers(0, 77, n)
    for values in (x, np.repeat(x, 2)[::2], x[::-1].copy()):
        assert fl.bincount(fl.from_numpy(values)).tolist() == np.bincount(values).tolist()
    for wrong in (-1, -(2**31), -(2**32) + 5, -(2**63)):
        x[n // 2] = wrong
        with pytest.raises(RuntimeError, match=rf"bincount: element {n // 2} is {wrong};"):
            fl.bincount(fl.from_numpy(x))


def test_bincount_and_histc():
    x = np.array([3, 1, 1, 0])
    assert fl.bincount(ints(x), minlength=6).tolist() == np.bincount(x, minlength=6).tolist()
    weights = np.array([0.5, 1, 2, 4])
    assert fl.bincount(ints(x), fl.from_numpy(weights)).tolist() == np.bincount(x, weights).tolist()
    with pytest.raises(RuntimeError, match="bincount: element 0 is -1"):
        fl.bincount(ints([-1]))
    with pytest.raises(
        RuntimeError,
        match=r"bincount: element 0 is 9223372036854775807, which asks for more bins than memory can hold \(out",
    ):  # the next number overflows
        fl.bincount(ints([2**63 - 1]))
    values = np.random.default_rng(0).standard_normal(500)
    for low, high in ((-1, 1), (0, 0)):
        bounds = (values.min(), values.max()) if low == high else (low, high)
        want = np.histogram(values, 7, bounds)[0]
        assert fl.histc(fl.from_numpy(values), 7, low, high).tolist() == want.tolist()


@pytest.mark.parametrize("dtype", ["bool", "int8", "int64", "float32"])
def test_unique(dtype):
    for _, tensor, array in views((5, 6), values=[0, 1, 2, 3], dtype=dtype):
        values, inverse, counts = tensor.unique(return_inverse=True, return_counts=True)
        want = np.unique(array, return_counts=True)
        np.testing.assert_array_equal(values.numpy(), want[0])
        np.testing.assert_array_equal(counts.numpy(), want[1])
        np.testing.assert_array_equal(values.numpy()[inverse.numpy()], array)


def test_unique_along_a_dim_is_lexicographic():
    array = np.random.default_rng(0).integers(0, 2, (3, 20, 2))
    for dim in range(3):
        values, inverse = fl.from_numpy(array).unique(dim=dim, return_inverse=True)
        np.testing.assert_array_equal(values.numpy(), np.unique(array, axis=dim))
        np.testing.assert_array_equal(np.take(values.numpy(), inverse.numpy(), dim), array)


def test_unique_consecutive_and_nan():
    values, inverse, counts = fl.unique_consecutive(fl.tensor([1, 1, 2, 1]), True, True)
    assert (values.tolist(), inverse.tolist(), counts.tolist()) == (
        [1, 2, 1],
        [0, 0, 1, 2],
        [2, 1, 1],
    )
    assert fl.tensor([NAN, 1.0, NAN]).unique().shape == (3,)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("dtype", [np.int64, np.float32, np.int8, np.bool_])
@pytest.mark.parametrize("n", [1, 2, 257, 70_000])
@pytest.mark.parametrize("distinct", [1, 2, 1000])
def test_unique_consecutive_of_any_length(threads, dtype, n, distinct):
    array = np.random.default_rng(0).integers(0, distinct, n).astype(dtype)
    before = fl.get_num_threads()
    fl.set_num_threads(threads)
    try:
        got = fl.unique_consecutive(fl.from_numpy(array))
    finally:
        fl.set_num_threads(before)
    want = array[np.append(True, array[1:] != array[:-1])]
    np.testing.assert_array_equal(got.numpy(), want)
    assert got.untyped_storage().nbytes() == want.nbytes


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.sort(0)[0] ** 2,
        lambda x: x.sort(1, descending=True)[0],
        lambda x: x.topk(2, 1)[0] ** 2,
        lambda x: x.kthvalue(2, 0)[0],
        lambda x: x.median(-2)[0],
        lambda x: x.median() ** 2,
        lambda x: x.nanmedian(1, keepdim=True)[0],
        lambda x: x.mode(1)[0],
        lambda x: fl.msort(x),
    ],
)
def test_gradients(function):
    from flambeau.autograd import gradcheck, gradgradcheck

    x = fl.from_numpy(np.random.default_rng(0).permutation(12).reshape(3, 4) / 3).requires_grad_()
    assert gradcheck(function, (x,))
    assert gradgradcheck(function, (x,))


def test_histogram():
    values = np.random.default_rng(0).standard_normal((40, 2))
    weight = np.random.default_rng(1).random(40)
    for keywords in ({}, {"density": True}, {"range": (-1.0, 0.5)}, {"weight": weight}):
        as_tensors = {k: fl.from_numpy(v) if k == "weight" else v for k, v in keywords.items()}
        as_arrays = {"weights" if k == "weight" else k: v for k, v in keywords.items()}
        hist, edges = fl.histogram(fl.from_numpy(values[:, 0]), 5, **as_tensors)
        want = np.histogram(values[:, 0], 5, **as_arrays)
        np.testing.assert_allclose(hist.numpy(), want[0])
        np.testing.assert_allclose(edges.numpy(), want[1])
    hist, edges = fl.histogramdd(
        fl.from_numpy(values), (3, 4), weight=fl.from_numpy(weight), density=True
    )
    want = np.histogramdd(values, (3, 4), weights=weight, density=True)
    np.testing.assert_allclose(hist.numpy(), want[0])
    np.testing.assert_allclose(edges[1].numpy(), want[1][1])


def test_named_results_can_be_pickled():
    import pickle

    result = fl.return_types.sort((1, 2))
    assert pickle.loads(pickle.dumps(result)) == result


def _with_threads(compute):
    before = fl.get_num_threads()
    try:
        for n in (1, 2, 3, 16):
            fl.set_num_threads(n)
            yield compute()
    finally:
        fl.set_num_threads(before)


@pytest.mark.parametrize("dtype", ["float32", "int32", "uint8", "bfloat16"])
def test_short_lanes_are_sorted_by_ranks(dtype):
    random = np.random.default_rng(5)
    for n in (*range(1, 20), 31, 32, 33, 63, 64, 65, 100, 127, 128, 129):
        array = random.integers(0, 40, (3, n)).astype("float32")
        tensor = fl.from_numpy(array).to(getattr(fl, dtype))
        for descending in (False, True):
            expected = _order(array, 1, descending)
            for lanes, dim in ((tensor, 1), (tensor.T.contiguous(), 0)):
                values, indices = lanes.sort(dim, descending)
                turned = (lambda t: t.T) if dim == 0 else (lambda t: t)
                assert np.array_equal(turned(indices).numpy(), expected)
                sorted_array = np.take_along_axis(array, expected, 1)
                assert np.array_equal(turned(values).float().numpy(), sorted_array)
                assert fl.equal(lanes.argsort(dim, descending), indices)
        k = max(1, n // 2)
        if n >= 64:  # shorter ones break ties as PyTorch does
            values, indices = tensor.topk(k)
            assert np.array_equal(indices.numpy(), _order(array, 1, True)[:, :k])


def test_infinities_and_nan_have_ranks():
    tensor = fl.tensor([NAN, 1.0, -np.inf, np.inf, -0.0, 0.0, NAN, -1.0])
    assert tensor.argsort().tolist() == [2, 7, 4, 5, 1, 3, 0, 6]
    assert tensor.argsort(descending=True).tolist() == [0, 6, 3, 1, 4, 5, 7, 2]


@pytest.mark.parametrize("dtype", ["float32", "int64", "float64"])
def test_long_lanes_are_the_same_for_any_number_of_threads(dtype):
    array = np.random.default_rng(6).integers(0, 5000, 300_000).astype(dtype)
    expected = np.argsort(array, kind="stable")
    for values, indices in _with_threads(lambda: fl.from_numpy(array).sort()):
        assert np.array_equal(indices.numpy(), expected)
        assert np.array_equal(values.numpy(), array[expected])


@pytest.mark.parametrize("n", [100, 3000, 150_001])
@pytest.mark.parametrize("low, high", [(0, 2), (-500, 500), (-(2**30), 2**30), (-(2**62), 2**62)])
@pytest.mark.parametrize("descending", [False, True])
def test_integers_of_every_range(n, low, high, descending):
    """Few values are counted, and keys of 64 bits travel in 32 where their range allows."""
    array = np.random.default_rng(4).integers(low, high, n)
    places = np.argsort(~array if descending else array, kind="stable")
    for values, indices in _with_threads(
        lambda: fl.from_numpy(array).sort(stable=True, descending=descending)
    ):
        np.testing.assert_array_equal(indices.numpy(), places)
        np.testing.assert_array_equal(values.numpy(), array[places])
    columns = fl.from_numpy(array[: n // 2 * 2]).view(-1, 2).sort(0, descending=descending)[0]
    expected = np.sort(array[: n // 2 * 2].reshape(-1, 2), 0)
    np.testing.assert_array_equal(columns.numpy(), expected[::-1] if descending else expected)


@pytest.mark.parametrize("n", [100, 3000, 150_000])
def test_float64_that_share_their_highest_bits(n):
    """Keys of which 32 bits are sorted first, with few and with many that share them."""
    random = np.random.default_rng(5)
    near = 1 + random.integers(0, 50, n) * 2.0**-52
    mixed = np.where(random.random(n) < 0.1, near, random.standard_normal(n))
    for array in (near, mixed):
        values, indices = fl.from_numpy(array).sort(stable=True)
        places = np.argsort(array, kind="stable")
        np.testing.assert_array_equal(indices.numpy(), places)
        np.testing.assert_array_equal(values.numpy(), array[places])


def test_calls_in_all_spellings():
    x = fl.tensor([[3.0, 1.0, 2.0], [1.0, 5.0, 4.0]])
    assert fl.sort(x, 0).values.tolist() == [[1, 1, 2], [3, 5, 4]]
    assert fl.sort(x, descending=True, dim=-1).indices.tolist() == [[0, 2, 1], [1, 2, 0]]
    assert x.sort(stable=True)[0].tolist() == x.sort(-1, False)[0].tolist()
    assert fl.topk(x, 2, largest=False).values.tolist() == [[1, 2], [1, 4]]
    assert x.topk(k=1).indices.tolist() == [[0], [1]]
    assert x.kthvalue(2, keepdim=True).values.tolist() == [[2], [4]]
    assert x.mode().values.tolist() == [1, 1]
    assert type(fl.sort(x)).__name__ == "sort" and type(x.topk(1)).__name__ == "topk"
    for wrong in (lambda: fl.topk(x), lambda: fl.sort(x, 0, False, 1, 2), lambda: x.sort(by=1)):
        with pytest.raises(TypeError):
            wrong()
    y = x.clone().requires_grad_()
    y.topk(2).values.sum().backward()
    assert y.grad.tolist() == [[1, 0, 1], [0, 1, 1]]
    with fl.no_grad():
        assert not y.sort().values.requires_grad


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64", "int64", "uint8"])
def test_lanes_of_one_value_are_sorted_and_selected_as_their_copies(dtype):
    """expand() gives such lanes: what is known of one is used for the next, NaN or not."""
    column = fl.tensor([[1.0], [NAN], [0.0], [NAN], [3.0], [1.0]])
    if not getattr(fl, dtype).is_floating_point:
        column = column.nan_to_num(2)
    column = column.to(getattr(fl, dtype))
    for n in (1, 2, 7, 40, 300):
        for lanes, dim in (
            (column.expand(6, n), 1),
            (column.T.expand(n, 6), 0),
            (column.unsqueeze(2).expand(6, n, 3), 1),
        ):
            same = lanes.clone(memory_format=fl.contiguous_format)
            for act in (
                lambda x, dim=dim: x.sort(dim),
                lambda x, dim=dim: x.sort(dim=dim, descending=True, stable=True),
                lambda x, dim=dim: (x.argsort(dim),),
                lambda x, dim=dim, k=n // 2 + 1: x.topk(k, dim),
                lambda x, dim=dim: x.topk(1, dim, largest=False, sorted=False),
                lambda x, dim=dim, k=n // 2 + 1: x.kthvalue(k, dim),
                lambda x, dim=dim: x.median(dim),
                lambda x, dim=dim: x.mode(dim),
                lambda x, dim=dim: x.nanmedian(dim),
            ):
                for got, expected in zip(act(lanes), act(same), strict=True):
                    fl.testing.assert_close(got, expected, rtol=0, atol=0, equal_nan=True)


def test_distinct_values_of_bools():
    for values in ([True, False, True], [False], [True, True], []):
        x = fl.tensor(values, dtype=fl.bool)
        expected = np.unique(values, return_inverse=True, return_counts=True)
        got = x.unique(return_inverse=True, return_counts=True)
        for one, other in zip(got, expected, strict=True):
            assert one.tolist() == other.tolist()
        assert x.unique().tolist() == expected[0].tolist()


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32", "float64", "float16"])
@pytest.mark.parametrize("k", [1, 5, 15, 16, 17, 40])
def test_a_few_of_many_with_ties(dtype, k):
    """Those that are kept in order and those that are gathered; lanes that rise, fall and do neither."""
    rng = np.random.default_rng(k)
    for n in (300, 2000):
        rows = [rng.integers(0, 40, n), np.arange(n) // 9, -(np.arange(n) // 9) + n, np.full(n, 7)]
        array = np.stack(rows).astype(dtype)
        if array.dtype.kind == "f":
            array[0, ::50] = np.nan
        x = fl.from_numpy(array)
        for lanes, dim in ((x, 1), (x.t().contiguous(), 0)):
            for largest in (True, False):
                values, indices = lanes.topk(k, dim, largest=largest)
                order = _order(array, 1, largest)[:, :k]
                got = indices.numpy() if dim else indices.numpy().T
                np.testing.assert_array_equal(got, order)
                expected = np.take_along_axis(array, order, 1)
                np.testing.assert_array_equal(values.numpy() if dim else values.numpy().T, expected)


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float16", "float32", "float64"])
def test_the_median_of_a_long_lane_stands_at_its_rank_in_the_stable_order(dtype):
    """Of a sample that encloses it, of one that is none of the whole, and where many are equal."""
    rng = np.random.default_rng(1)
    for n in (2047, 2048, 5001, 40000):
        fooling = np.arange(n) % 7  # the sample may meet one of the remainders alone
        for values in (
            rng.integers(0, 90, n),
            rng.random(n) * 100,
            fooling,
            np.full(n, 3),
            np.arange(n)[::-1] // 300,
        ):
            array = values.astype(dtype)
            order = np.argsort(array, kind="stable")
            for lane in (fl.from_numpy(array), fl.from_numpy(np.stack([array, array], 1))[:, 1]):
                value, index = lane.median(0)
                assert index == order[(n - 1) // 2]
                assert value == lane[index] == lane.median()
    if dtype.startswith("float"):
        lane = fl.ones(5000, dtype=getattr(fl, dtype))
        lane[4000:] = NAN
        assert lane.median(0).indices == 4000 and lane.median().isnan()
        assert lane.nanmedian(0).values == 1


@pytest.mark.parametrize("dtype", [fl.float16, fl.bfloat16])
def test_runs_and_nonzero_halves(dtype):
    """They are compared by their bits: a NaN differs from itself, and -0 is 0."""
    x = fl.tensor([0.0, -0.0, 1, 1, NAN, NAN, -2, -2, 0, float("inf"), float("inf")]).to(dtype)
    for halves in (x, x.repeat(40), fl.stack([x, x], 1)[:, 1]):
        got, wide = halves.unique_consecutive(), halves.float().unique_consecutive()
        fl.testing.assert_close(got.float(), wide, rtol=0, atol=0, equal_nan=True)
        assert halves.nonzero().equal(halves.float().nonzero())
        assert halves.view(-1, 1).nonzero().equal(halves.float().view(-1, 1).nonzero())
