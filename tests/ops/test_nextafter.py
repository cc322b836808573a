"""nextafter: the neighbour in the dtype itself, halves too."""

import math

import numpy as np
import pytest

import flambeau as torch

POINTS = [0.0, -0.0, 1.0, -1.0, 1.5, 2.0, 32752.0, 6e-8, -6e-8, 1e-5, math.inf, -math.inf, math.nan]


@pytest.mark.parametrize("towards", [math.inf, -math.inf, 0.0, 1.0, math.nan])
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_as_numpys(dtype, towards):
    x = torch.tensor(POINTS, dtype=dtype)
    expected = np.nextafter(x.numpy(), np.asarray(towards, x.numpy().dtype))
    result = torch.nextafter(x, torch.tensor(towards, dtype=dtype))
    np.testing.assert_array_equal(result.numpy(), expected)
    np.testing.assert_array_equal(
        x.nextafter_(torch.tensor(towards, dtype=dtype)).numpy(), expected
    )


@pytest.mark.parametrize("towards", [math.inf, -math.inf, 0.0])
def test_bfloat16_steps_in_the_upper_half_of_float32(towards):
    x = torch.tensor([1.0, -1.0, 3.0, 2.0**-120, 256.0], dtype=torch.bfloat16)
    result = torch.nextafter(x, torch.full_like(x, towards))
    steps = (result.view(torch.int16) - x.view(torch.int16)).tolist()
    assert steps == [1 if (towards > v) == (v > 0) else -1 for v in x.tolist()]


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_gradient_is_that_of_input_where_they_differ(dtype):
    x = torch.tensor([1.0, 2.0], dtype=dtype, requires_grad=True)
    other = torch.tensor([1.0, 5.0], dtype=dtype, requires_grad=True)
    torch.nextafter(x, other).sum().backward()
    assert x.grad.tolist() == [0.0, 1.0] and other.grad.tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    "other", [torch.tensor([True]), torch.tensor([3]), torch.tensor(1e30, dtype=torch.float64)]
)
def test_halves_beside_other_dtypes_step_in_halves(other):
    x = torch.tensor([-0.2676, 0.0938, -math.inf, 0.0], dtype=torch.bfloat16)
    expected = torch.nextafter(x, torch.full_like(x, 2))
    assert torch.equal(torch.nextafter(x, other), expected)
