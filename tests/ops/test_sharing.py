"""What moves, writes by index, sorts and counts: the same bits for 1, 2, 3 and 16 threads, and NumPy's answers."""

import numpy as np
import pytest

import flambeau as torch

SIZES = (0, 1, 65, 257, 1025, 100_000)
DTYPES = ("float32", "float64", "int64", "int32", "uint8", "bool", "complex64", "float16")


@pytest.fixture
def with_threads():
    """fn's result, asserted to be the same bytes for every number of threads."""
    before = torch.get_num_threads()

    def run(fn):
        results = []
        for n in (1, 2, 3, 16):
            torch.set_num_threads(n)
            results.append(fn().numpy())
        for other in results[1:]:
            assert other.tobytes() == results[0].tobytes()
        return results[0]

    yield run
    torch.set_num_threads(before)


def numbers(*shape, dtype="float32", seed=0):
    values = np.random.default_rng(seed).standard_normal(shape) * 50
    return torch.from_numpy((values > 0) if dtype == "bool" else np.abs(values).astype(dtype))


def places(high, *shape, seed=1):
    return torch.from_numpy(np.random.default_rng(seed).integers(0, max(high, 1), shape))


@pytest.mark.parametrize("n", SIZES)
def test_numbers_that_meet_are_added_in_order(n, with_threads):
    target, index, source = torch.zeros(max(n // 3, 1)), places(n // 3, n), numbers(n)
    want = np.zeros(max(n // 3, 1), np.float32)
    np.add.at(want, index.numpy(), source.numpy())
    for fn in (
        lambda: target.index_add(0, index, source),
        lambda: target.scatter_add(0, index, source),
        lambda: target.index_put((index,), source, accumulate=True),
    ):
        np.testing.assert_array_equal(with_threads(fn), want)


def test_numbers_far_from_each_other_are_shared_out(with_threads):
    target, index, source = torch.zeros(400_000), places(400_000, 100_000), numbers(100_000)
    index[::7] = 5
    want = np.zeros(400_000, np.float32)
    np.add.at(want, index.numpy(), source.numpy())
    np.testing.assert_array_equal(with_threads(lambda: target.index_add(0, index, source)), want)
    np.testing.assert_array_equal(with_threads(lambda: target.scatter_add(0, index, source)), want)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("width", [1, 5, 50])
def test_rows_that_meet_are_added_in_order(n, width, with_threads):
    rows = n // width
    target, index, source = torch.zeros(40, width), places(40, rows), numbers(rows, width)
    want = np.zeros((40, width), np.float32)
    np.add.at(want, index.numpy(), source.numpy())
    np.testing.assert_array_equal(with_threads(lambda: target.index_add(0, index, source)), want)
    spread = index[:, None].expand(rows, width)
    np.testing.assert_array_equal(with_threads(lambda: target.scatter_add(0, spread, source)), want)


@pytest.mark.parametrize("n", SIZES)
def test_of_several_values_the_last_one_stays(n, with_threads):
    rows = n // 5
    index, source = places(100, rows), numbers(rows, 5)
    want = np.zeros((100, 5), np.float32)
    for i, row in zip(index.numpy(), source.numpy()):
        want[i] = row

    def assign():
        target = torch.zeros(100, 5)
        target[index] = source
        return target

    np.testing.assert_array_equal(with_threads(assign), want)


def test_many_writes_to_one_row_and_to_views(with_threads):
    source = numbers(60_000, 3)
    index = torch.zeros(60_000, dtype=torch.int64)
    want = np.zeros((4, 3), np.float32)
    np.add.at(want, index.numpy(), source.numpy())
    np.testing.assert_array_equal(
        with_threads(lambda: torch.zeros(4, 3).index_add(0, index, source)), want
    )
    turned = with_threads(lambda: torch.zeros(3, 4).T.index_add_(0, index, source).contiguous())
    np.testing.assert_array_equal(turned, want)
    stepped = with_threads(lambda: torch.zeros(8, 6)[::2, ::2].index_add_(0, index, source).clone())
    np.testing.assert_array_equal(stepped, want)


def test_the_gradient_of_an_embedding_is_the_same_for_any_number_of_threads(with_threads):
    index, grad = places(50, 4000, 4), numbers(4000, 4, 16)

    def gradient():
        weight = torch.ones(50, 16, requires_grad=True)
        torch.nn.functional.embedding(index, weight).backward(grad)
        return weight.grad

    want = np.zeros((50, 16), np.float32)
    np.add.at(want, index.numpy(), grad.numpy())
    np.testing.assert_array_equal(with_threads(gradient), want)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_flip_roll_and_triangles_move_every_dtype(n, dtype, with_threads):
    columns = 7 if n < 1000 else 100
    x = numbers(n // columns, columns, dtype=dtype)
    array = x.numpy()
    pairs = [
        (lambda: torch.flip(x, (1,)), array[:, ::-1]),
        (lambda: torch.flip(x, (0,)), array[::-1]),
        (lambda: x.flip(0, 1), array[::-1, ::-1]),
        (lambda: torch.roll(x, 3, 1), np.roll(array, 3, 1)),
        (lambda: torch.tril(x, -2), np.tril(array, -2)),
        (lambda: torch.triu(x, 3), np.triu(array, 3)),
        (lambda: torch.rot90(x), np.rot90(array)),
        (lambda: torch.tril(x.T), np.tril(array.T)),
        (lambda: torch.flip(x[:, ::2], (1,)), array[:, ::2][:, ::-1]),
    ]
    for fn, want in pairs:
        np.testing.assert_array_equal(with_threads(fn), want)


def test_native_moves_have_gradients_of_any_order():
    x = torch.rand(4, 5, dtype=torch.float64, requires_grad=True)
    for fn in (
        lambda x: torch.flip(x, (1,)),
        lambda x: x.flip(0, 1),
        lambda x: torch.roll(x, 2, 0),
        lambda x: torch.tril(x),
        lambda x: torch.triu(x, 1),
        lambda x: x.repeat_interleave(3, 1),
        lambda x: x[torch.tensor([1, 1, 3]), torch.tensor([0, 0, 4])],
        lambda x: torch.nn.functional.pad(x, (1, 2, 0, 3), value=2.0),
    ):
        assert torch.autograd.gradcheck(lambda x, fn=fn: fn(x) ** 2, x)
        assert torch.autograd.gradgradcheck(lambda x, fn=fn: fn(x) ** 3, x)


def test_triangles_of_batches_and_far_diagonals():
    x = numbers(3, 4, 5)
    for k in (-10, -4, -1, 0, 1, 4, 10):
        np.testing.assert_array_equal(x.tril(k).numpy(), np.tril(x.numpy(), k))
        np.testing.assert_array_equal(x.triu(k).numpy(), np.triu(x.numpy(), k))


def test_a_changed_index_is_noticed_in_backward():
    x = torch.rand(4, 5, requires_grad=True)
    i, j = torch.tensor([0, 1]), torch.tensor([2, 3])
    y = x[i, j].sum()
    i.add_(1)
    with pytest.raises(RuntimeError, match="inplace operation"):
        y.backward()


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("repeats", [0, 1, 3])
def test_repeat_interleave_by_a_number(n, repeats):
    x = numbers(n // 5, 5)
    for dim in (0, 1, -1):
        got = torch.repeat_interleave(x, repeats, dim)
        np.testing.assert_array_equal(got.numpy(), np.repeat(x.numpy(), repeats, dim))
        assert got.is_contiguous()
    one = numbers(1, 5)  # a view of the expanded row would share its memory
    got = torch.repeat_interleave(one, 3, 0)
    got[0] = -1
    assert (got[1] >= 0).all()


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("dtype", ["float32", "uint8", "complex64"])
def test_cat_of_short_rows(n, dtype, with_threads):
    a, b = numbers(n // 5, 3, dtype=dtype), numbers(n // 5, 2, dtype=dtype, seed=3)
    for parts in ((a, b), (b, a, b), (a[:, :0], a), (a.T.contiguous().T, b), (a[:, 1:], b)):
        want = np.concatenate([p.numpy() for p in parts], 1)
        np.testing.assert_array_equal(with_threads(lambda p=parts: torch.cat(p, 1)), want)
    mixed = torch.cat((a, b.to(torch.complex128)), 1)
    assert mixed.dtype == torch.complex128
    assert mixed.shape == (n // 5, 5)


@pytest.mark.parametrize("n", [0, 1, 30, 64, 100, 128, 129, 257, 1025])
@pytest.mark.parametrize("dtype", ["float32", "int32", "uint8", "float64", "float16"])
@pytest.mark.parametrize("descending", [False, True])
def test_short_lanes_are_sorted_stably(n, dtype, descending, with_threads):
    x = numbers(20, n, dtype=dtype)
    x = (x * 0.1).to(x.dtype)  # with repetitions
    key = -x.numpy().astype("float64") if descending else x.numpy()
    want = np.argsort(key, 1, kind="stable")
    got = with_threads(lambda: torch.argsort(x, 1, descending))
    np.testing.assert_array_equal(got, want)


def test_short_lanes_put_nan_last_and_zeros_beside_each_other():
    x = torch.zeros(1, 100)
    x[0, ::2] = -0.0
    x[0, 7] = float("nan")
    x[0, 9] = float("inf")
    x[0, 11] = float("-inf")
    want = [11, *(i for i in range(100) if i not in (7, 9, 11)), 9, 7]
    assert x.argsort(1)[0].tolist() == want


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8", "bool", "float32"])
def test_unique_counts_and_runs(n, dtype, with_threads):
    x = numbers(n, dtype=dtype)
    values, first, inverse, counts = np.unique(x.numpy(), True, True, True)
    np.testing.assert_array_equal(with_threads(lambda: torch.unique(x)), values)
    got = torch.unique(x, return_inverse=True, return_counts=True)
    for tensor, want in zip(got, (values, inverse, counts)):
        np.testing.assert_array_equal(tensor.numpy(), want.reshape(tensor.shape))
    array = x.numpy()
    changes = np.flatnonzero(np.concatenate([[True], array[1:] != array[:-1]])[:n])
    np.testing.assert_array_equal(with_threads(lambda: torch.unique_consecutive(x)), array[changes])
    _, lengths = torch.unique_consecutive(x, return_counts=True)
    np.testing.assert_array_equal(lengths.numpy(), np.diff(np.append(changes, n)))


def test_unique_of_far_integers_and_nan():
    far = torch.tensor([2**62, -(2**62), 5, 2**62])
    assert torch.unique(far).tolist() == [-(2**62), 5, 2**62]
    assert torch.unique_consecutive(torch.tensor([1.0, float("nan"), float("nan")])).numel() == 3


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("right", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "int64", "float16"])
def test_searchsorted_of_several_values_at_once(n, right, dtype, with_threads):
    edges, x = numbers(max(n // 7, 1), dtype=dtype).sort()[0], numbers(n, dtype=dtype, seed=5)
    want = np.searchsorted(edges.numpy(), x.numpy(), "right" if right else "left")
    got = with_threads(lambda: torch.searchsorted(edges, x, right=right))
    np.testing.assert_array_equal(got, want)
    got = with_threads(lambda: torch.searchsorted(edges, x[::2], right=right, out_int32=True))
    np.testing.assert_array_equal(got, want[::2])


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("bins", [1, 10, 5000])
def test_bincount(n, bins, with_threads):
    x = places(bins, n)
    got = with_threads(lambda: torch.bincount(x, minlength=bins))
    np.testing.assert_array_equal(got, np.bincount(x.numpy(), minlength=bins))
    np.testing.assert_array_equal(
        torch.bincount(x[::2], minlength=bins).numpy(), np.bincount(x.numpy()[::2], minlength=bins)
    )


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("length", [1, 4, 50])
@pytest.mark.parametrize("dtype", ["float32", "uint8", "complex64"])
def test_gather_of_rows(n, length, dtype, with_threads):
    rows = n // length
    x, index = numbers(rows, 6, dtype=dtype), places(6, rows, length)
    want = np.take_along_axis(x.numpy(), index.numpy(), 1)
    np.testing.assert_array_equal(with_threads(lambda: x.gather(1, index)), want)
    turned = x.T.contiguous().T
    np.testing.assert_array_equal(with_threads(lambda: turned.gather(1, index)), want)
    for bad in (6, -1):
        if rows:
            wrong = index.clone()
            wrong[-1, -1] = bad
            with pytest.raises(IndexError, match=f"index {bad} at position"):
                x.gather(1, wrong)


@pytest.mark.parametrize("dtype", DTYPES)
def test_constant_borders(dtype, with_threads):
    x = numbers(30, 3, 17, 33, dtype=dtype)
    value = 1 if dtype != "bool" else True
    for pad in ((1, 2), (0, 3, 4, 0), (1, 1, 2, 2, 3, 3), (0, 0)):
        width = [(0, 0)] * (4 - len(pad) // 2)
        width += [pad[2 * i : 2 * i + 2] for i in reversed(range(len(pad) // 2))]
        want = np.pad(x.numpy(), width, constant_values=value)
        got = with_threads(lambda p=pad: torch.nn.functional.pad(x, p, value=float(value)))
        np.testing.assert_array_equal(got, want)
    empty = torch.nn.functional.pad(torch.zeros(2, 0), (1, 2), value=4.0)
    assert empty.tolist() == [[4.0] * 3] * 2


@pytest.mark.parametrize("n", [1, 8, 13, 16, 32, 50, 64, 300, 700])
@pytest.mark.parametrize("dtype", ["float32", "uint8", "complex64", "complex128", "float16"])
def test_runs_are_copied_from_and_to_any_rows(n, dtype, with_threads):
    x = numbers(7, 3, 40, n + 2, dtype="float32").to(getattr(torch, dtype))
    array = x.numpy()
    for view, want in (
        (x[..., 1:-1], array[..., 1:-1]),
        (x.transpose(0, 2)[..., :n], array.transpose(2, 1, 0, 3)[..., :n]),
        (x[::2, :, ::3, :n], array[::2, :, ::3, :n]),
        (x[:, :, :1, :n].expand(7, 3, 5, n), np.broadcast_to(array[:, :, :1, :n], (7, 3, 5, n))),
    ):
        np.testing.assert_array_equal(with_threads(lambda v=view: v.contiguous()), want)

        def into(view=view):
            target = torch.zeros(*view.shape[:-1], n + 1, dtype=view.dtype)
            target[..., :n].copy_(view)
            return target

        got = with_threads(into)
        np.testing.assert_array_equal(got[..., :n], want)
        assert not got[..., n:].any()


@pytest.mark.parametrize("n_bytes", [0, 1, 65, 1025, 700_001, 40_000_003])
def test_copies_of_any_length_arrive_whole(n_bytes, with_threads):
    x = torch.from_numpy(np.random.default_rng(0).integers(0, 255, n_bytes + 3).astype("uint8"))
    got = with_threads(lambda: x[3:].clone())
    np.testing.assert_array_equal(got, x.numpy()[3:])
    target = torch.zeros(n_bytes + 1, dtype=torch.uint8)
    target[1:].copy_(x[3:])
    np.testing.assert_array_equal(target.numpy()[1:], x.numpy()[3:])
    assert int(target[0]) == 0


@pytest.mark.parametrize("mode", ["sum", "mean"])
@pytest.mark.parametrize("width", [1, 7, 64])
def test_bags_of_rows(mode, width, with_threads):
    weight, index = numbers(50, width), places(50, 3000, 4)
    want = getattr(weight.numpy()[index.numpy()].astype("float64"), mode)(1)
    got = with_threads(lambda: torch.nn.functional.embedding_bag(index, weight, mode=mode))
    np.testing.assert_allclose(got, want, rtol=1e-5)
    begins = torch.tensor([0, 5, 5, 11_000])  # the second bag is empty
    got = torch.nn.functional.embedding_bag(index.view(-1), weight, begins, mode=mode)
    rows = weight.numpy()[index.numpy().reshape(-1)].astype("float64")
    for i, (begin, end) in enumerate(((0, 5), (5, 5), (5, 11_000), (11_000, 12_000))):
        want = getattr(rows[begin:end], mode)(0) if end > begin else np.zeros(width)
        np.testing.assert_allclose(got[i].numpy(), want, rtol=1e-4)


@pytest.mark.parametrize("mode", ["sum", "mean"])
def test_bags_have_gradients_of_any_order(mode):
    index, begins = places(6, 9), torch.tensor([0, 4, 4])
    weight = torch.rand(6, 3, dtype=torch.float64, requires_grad=True)
    for args in ((index.view(3, 3),), (index, begins)):

        def cubed(weight, args=args):
            made = torch.nn.functional.embedding_bag(args[0], weight, *args[1:], mode=mode)
            return made**3

        assert torch.autograd.gradcheck(cubed, weight)
        assert torch.autograd.gradgradcheck(cubed, weight)


def test_bags_refuse_what_lies_outside():
    weight = torch.rand(6, 3)
    with pytest.raises(IndexError, match="indices go from 0 to 6, but weight has 6 rows"):
        torch.nn.functional.embedding_bag(torch.tensor([[0, 6]]), weight, mode="sum")
    with pytest.raises(IndexError, match="offsets must ascend"):
        torch.nn.functional.embedding_bag(
            torch.arange(5), weight, torch.tensor([0, 4, 2]), mode="sum"
        )


@pytest.mark.parametrize("options", [{}, {"padding_idx": 0}, {"include_last_offset": True}])
@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
@pytest.mark.parametrize("offsets", [[0, 4, 2, 5], [0, -1, 3, 5], [0, 3, 5, 0]])
def test_offsets_that_do_not_ascend_are_named(options, mode, offsets):
    for index in (torch.tensor([0, 2, 2, 1, 0]), torch.zeros(5, dtype=torch.int32)):
        begins = torch.tensor(offsets, dtype=index.dtype)
        with pytest.raises(IndexError, match="embedding_bag: offsets must ascend"):
            torch.nn.functional.embedding_bag(index, torch.rand(3, 2), begins, mode=mode, **options)


@pytest.mark.parametrize("width", [0, 3, 16, 40, 64, 150])
def test_bags_refuse_what_lies_outside_in_any_bag_and_column(width):
    weight, begins = torch.rand(6, width), torch.arange(0, 30_000, 3)
    for place, wrong in ((0, -1), (1, 6), (17_000, 2**62), (29_999, -(2**40))):
        index = torch.arange(30_000) % 6
        index[place] = wrong
        for args in ((index.view(-1, 3), weight), (index, weight, begins)):
            with pytest.raises(IndexError, match=f"{wrong}.*, but weight has 6 rows"):
                torch.nn.functional.embedding_bag(*args, mode="sum")
    for place, wrong in ((1, 7), (5000, -(2**62)), (9998, 30_000)):
        moved = begins.clone()
        moved[place] = wrong
        with pytest.raises(IndexError, match="offsets must ascend"):
            torch.nn.functional.embedding_bag(torch.arange(30_000) % 6, weight, moved, mode="sum")


def test_numbers_are_written_where_a_mask_is_true():
    for dtype, value in (("float32", 2.5), ("int64", 2), ("int64", 2.5), ("bool", 1)):
        x = numbers(40, 5, dtype=dtype)
        mask, want = x > 20 if dtype != "bool" else x, x.numpy().copy()
        want[mask.numpy()] = value
        x[mask.clone()] = value
        np.testing.assert_array_equal(x.numpy(), want)


@pytest.mark.parametrize("name", ["pixel_shuffle", "pixel_unshuffle", "channel_shuffle"])
def test_shuffles_have_memory_of_their_own(name):
    for sizes in ((1, 9, 2, 2), (1, 4, 1, 1), (2, 1, 6, 6)):
        x = torch.ones(sizes)
        for factor in (1, 2, 3):
            try:
                result = getattr(torch.nn.functional, name)(x, factor)
            except RuntimeError:
                continue  # sizes that do not divide
            result.add_(1)
            assert bool((x == 1).all()), (sizes, factor)


def test_edges_of_a_histogram_are_a_copy():
    edges = torch.tensor([0.0, 1.0, 2.0])
    torch.histogram(torch.rand(5), edges).bin_edges.add_(1)
    assert edges.tolist() == [0, 1, 2]
