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
