"""Fractional max pooling: windows where they should be, and their maxima."""

import numpy as np
import pytest

import flambeau as torch

F = torch.nn.functional


def test_fractional_windows_cover_the_plane_and_give_their_maxima():
    x = torch.from_numpy(np.random.default_rng(0).standard_normal((2, 3, 11, 13)))
    samples = torch.full((2, 3, 2), 0.5, dtype=torch.float64)
    values, indices = F.fractional_max_pool2d(
        x, 3, (4, 5), return_indices=True, _random_samples=samples
    )
    starts = {}
    for size, count in ((11, 4), (13, 5)):
        step = (size - 3) / (count - 1)
        starts[size] = [int((i + 0.5) * step) - int(0.5 * step) for i in range(count - 1)] + [
            size - 3
        ]
    for i, row in enumerate(starts[11]):
        for j, column in enumerate(starts[13]):
            window = x.numpy()[:, :, row : row + 3, column : column + 3]
            np.testing.assert_array_equal(values.numpy()[:, :, i, j], window.max((2, 3)))
    np.testing.assert_array_equal(
        x.flatten(2).gather(2, indices.flatten(2)).numpy(), values.flatten(2).numpy()
    )


def test_fractional_output_follows_the_ratio():
    assert F.fractional_max_pool3d(torch.zeros(1, 2, 8, 8, 8), 2, output_ratio=0.5).shape == (
        1,
        2,
        4,
        4,
        4,
    )
    assert torch.nn.FractionalMaxPool2d(2, output_size=3)(torch.zeros(2, 8, 8)).shape == (2, 3, 3)


def test_fractional_refuses():
    with pytest.raises(ValueError, match="output"):
        torch.nn.FractionalMaxPool2d(2)
    with pytest.raises(RuntimeError, match="does not fit"):
        F.fractional_max_pool2d(torch.zeros(1, 1, 4, 4), 3, 3)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
@pytest.mark.parametrize("n, size, kernel, out", [(2, 12, 3, 9), (2, 7, 2, 1), (2, 9, 1, 8), (3, 6, 2, 3), (3, 8, 3, 6)])  # fmt: skip
def test_the_loop_finds_what_a_gather_of_all_taps_finds(n, size, kernel, out, dtype):
    """vmap goes by operators; elements repeat, and some are infinite or NaN."""
    rng = np.random.default_rng(1)
    shape = (4, 3, *(size,) * n)
    x = np.round(rng.standard_normal(shape) * 2)
    x[rng.random(shape) < 0.02] = np.nan
    x[rng.random(shape) < 0.1] = -np.inf
    x = torch.tensor(x).to(getattr(torch, dtype))
    samples = (torch.tensor(rng.random((4, 3, n))) * 0.99).to(x.dtype)
    pool = getattr(F, f"fractional_max_pool{n}d")

    def both(x, samples):
        return pool(x, kernel, out, return_indices=True, _random_samples=samples)

    for given in (x, x.transpose(-1, -2).contiguous().transpose(-1, -2)):
        values, indices = both(given, samples)
        taken = x.flatten(2).gather(2, indices.flatten(2)).reshape(values.shape)
        assert torch.equal(taken.nan_to_num(), values.nan_to_num())
        if dtype in ("float32", "float64"):
            expected = torch.func.vmap(both)(x.unsqueeze(1), samples.unsqueeze(1))
            assert torch.equal(values.isnan(), expected[0].squeeze(1).isnan())
            assert torch.equal(indices, expected[1].squeeze(1))


def test_of_several_nan_the_last_is_named_as_in_max_pool():
    planes = torch.full((1, 2, 5, 5), float("nan"))
    planes[0, 1, 2, 2] = 1.0
    samples = torch.full((1, 2, 2), 0.5)

    def pool(planes, samples):
        return F.fractional_max_pool2d(planes, 3, 2, return_indices=True, _random_samples=samples)

    expected = F.max_pool2d(planes, 3, 2, return_indices=True)[1]
    assert torch.equal(pool(planes, samples)[1], expected)
    assert torch.equal(torch.func.vmap(pool)(planes[None], samples[None])[1][0], expected)


def test_fractional_gradients_go_where_the_maxima_are():
    x = torch.randn(2, 2, 6, 7, dtype=torch.float64, requires_grad=True)
    samples = torch.rand(2, 2, 2, dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda t: F.fractional_max_pool2d(t, 3, (3, 4), _random_samples=samples), (x,)
    )
    values = F.fractional_max_pool2d(x, 3, (3, 4), _random_samples=samples)
    (once,) = torch.autograd.grad(values.sum(), x, create_graph=True)
    (again,) = torch.autograd.grad((once * once).sum(), x)
    assert (again == 0).all()


def test_fractional_refuses_samples_that_are_none():
    for sample in (-0.5, 7.0, float("nan")):
        with pytest.raises(RuntimeError, match="_random_samples must be from 0 to 1"):
            F.fractional_max_pool2d(
                torch.zeros(1, 1, 6, 6), 2, 3, _random_samples=torch.full((1, 1, 2), sample)
            )
