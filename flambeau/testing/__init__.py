"""What tests of programs need: torch.testing."""

import cmath
import math
import warnings

import flambeau

__all__ = ["assert_allclose", "assert_close", "make_tensor"]

# (rtol, atol) of each dtype, PyTorch's defaults; everything else is compared exactly.
_TOLERANCES = {
    "float16": (1e-3, 1e-5),
    "bfloat16": (1.6e-2, 1e-5),
    "float32": (1.3e-6, 1e-5),
    "complex64": (1.3e-6, 1e-5),
    "float64": (1e-7, 1e-7),
    "complex128": (1e-7, 1e-7),
}


def _tolerances(rtol, atol, *dtypes):
    if (rtol is None) != (atol is None):
        raise ValueError(
            f"assert_close: give rtol and atol both, or neither; they are {rtol} and {atol}."
        )
    if rtol is not None:
        return rtol, atol
    known = [_TOLERANCES.get(dtype.name, (0.0, 0.0)) for dtype in dtypes]
    return max(r for r, _ in known), max(a for _, a in known)


def _fail(text, where, msg):
    text += f" The difference is in item {where}." if where else ""
    raise AssertionError(msg(text) if callable(msg) else msg or text)


def _compare_tensors(actual, expected, where, rtol, atol, equal_nan, check, msg):
    if actual.shape != expected.shape:
        _fail(
            f"assert_close: the shapes are {tuple(actual.shape)} and {tuple(expected.shape)}.",
            where,
            msg,
        )
    for name in ("dtype", "device", "layout"):
        one, other = getattr(actual, name), getattr(expected, name)
        if check[name] and one != other:
            _fail(f"assert_close: {name} is {one} for one and {other} for the other.", where, msg)
    if check["stride"] and actual.stride() != expected.stride():
        _fail(
            f"assert_close: the strides are {actual.stride()} and {expected.stride()}.",
            where,
            msg,
        )
    rtol, atol = _tolerances(rtol, atol, actual.dtype, expected.dtype)
    if actual.is_meta or expected.is_meta:  # without values to compare
        return
    with flambeau.no_grad():
        dtype = flambeau.promote_types(actual.dtype, expected.dtype)
        actual, expected = actual.to(dtype), expected.to(dtype)
        close = flambeau.isclose(actual, expected, rtol=rtol, atol=atol, equal_nan=equal_nan)
        if bool(close.all()):
            return
        if actual.dim() == 0:
            _fail(
                f"assert_close: Scalars are not close: got {actual.item()}, expected {expected.item()}.",
                where,
                msg,
            )
        wide = flambeau.complex128 if dtype.is_complex else flambeau.float64
        difference = (actual.to(wide) - expected.to(wide)).abs()
        difference[close] = 0
        place = int(difference.nan_to_num(math.inf).argmax())
        index = tuple(int(i) for i in flambeau.unravel_index(flambeau.tensor(place), actual.shape))
        relative = float((difference / expected.to(wide).abs()).reshape(-1)[place])
        wrong = int((~close).sum())
        kind = "equal" if rtol == atol == 0 else "close"
        _fail(
            f"assert_close: Tensor-likes are not {kind}: {wrong} of {close.numel()} elements "
            f"({wrong / close.numel():.1%}) differ. The largest difference is {float(difference.reshape(-1)[place])} at "
            f"{index} ({atol} allowed), or {relative} relative to what was expected ({rtol} "
            "allowed).",
            where,
            msg,
        )


def _compare_numbers(actual, expected, where, rtol, atol, equal_nan, msg):
    kind = (
        flambeau.float64
        if isinstance(expected, (float, complex)) or isinstance(actual, (float, complex))
        else flambeau.int64
    )
    rtol, atol = _tolerances(rtol, atol, kind)
    both_nan = actual != actual and expected != expected
    fine = actual == expected or (both_nan and equal_nan)
    if not fine and cmath.isfinite(actual) and cmath.isfinite(expected):
        fine = abs(actual - expected) <= atol + rtol * abs(expected)
    if not fine:
        _fail(
            f"assert_close: Scalars are not {'equal' if rtol == atol == 0 else 'close'}: got "
            f"{actual}, expected {expected}.",
            where,
            msg,
        )


