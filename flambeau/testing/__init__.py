"""What tests of programs need: torch.testing."""

import flambeau

from .. import _core

__all__ = ["assert_allclose", "assert_close", "make_tensor"]


def assert_close(
    actual, expected, *, allow_subclasses=True, rtol=None, atol=None, equal_nan=False,
    check_device=True, check_dtype=True, check_layout=True, check_stride=False, msg=None,
):  # fmt: skip
    """Raise AssertionError unless abs(actual - expected) <= atol + rtol * abs(expected) everywhere.

    Args:
        actual, expected: tensors, arrays, numbers, or sequences and mappings of them.
        allow_subclasses (bool): whether a tensor may be of a subclass where the other is not.
        rtol, atol (float): both or none; else by dtype, the larger of the two sides.
        equal_nan (bool): whether a NaN equals a NaN.
        msg (str or callable): instead of the message, or made from it.
    """
    from ._comparison import not_close_error_metas

    found = not_close_error_metas(
        actual,
        expected,
        allow_subclasses=allow_subclasses,
        rtol=rtol,
        atol=atol,
        equal_nan=equal_nan,
        check_device=check_device,
        check_dtype=check_dtype,
        check_layout=check_layout,
        check_stride=check_stride,
    )
    if found:
        raise found[0].to_error(msg)


def assert_allclose(actual, expected, rtol=None, atol=None, equal_nan=True, msg=""):
    """assert_close of what may differ in dtype, with wider tolerances; its older name, which warns.

    Args:
        rtol, atol (float): both or none; else by dtype, float32 (1e-4, 1e-5), float64 (1e-5, 1e-8), float16 (1e-3, 1e-3).
    """
    _core._warn(
        "assert_allclose: its tolerances are wide and it ignores dtypes. Use assert_close.",
        FutureWarning,
    )
    if not isinstance(actual, flambeau.Tensor):
        actual = flambeau.tensor(actual)
    if not isinstance(expected, flambeau.Tensor):
        expected = flambeau.tensor(expected, dtype=actual.dtype)
    if rtol is None and atol is None:
        from ._comparison import default_tolerances

        wide = {
            flambeau.float16: (1e-3, 1e-3),
            flambeau.float32: (1e-4, 1e-5),
            flambeau.float64: (1e-5, 1e-8),
        }
        rtol, atol = default_tolerances(actual, expected, dtype_precisions=wide)
    assert_close(
        actual,
        expected,
        rtol=rtol,
        atol=atol,
        equal_nan=equal_nan,
        check_dtype=False,
        msg=msg or None,
    )


def make_tensor(
    *shape, dtype, device="cpu", low=None, high=None, requires_grad=False, noncontiguous=False,
    exclude_zero=False, memory_format=None,
):  # fmt: skip
    """A tensor of random numbers in [low, high): by default [-9, 9) or, for integers, [-9, 10).

    Args:
        noncontiguous (bool): every second element of a tensor twice as long.
        exclude_zero (bool): zeros become the smallest positive number, or 1.
    """
    if len(shape) == 1 and not isinstance(shape[0], int):
        shape = tuple(shape[0])
    inexact = dtype.is_floating_point or dtype.is_complex
    if low is not None and high is not None and (low > high or (low == high and not inexact)):
        raise ValueError(f"make_tensor: low must be below high, but got {low} >= {high}.")
    sizes = (*shape[:-1], 2 * shape[-1]) if noncontiguous and shape else shape
    if dtype is flambeau.bool:
        result = flambeau.randint(0, 2, sizes).to(dtype)
    elif inexact:
        low, high = -9 if low is None else low, 9 if high is None else high
        wide = (
            flambeau.float64
            if dtype in (flambeau.float64, flambeau.complex128)
            else flambeau.float32
        )
        values = [
            flambeau.rand(sizes, dtype=wide) * (high - low) + low
            for _ in range(1 + dtype.is_complex)
        ]
        result = (flambeau.complex(*values) if dtype.is_complex else values[0]).to(dtype)
    else:
        limits = flambeau.iinfo(dtype)
        low, high = -9 if low is None else low, 10 if high is None else high
        # The one past the greatest is left out, and int64 has none.
        most = min(limits.max + 1, flambeau.iinfo(flambeau.int64).max)
        result = flambeau.randint(int(max(low, limits.min)), int(min(high, most)), sizes).to(dtype)
    if noncontiguous and shape:
        result = result[..., ::2]
    if exclude_zero:
        small = flambeau.finfo(dtype).tiny if dtype.is_floating_point else 1
        result[result == 0] = small
    if memory_format is not None:
        result = result.contiguous(memory_format=memory_format)
    result = result.to(device)
    return result.requires_grad_() if requires_grad else result


def __getattr__(name):
    if name == "FileCheck":
        return flambeau.FileCheck
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
