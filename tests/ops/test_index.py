"""Reading by index against NumPy, on every layout; gradients; errors."""

import numpy as np
import pytest

import flambeau as fl
from tests.ops.layouts import ints, views

CASES = [
    "i",
    "i2",
    "neg",
    ":,i",
    "..., i",
    "i,i",
    "i, :, i",
    ":, i, i",
    "None, i",
    "i, None",
    "1:, i",
    "0, i",
    "0, :, i",
    "mask1",
    ":, mask_mid",
    "mask12",
    "mask3",
    "mask1, :, i",
    "i, ..., 1",
    "[0, 1]",
    "[], ",
    "i2, i",
    "empty",
    "range(2)",
    "array",
    "True",
    "False",
    "i32, ..., None",
]


def _names(for_numpy):
    arrays = {
        "i": np.array([1, 0]),
        "i2": np.array([[0, 1], [1, 1], [0, 0]]),
        "neg": np.array([-1, -2, 0]),
        "i32": np.array([1, 0], dtype=np.int32),
        "mask1": np.array([True, False, True]),
        "mask_mid": np.array([False, True, True, False]),
        "mask12": np.arange(12).reshape(3, 4) % 3 == 0,
        "mask3": np.arange(60).reshape(3, 4, 5) % 7 == 0,
        "empty": np.array([], dtype=np.int64),
    }
    names = arrays if for_numpy else {name: fl.from_numpy(value) for name, value in arrays.items()}
    return {**names, "array": np.array([2, 0])}


def _index(text, for_numpy):
    class Catch:
        def __getitem__(self, index):
            return index

    index = eval(f"catch[{text}]", {"catch": Catch(), **_names(for_numpy)})
    if for_numpy and isinstance(index, range):
        index = list(index)
    return index


def _expected(array, text):
    """NumPy's answer, but for ints beside tensors: those are taken first, as in PyTorch."""
    if text in ("0, :, i", "i, ..., 1"):
        return (
            array[0][:, np.array([1, 0])] if text == "0, :, i" else array[..., 1][np.array([1, 0])]
        )
    index = _index(text, True)
    if text == "[], ":
        index = np.array([], dtype=np.int64)
    return array[index]


@pytest.mark.parametrize("text", CASES)
def test_getitem_agrees_with_numpy(text):
    for layout, tensor, array in views((3, 4, 5)):
        result = tensor[_index(text, False)]
        np.testing.assert_array_equal(result.numpy(), _expected(array, text), err_msg=layout)


@pytest.mark.parametrize(
    "dtype", ["bool", "uint8", "int16", "float16", "float32", "complex64", "complex128"]
)
def test_getitem_takes_every_itemsize(dtype):
    array = (np.arange(24).reshape(4, 6) % 5).astype(dtype)
    tensor = fl.from_numpy(array.copy())
    np.testing.assert_array_equal(tensor[ints([3, 0, 3])].numpy(), array[[3, 0, 3]])
    np.testing.assert_array_equal(tensor[:, ints([3, 0, 3])].numpy(), array[:, [3, 0, 3]])


def test_getitem_result_is_contiguous_and_a_copy():
    x = fl.zeros(3, 4)
    y = x[:, ints([0, 2])]
    assert y.is_contiguous()
    y.fill_(1)
    assert float(x.sum()) == 0


def test_getitem_scalar_tensor_index_is_a_view():
    x = fl.zeros(3, 4)
    x[ints(1)].fill_(1)
    assert x.sum(1).tolist() == [0, 4, 0]


