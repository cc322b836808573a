"""Long results, which are written past the caches, hold what short ones do."""

import numpy as np
import pytest

import flambeau as torch


@pytest.fixture(params=(1, 2))
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield
    torch.set_num_threads(before)


def numbers(*sizes):
    return np.random.default_rng(0).random(sizes)


# Rows of whole lines of 64 bytes, which are streamed, and others, which are not.
@pytest.mark.parametrize("columns", (1600, 1601))
def test_long_results_of_rows_and_columns(threads, columns):
    x = numbers(1700, columns)
    t = torch.from_numpy(x)
    for other in (x[0], x[:, :1], x[:1], 2.5):
        y = other if isinstance(other, float) else torch.from_numpy(other.copy())
        assert np.array_equal((t + y).numpy(), x + other)
        # what waits for its operator's neighbours, and what joins them
        assert np.array_equal((t * y - t).numpy(), x * other - x)
    out = torch.empty(1700, columns, dtype=torch.float64)
    torch.add(t, t[:1], out=out)
    assert np.array_equal(out.numpy(), x + x[:1])


def test_long_results_of_other_layouts(threads):
    x = numbers(1700, 3200)
    t = torch.from_numpy(x)
    assert np.array_equal((t.T + t.T).numpy(), (x + x).T)
    assert np.array_equal((t[:, ::2] + t[:, 1::2]).numpy(), x[:, ::2] + x[:, 1::2])
    assert np.array_equal((t[::2] - t[1::2]).numpy(), x[::2] - x[1::2])
    assert np.array_equal((t > 0.5).numpy(), x > 0.5)
    sums = x[:, :1600] + x[:, 1600:]
    t[:, :1600].add_(t[:, 1600:])
    assert np.array_equal(t[:, :1600].numpy(), sums)


def test_long_results_of_operands_that_share_memory(threads):
    x = numbers(3_300_001)
    t = torch.from_numpy(x)
    assert np.array_equal(torch.diff(t).numpy(), np.diff(x))
    assert np.array_equal(((t[1:] + t[:-1]) * t[1:]).numpy(), (x[1:] + x[:-1]) * x[1:])
    rows, m = t[:-1].view(-1, 100), x[:-1].reshape(-1, 100)
    assert np.array_equal(torch.diff(rows).numpy(), np.diff(m))
    assert np.array_equal(torch.diff(rows, dim=0).numpy(), np.diff(m, axis=0))


def test_long_copies(threads):
    x = numbers(3_300_001)
    t, target = torch.from_numpy(x), torch.zeros(3_300_001, dtype=torch.float64)
    assert np.array_equal(target.copy_(t).numpy(), x)
    assert np.array_equal(t[1:].clone().numpy(), x[1:])


@pytest.mark.parametrize("n", (786_431, 786_433, 1_572_865, 4_000_003))
def test_many_elements_in_longer_chunks(threads, n):
    x, y = (np.random.default_rng(k).integers(0, 255, n).astype(np.uint8) for k in (0, 1))
    a, b = torch.from_numpy(x), torch.from_numpy(y)
    assert np.array_equal((a + b).numpy(), x + y)
    assert np.array_equal((a == b).numpy(), x == y)
    assert np.array_equal(a.float().mul_(2).numpy(), x.astype(np.float32) * 2)
    assert np.array_equal(a.clone().fill_(7).numpy(), np.full_like(x, 7))


@pytest.mark.parametrize("n", (16384, 16385, 49999, 131073))
def test_few_long_rows(threads, n):
    # cut, so that threads have more to share than there are rows
    x, y = numbers(3, 2 * n)[:, :n], numbers(n)
    t, row = torch.from_numpy(x.copy()), torch.from_numpy(y)
    assert np.array_equal((t + row).numpy(), x + y)
    assert np.array_equal(row.repeat(3, 1).numpy(), np.stack((y, y, y)))
    assert np.array_equal(torch.from_numpy(numbers(3, 2 * n))[:, :n].mul(2).numpy(), 2 * x)
    assert np.array_equal(t.triu(n // 2).numpy(), np.triu(x, n // 2))
    out = torch.zeros(3, 2 * n, dtype=torch.float64)
    out[:, :n] = row
    assert np.array_equal(out[:, :n].numpy(), np.stack((y, y, y))) and not out[:, n:].any()


def test_rows_of_which_each_gives_one_result(threads):
    x = numbers(100, 40_000)
    t = torch.from_numpy(x)
    assert np.array_equal(t.amax(-1).numpy(), x.max(-1))
    assert np.allclose(t.sum(-1).numpy(), x.sum(-1), rtol=1e-13)
    assert np.array_equal(t.argmin(-1).numpy(), x.argmin(-1))