def assert_close(
    actual,
    expected,
    *,
    allow_subclasses=True,
    rtol=None,
    atol=None,
    equal_nan=False,
    check_device=True,
    check_dtype=True,
    check_layout=True,
    check_stride=False,
    msg=None,
):
    """Raise AssertionError unless abs(actual - expected) <= atol + rtol * abs(expected) everywhere.

    Args:
        actual, expected: tensors, arrays, numbers, or sequences and mappings of them.
        rtol, atol (float): both or none; else by dtype, the larger of the two sides.
        equal_nan (bool): whether a NaN equals a NaN.
        msg (str or callable): instead of the message, or made from it.
    """
    check = {
        "device": check_device,
        "dtype": check_dtype,
        "layout": check_layout,
        "stride": check_stride,
    }
    if not allow_subclasses and type(actual) is not type(expected):
        raise TypeError(
            f"assert_close: cannot compare {type(actual).__name__} with {type(expected).__name__}."
        )

    def compare(one, other, where):
        if isinstance(one, flambeau.Tensor) or isinstance(other, flambeau.Tensor):
            if not (isinstance(one, flambeau.Tensor) and isinstance(other, flambeau.Tensor)):
                raise TypeError(
                    f"assert_close: cannot compare {type(one).__name__} with "
                    f"{type(other).__name__}."
                )
            _compare_tensors(one, other, where, rtol, atol, equal_nan, check, msg)
        elif (
            isinstance(one, (str, bool))
            and isinstance(other, (str, bool))
            or one is None
            or other is None
        ):
            if one != other or type(one) is not type(other):
                _fail(f"assert_close: got {one!r}, expected {other!r}.", where, msg)
        elif isinstance(one, (int, float, complex)) and isinstance(other, (int, float, complex)):
            _compare_numbers(one, other, where, rtol, atol, equal_nan, msg)
        elif hasattr(one, "keys") and hasattr(other, "keys"):
            if set(one.keys()) != set(other.keys()):
                _fail(
                    f"assert_close: the keys are {list(one)} and {list(other)}.",
                    where,
                    msg,
                )
            for key in other:
                compare(one[key], other[key], f"{where}[{key!r}]")
        elif hasattr(one, "__array_interface__") and hasattr(other, "__array_interface__"):
            compare(flambeau.as_tensor(one), flambeau.as_tensor(other), where)
        elif isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
            if len(one) != len(other):
                _fail(
                    f"assert_close: the sequences have {len(one)} and {len(other)} items.",
                    where,
                    msg,
                )
            for i, (a, b) in enumerate(zip(one, other, strict=True)):
                compare(a, b, f"{where}[{i}]")
        else:
            raise TypeError(
                f"assert_close: cannot compare {type(one).__name__} with {type(other).__name__}."
            )

    compare(actual, expected, "")


def assert_allclose(actual, expected, rtol=None, atol=None, equal_nan=True, msg=""):
    """assert_close of what may differ in dtype, with wider tolerances; its older name, which warns.

    Args:
        rtol, atol (float): both or none; else by dtype, float32 (1e-4, 1e-5), float64 (1e-5, 1e-8), float16 (1e-3, 1e-3).
    """
    warnings.warn(
        "assert_allclose: its tolerances are wide and it ignores dtypes. Use assert_close.",
        FutureWarning,
        stacklevel=2,
    )
    if not isinstance(actual, flambeau.Tensor):
        actual = flambeau.tensor(actual)
    if not isinstance(expected, flambeau.Tensor):
        expected = flambeau.tensor(expected, dtype=actual.dtype)
    if rtol is None and atol is None:
        wide = {"float16": (1e-3, 1e-3), "float32": (1e-4, 1e-5), "float64": (1e-5, 1e-8)}
        known = [
            wide.get(dtype.name) or _tolerances(None, None, dtype)
            for dtype in (actual.dtype, expected.dtype)
        ]
        rtol, atol = max(r for r, _ in known), max(a for _, a in known)
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
    *shape,
    dtype,
    device="cpu",
    low=None,
    high=None,
    requires_grad=False,
    noncontiguous=False,
    exclude_zero=False,
    memory_format=None,
):
    """A tensor of random numbers in [low, high): by default [-9, 9) or, for integers, [-9, 10).

    Args:
        noncontiguous (bool): every second element of a tensor twice as long.
        exclude_zero (bool): zeros become the smallest positive number, or 1.
    """
    if len(shape) == 1 and not isinstance(shape[0], int):
        shape = tuple(shape[0])
    if low is not None and high is not None and low >= high:
        raise ValueError(f"make_tensor: low must be below high, but got {low} >= {high}.")
    sizes = (*shape[:-1], 2 * shape[-1]) if noncontiguous and shape else shape
    if dtype is flambeau.bool:
        result = flambeau.randint(0, 2, sizes).to(dtype)
    elif dtype.is_floating_point or dtype.is_complex:
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
        result = flambeau.randint(int(max(low, limits.min)), int(min(high, limits.max)), sizes).to(
            dtype
        )
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