@pytest.mark.parametrize(
    "bad, kind, text",
    [
        (
            lambda x: x[ints([0, 5])],
            IndexError,
            r"index: index 5 at position \(1,\) is outside dim 0 of size 3 \(allowed are -3 to 2\)",
        ),
        (
            lambda x: x[:, ints([[-5]])],
            IndexError,
            r"index: index -5 at position \(0, 0\) is outside dim 1 of size 4 \(allowed are -4 to 3\)",
        ),
        (lambda x: x[fl.zeros(2)], IndexError, r"indexing: a tensor of torch\.float32 is no index"),
        (lambda x: x[0.5], IndexError, "indexing: float is no index"),
        (lambda x: x["a"], TypeError, "indexing: str is no index"),
        (lambda x: x[0, "a"], TypeError, "indexing: str is no index"),
        (lambda x: x[object()], IndexError, "indexing: object is no index"),
        (lambda x: x[int], IndexError, "indexing: type is no index"),
        (lambda x: x[iter([1])], IndexError, "indexing: list_iterator is no index"),
        (lambda x: x[2**70], ValueError, "indexing: an index is beyond 64 bits"),
        (lambda x: x[0, -(2**70)], ValueError, "indexing: an index is beyond 64 bits"),
        (
            lambda x: x[fl.zeros(2, dtype=fl.bool)],
            IndexError,
            r"indexing: mask \(2,\) has size 2 in dim 0, but the tensor \(3, 4\) has 3 in dim 0",
        ),
        (
            lambda x: x[ints([0]), ints([0]), ints([0])],
            IndexError,
            r"indexing: tensor \(3, 4\) has 2 dims, fewer than there are indices",
        ),
        (
            lambda x: x[ints([0, 1]), ints([0, 1, 2])],
            IndexError,
            r"indexing: the index tensors \(2,\) and \(3,\) do not broadcast",
        ),
        (lambda x: x[::-1, ints([0])], ValueError, "flip"),
    ],
)
def test_getitem_errors(bad, kind, text):
    with pytest.raises(kind, match=text):
        bad(fl.zeros(3, 4))


def test_index_select_and_gather_on_every_layout():
    for layout, tensor, array in views((3, 4, 5)):
        for dim in (0, 1, 2, -1):
            index = ints([1, 0, 2, 1])
            np.testing.assert_array_equal(
                tensor.index_select(dim, index).numpy(),
                np.take(array, index.numpy(), dim),
                err_msg=layout,
            )
            along = np.random.default_rng(1).integers(0, array.shape[dim], (3, 4, 5))
            np.testing.assert_array_equal(
                fl.gather(tensor, dim, ints(along)).numpy(),
                np.take_along_axis(array, along, dim),
                err_msg=layout,
            )


def test_gather_reads_a_smaller_index():
    x = fl.from_numpy(np.arange(12.0).reshape(3, 4))
    assert x.gather(1, ints([[3], [0]])).tolist() == [[3], [4]]
    assert fl.tensor(7.0).gather(0, ints(0)).item() == 7


def test_gather_out_and_errors():
    x, out = fl.zeros(2, 3), fl.empty(0)
    assert fl.gather(x, 1, ints([[0], [1]]), out=out) is out and out.shape == (2, 1)
    with pytest.raises(
        IndexError,
        match=r"gather: index 3 at position \(1, 0\) is outside dim 1 of size 3 \(allowed are 0 to 2\)",
    ):
        x.gather(1, ints([[0], [3]]))
    with pytest.raises(
        RuntimeError,
        match=r"gather: index -1 at position \(0, 0\) is outside dim 1 of size 3 \(allowed are 0 to 2\)",
    ):  # PyTorch's type for gather
        x.gather(1, ints([[-1], [0]]))
    with pytest.raises(
        RuntimeError, match=r"gather: index \(3, 1\) is larger than input \(2, 3\) in dim 0"
    ):
        x.gather(1, ints([[0], [0], [0]]))
    with pytest.raises(RuntimeError, match="gather: index must be int64 or int32, not float32"):
        x.gather(1, fl.zeros(2, 1))


def test_take_counts_from_the_end():
    for layout, tensor, array in views((3, 4)):
        index = np.array([[0, -1], [11, -12]])
        np.testing.assert_array_equal(
            tensor.take(ints(index)).numpy(), np.take(array, index), err_msg=layout
        )
    with pytest.raises(
        IndexError,
        match=r"take: index 12 at position \(0,\) is outside the 12 elements of input \(allowed are -12 to 11\)",
    ):
        fl.zeros(3, 4).take(ints([12]))


