"""Copies whose source has its items side by side in another dim than the result: every itemsize, edge and shape."""

import itertools

import numpy as np
import pytest

import flambeau as torch

DTYPES = ["uint8", "int16", "float32", "float64", "complex128"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "shape", [(2, 2), (3, 5), (65, 257), (257, 65), (64, 64), (2, 1025), (1025, 3), (130, 131)]
)
def test_matrices(shape, dtype):
    x = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    ours = torch.from_numpy(x).t().contiguous()
    assert ours.is_contiguous()
    assert np.array_equal(ours.numpy(), x.T)


@pytest.mark.parametrize("dtype", DTYPES)
def test_whole_lines_and_parts_of_them(dtype):
    items = np.random.default_rng(0).integers(0, 250, 150 * 140)
    for rows, columns in itertools.product(
        (7, 8, 16, 33, 64, 150), (1, 5, 9, 17, 40, 65, 127, 140)
    ):
        x = items[: rows * columns].reshape(rows, columns).astype(dtype)
        place = torch.full((columns + 2, rows + 3), 255, dtype=getattr(torch, dtype))
        place[1:-1, 2:-1].copy_(torch.from_numpy(x).t())
        written = place.numpy()
        assert np.array_equal(written[1:-1, 2:-1], x.T), (rows, columns)
        assert (written != 255).sum() == x.size, (rows, columns)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_order_of_four_dims(dtype):
    x = np.arange(2 * 17 * 3 * 70).reshape(2, 17, 3, 70).astype(dtype)
    for order in itertools.permutations(range(4)):
        ours = torch.from_numpy(x).permute(order).contiguous()
        assert np.array_equal(ours.numpy(), x.transpose(order)), order


def test_into_and_out_of_parts():
    x = np.arange(200 * 300, dtype=np.float32).reshape(200, 300)
    place = torch.zeros(300, 400)
    place[:, 100:300].copy_(torch.from_numpy(x).t())
    assert np.array_equal(place.numpy()[:, 100:300], x.T)
    assert place[:, :100].sum() == 0 and place[:, 300:].sum() == 0
    part = torch.from_numpy(x)[10:190:2, 5:250].t().contiguous()
    assert np.array_equal(part.numpy(), x[10:190:2, 5:250].T)


@pytest.mark.parametrize("threads", [1, 3, 16])
def test_large_ones_in_threads(threads):
    before = torch.get_num_threads()
    x = np.random.default_rng(0).random((3, 700, 900), dtype=np.float32)
    flat = np.random.default_rng(0).random(3_000_000)
    try:
        torch.set_num_threads(threads)
        assert np.array_equal(
            torch.from_numpy(x).permute(2, 0, 1).contiguous(), x.transpose(2, 0, 1)
        )
        assert np.array_equal(torch.from_numpy(flat).clone(), flat)
        assert not torch.from_numpy(flat.copy()).zero_().any()
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("dtype", [*DTYPES[1:4], "complex64"])
def test_operands_that_lie_across(dtype):
    random = np.random.default_rng(0)
    a, b = (np.floor(random.random(s) * 50).astype(dtype) for s in ((300, 517), (517, 300)))
    mask = random.random((517, 300)) < 0.5
    batch = np.floor(random.random((3, 517, 300)) * 50).astype(dtype)
    x, y, m, z = map(torch.from_numpy, (a, b, mask, batch))
    before = torch.get_num_threads()
    try:
        for threads in (1, 2, 3, 16):
            torch.set_num_threads(threads)
            assert np.array_equal(x + y.t(), a + b.T)
            assert np.array_equal(x.t() - y, a.T - b)
            assert np.array_equal(x * y.t() + y.t(), a * b.T + b.T)
            assert np.array_equal(torch.where(m.t(), x, y.t()), np.where(mask.T, a, b.T))
            assert np.array_equal(x[::2, 3:] + y.t()[::2, 3:], a[::2, 3:] + b.T[::2, 3:])
            assert np.array_equal(x + z.mT, a + batch.transpose(0, 2, 1))
            assert np.array_equal(z.mT * 2, batch.transpose(0, 2, 1) * 2)
            assert np.array_equal(x.clone().add_(y.t()), a + b.T)
            assert np.array_equal(x + y.t().flip(0), a + b.T[::-1])
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("rows", [16, 64, 65, 129])
@pytest.mark.parametrize("columns", [255, 256, 257, 513])
@pytest.mark.parametrize("batch", [(), (2,), (3, 2)])
def test_operands_across_that_end_in_one_row_or_column(rows, columns, batch):
    random = np.random.default_rng(rows)
    a, b = (random.random((*batch, *s)) for s in ((rows, columns), (columns, rows)))
    x, y = torch.from_numpy(a), torch.from_numpy(b)
    across = b.swapaxes(-1, -2)
    assert np.array_equal(x + y.mT, a + across)
    assert np.array_equal(y.mT - x, across - a)
    assert np.array_equal(x.float() * y.float().mT, a.astype("f") * across.astype("f"))
    assert np.array_equal(torch.where(x > 0.5, y.mT, x), np.where(a > 0.5, across, a))


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32", "float64"])
def test_runs_of_any_length_are_copied_and_nothing_beside_them(dtype):
    width = 2200 // getattr(torch, dtype).itemsize
    wide = np.arange(7 * width).reshape(7, width).astype(dtype)
    given = torch.from_numpy(wide)
    for n in (*range(1, 40), 63, 64, 65, 100, 127, 128, 129, 200, 255, 256, 257, 300, width - 1):
        if n >= width:
            continue
        assert np.array_equal(given[:, 1 : n + 1].contiguous().numpy(), wide[:, 1 : n + 1])
        target, want = torch.zeros(7, width, dtype=given.dtype), np.zeros((7, width), dtype)
        target[:, : n - 1 or 1].copy_(given[:, -(n - 1 or 1) :])
        want[:, : n - 1 or 1] = wide[:, -(n - 1 or 1) :]
        assert np.array_equal(target.numpy(), want)


@pytest.mark.parametrize("dtype", DTYPES)
def test_short_rows_of_items_apart(dtype):
    """Rows of items that lie apart, from two to more than have a loop of their own; windows; flips."""
    for m in (0, 1, 65, 1025):
        for n in (1, 2, 3, 4, 5, 7, 8, 16, 17, 32, 33):
            array = np.arange(m * (3 * n + 1)).reshape(m, 3 * n + 1).astype(dtype)
            x = torch.from_numpy(array)
            for step in (2, 3):
                same(x[:, : step * n : step].contiguous(), array[:, : step * n : step])
            same(x[:, :n].flip(1), array[:, :n][:, ::-1])
            same(x[:, :n].flip(0, 1), array[:, :n][::-1, ::-1])
            same(x[:, : 2 * n : 2].flip(1), array[:, : 2 * n : 2][:, ::-1])
            to = torch.zeros(m, n + 1, dtype=x.dtype)
            to[:, 1:].copy_(x[:, : 2 * n : 2])
            same(to[:, 1:], array[:, : 2 * n : 2])
    array = np.arange(60 * 140).reshape(60, 140).astype(dtype)
    windows = np.lib.stride_tricks.sliding_window_view(array[:, ::2], (3, 5))
    x = torch.from_numpy(array)[:, ::2].unfold(0, 3, 1).unfold(1, 5, 1)
    same(x.clone(memory_format=torch.contiguous_format), windows)


def same(tensor, array):
    assert tensor.shape == array.shape and (tensor.numpy() == array).all()