def test_embedding_reads_rows_and_skips_the_padding_row():
    weight = fl.from_numpy(np.arange(8.0).reshape(4, 2)).requires_grad_()
    out = fl.embedding(weight, ints([[1, 1], [3, 0]]), 3)
    assert out.shape == (2, 2, 2) and out[1, 0].tolist() == [6, 7]
    out.sum().backward()
    assert weight.grad.tolist() == [[1, 1], [2, 2], [0, 0], [0, 0]]
    with pytest.raises(IndexError, match="embedding: index 4"):
        fl.embedding(weight, ints([4]))


def test_large_gather_runs_in_parallel_ranges():
    random = np.random.default_rng(0)
    array = random.standard_normal((300, 500)).astype(np.float32)
    index = random.integers(0, 300, (400, 500))
    np.testing.assert_array_equal(
        fl.from_numpy(array).gather(0, ints(index[:300])).numpy(),
        np.take_along_axis(array, index[:300], 0),
    )
    np.testing.assert_array_equal(
        fl.from_numpy(array)[ints(index[:, 0])].numpy(), array[index[:, 0]]
    )


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.gather(1, ints([[0, 0, 1], [3, 3, 3]])),
        lambda x: x.index_select(1, ints([2, 2, 0])),
        lambda x: x.take(ints([[0, -1], [5, 5]])),
        lambda x: x[ints([2, 0, 2])],
        lambda x: x[:, ints([1, 1]), None],
        lambda x: x[ints([0, 0, 2]), ints([1, 1, 3])],
        lambda x: x[fl.from_numpy(np.arange(12).reshape(3, 4) % 3 == 0)],
        lambda x: fl.embedding(x, ints([[1, 1], [0, 2]])),
        lambda x: x[ints([0, 1])] ** 3,
    ],
)
def test_gradients(function):
    from flambeau.autograd import gradcheck, gradgradcheck

    x = fl.from_numpy(np.random.default_rng(0).standard_normal((3, 4))).requires_grad_()
    assert gradcheck(function, (x,))
    assert gradgradcheck(function, (x,))


def test_bytes_as_masks_warn_at_the_line_that_uses_them():
    x, mask = fl.arange(3.0), fl.tensor([1, 0, 1], dtype=fl.uint8)
    with pytest.warns(UserWarning, match="uint8") as caught:
        assert x[mask].tolist() == [0, 2]
        x[mask] = fl.tensor([5.0, 6.0])
        x.index_put_((mask,), fl.tensor([7.0, 8.0]))
    assert len(caught) == 3 and all(w.filename == __file__ for w in caught)
    assert x.tolist() == [7, 1, 8]


@pytest.mark.parametrize("target", [(), (1,)])
@pytest.mark.parametrize("at", [(), (1,)])
@pytest.mark.parametrize("source", [(), (1,)])
def test_index_copy_takes_numbers_for_vectors_of_one(target, at, source):
    x = fl.zeros(target)
    value = fl.full(source, 3.0, requires_grad=True)
    index = fl.zeros(at, dtype=fl.int64)
    assert x.index_copy_(0, index, value).item() == 3 and x.shape == target
    x.sum().backward()
    assert value.grad.item() == 1 and value.grad.shape == source


def test_a_mask_of_all_elements_takes_them_and_gives_its_gradient_back():
    from flambeau.autograd import gradcheck, gradgradcheck

    x = fl.arange(6.0, dtype=fl.float64).reshape(2, 3).requires_grad_()
    mask = x.detach() % 2 == 0
    taken = x[mask]
    assert taken.tolist() == [0.0, 2.0, 4.0]
    assert taken.grad_fn.name() == "IndexBackward0"
    (taken * fl.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert x.grad.tolist() == [[1.0, 0.0, 2.0], [0.0, 3.0, 0.0]]
    assert gradcheck(lambda x: x[mask] ** 2, (x,)) and gradgradcheck(lambda x: x[mask] ** 2, (x,))
    assert x[x.detach() > 9].shape == (0,)


@pytest.mark.parametrize("at", [0, 1, 2])
def test_an_index_among_whole_dims(at):
    x = fl.arange(24.0).reshape(2, 3, 4)
    index = fl.tensor([1, 0, -1])
    key = [slice(None)] * 3
    key[at] = index
    plain = [slice(None)] * 3
    plain[at] = index.numpy()
    assert np.array_equal(x[tuple(key)].numpy(), x.numpy()[tuple(plain)])
    assert np.array_equal(x[tuple(key[: at + 1])].numpy(), x.numpy()[tuple(plain)])
    leaf = x.clone().requires_grad_()
    leaf[tuple(key)].sum().backward()
    counts = np.zeros((2, 3, 4))
    np.add.at(counts, tuple(plain), 1)
    assert np.array_equal(leaf.grad.numpy(), counts)


def test_two_indices_with_a_whole_dim_between():
    x = fl.arange(24.0).reshape(2, 3, 4)
    i, j = fl.tensor([1, 0]), fl.tensor([3, 1])
    assert np.array_equal(x[i, :, j].numpy(), x.numpy()[[1, 0], :, [3, 1]])
    assert x[:, :].shape == (2, 3, 4)
    with pytest.raises(IndexError):
        x[:, :, :, i]
    with pytest.raises(IndexError):
        x[:, fl.tensor([3])]


@pytest.mark.parametrize(
    "pick",
    [
        lambda x, i: x[i],
        lambda x, i: x[x > 0],
        lambda x, i: x.gather(0, i.unsqueeze(1).expand(-1, 4)),
        lambda x, i: x.index_select(0, i),
        lambda x, i: x.take(i),
        lambda x, i: x.masked_select(x > 0),
        lambda x, i: x.sort(0)[0],
        lambda x, i: x.cummax(0)[0],
        lambda x, i: fl.nn.functional.embedding(i, x),
        lambda x, i: fl.nn.functional.embedding_bag(i.view(1, -1), x, mode="sum"),
    ],
)
def test_gradients_of_picks_recorded_or_not(pick):
    """Written in place where nothing is recorded, out of place where something is: the same bits."""
    x = fl.from_numpy(np.random.default_rng(3).standard_normal((5, 4)).astype("float32"))
    x.requires_grad_()
    i = fl.tensor([1, 3, 1, 0])
    result = pick(x, i)
    grad = fl.from_numpy(np.random.default_rng(4).standard_normal(result.shape).astype("float32"))
    (plain,) = fl.autograd.grad(result, x, grad, retain_graph=True)
    (recorded,) = fl.autograd.grad(result, x, grad.requires_grad_(), create_graph=True)
    assert recorded.requires_grad and not plain.requires_grad
    assert fl.equal(plain, recorded)
    grads = fl.stack([grad.detach(), 2 * grad.detach()])
    (stacked,) = fl.autograd.grad(result, x, grads, is_grads_batched=True)
    assert fl.equal(stacked, fl.stack([plain, 2 * plain]))


@pytest.mark.parametrize("shape", [(4,), (4, 3), (4, 3, 2)])
def test_a_mask_alone_is_one_among_several_items(shape):
    array = np.random.default_rng(0).standard_normal((4, 3, 2))
    mask = np.random.default_rng(1).random(shape) < 0.5
    x, m = fl.from_numpy(array.copy()), fl.from_numpy(mask)
    np.testing.assert_array_equal(x[m].numpy(), array[mask])
    np.testing.assert_array_equal(x[m, ...].numpy(), array[mask])
    for value in (2.0, fl.tensor(3.0, dtype=fl.float64), x[m] * 2):
        x[m] = value
        array[mask] = value.numpy() if isinstance(value, fl.Tensor) else value
        np.testing.assert_array_equal(x.numpy(), array)
    with pytest.raises(IndexError):
        x[m.reshape(*shape, *[1] * (4 - len(shape)))]


def test_a_second_ellipsis_finds_no_dims():
    x = fl.arange(6).reshape(2, 3)
    assert x[..., ...].tolist() == x.tolist()
    assert x[..., 0, ...].tolist() == [0, 3]
    with pytest.raises(IndexError, match=r"stands behind a second '\.\.\.'"):
        x[..., ..., 0]


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("n", [511, 513, 20_000])
def test_take_of_many_numbers_and_counts_of_masks(threads, n):
    random = np.random.default_rng(0)
    array, index = random.standard_normal((7, 31)), random.integers(-217, 217, n)
    x, keep = fl.from_numpy(array), random.random(n) < 0.9
    before = fl.get_num_threads()
    fl.set_num_threads(threads)
    try:
        for given, want in ((x, array), (x.T, array.T)):
            got = given.take(fl.from_numpy(index)).numpy()
            np.testing.assert_array_equal(got, want.ravel()[index])
        for bad in (217, -218, 2**63 - 1, -(2**63)):
            wrong = index.copy()
            wrong[-1] = bad
            with pytest.raises(IndexError, match=f"take: index {bad} at position .{n - 1},"):
                x.take(fl.from_numpy(wrong))
        got = fl.from_numpy(index)[fl.from_numpy(keep)].numpy()
        np.testing.assert_array_equal(got, index[keep])
    finally:
        fl.set_num_threads(before)


@pytest.mark.parametrize("n", (32_768, 70_001))
def test_many_indices_are_read_where_they_are(n):
    rng = np.random.default_rng(0)
    x, i, v = rng.random((n, 2)), rng.permutation(n), rng.random((n, 2))
    for index in (i, i - n, np.where(i % 2, i, i - n)):
        for column in (slice(None), 1):
            mine, wanted = fl.tensor(x)[:, column], x.copy()[:, column]
            assert np.array_equal(mine[fl.tensor(index)].numpy(), wanted[index])
            mine[fl.tensor(index)] = fl.tensor(v)[:, column]
            wanted[index] = v[:, column]
            assert np.array_equal(mine.numpy(), wanted)
    own = fl.tensor(i)
    with pytest.raises(RuntimeError, match="lies in the memory"):
        own[own] = fl.arange(n)
    with pytest.raises(IndexError, match=f"{n}"):
        fl.tensor(x)[fl.tensor(i) + 1]


@pytest.mark.parametrize("sizes", [((3, 4, 5), (3, 4, 5)), ((3, 4, 5), (3, 2, 5)), ((3, 1, 5), (1, 7, 1)), ((0, 4), (0, 2)), ((6,), (9,))])  # fmt: skip
def test_take_along_dim_spreads_what_it_does_not_index(sizes):
    random = np.random.default_rng(0)
    x = random.standard_normal(sizes[0])
    dim = min(1, x.ndim - 1)
    for low in (0, -x.shape[dim]):
        index = random.integers(low, x.shape[dim], sizes[1])
        shape = np.broadcast_shapes(*(s[:dim] + (1,) + s[dim + 1 :] for s in sizes))
        a = np.broadcast_to(x, (*shape[:dim], x.shape[dim], *shape[dim + 1 :]))
        b = np.broadcast_to(index, (*shape[:dim], index.shape[dim], *shape[dim + 1 :]))
        want = np.take_along_axis(a, b, dim)
        t = fl.from_numpy(x).requires_grad_()
        got = fl.take_along_dim(t, fl.from_numpy(index), dim)
        np.testing.assert_array_equal(got.detach().numpy(), want)
        (grad,) = fl.autograd.grad(got.sum(), t)
        assert grad.sum().item() == want.size and grad.shape == x.shape
    with pytest.raises(RuntimeError, match="take_along_dim"):
        fl.take_along_dim(fl.ones(3, 4), fl.zeros(2, 4, dtype=fl.int64), 1)


@pytest.mark.parametrize("dtype", ["int8", "float32", "int64", "complex128"])
@pytest.mark.parametrize("width", [1, 2, 3, 4, 8, 17, 100])
def test_gather_of_rows_reads_each_from_its_own(width, dtype):
    for rows in (1, 65, 1025, 30_000 // width):
        places = np.random.default_rng(rows).integers(0, width, (rows, width))
        values = np.arange(rows * width).reshape(rows, width).astype(dtype)
        x, index = fl.from_numpy(values), fl.from_numpy(places)
        assert (x.gather(1, index).numpy() == np.take_along_axis(values, places, 1)).all()
        flat, along = values.ravel(), fl.from_numpy(places.ravel())
        assert (fl.from_numpy(flat).gather(0, along).numpy() == flat[places.ravel()]).all()
        places[-1, -1] = width
        with pytest.raises(IndexError):
            x.gather(1, index)
