"""Questions about whole tensors or sets: equal, close, contained."""

from . import public as fl
from .declare import composite


@composite(out=False)
def isclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False):
    """Where abs(input - other) <= atol + rtol * abs(other); equal infinities are close."""
    if input.dtype != other.dtype:
        raise RuntimeError(
            f"isclose: {input.dtype} did not match {other.dtype}. Convert one of them."
        )
    if rtol < 0 or atol < 0:
        raise RuntimeError(
            f"isclose: rtol and atol must be greater than or equal to zero, but got {rtol} and {atol}"
        )
    close = input == other
    inexact = input.dtype.is_floating_point or input.dtype.is_complex
    if equal_nan and inexact:
        close = close | ((input != input) & (other != other))
    if rtol == 0 and atol == 0:
        return close
    if not inexact:
        input, other = input.to(fl.get_default_dtype()), other.to(fl.get_default_dtype())
    allowed = atol + (rtol * other).abs()
    actual = (input - other).abs()
    return close | (actual.isfinite() & (actual <= allowed))


@composite(out=False)
def allclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False):
    """Whether `isclose` holds everywhere, as a bool."""
    return bool(isclose(input, other, rtol, atol, equal_nan).all())


@composite(out=False)
def equal(input, other):
    """Whether both have one shape and the same elements, as a bool; NaN equals nothing."""
    if tuple(input.shape) != tuple(other.shape):
        return False
    return bool((input == other).all())


def _as_tensor(value, device):
    return value if isinstance(value, fl.Tensor) else fl.tensor(value, device=device)


@composite(method=False, out="same")
def isin(elements, test_elements, *, assume_unique=False, invert=False):
    """Where `elements` are among `test_elements`; one of the two may be a number."""
    if not isinstance(elements, fl.Tensor) and not isinstance(test_elements, fl.Tensor):
        raise TypeError("isin: elements or test_elements has to be a tensor.")
    device = (elements if isinstance(elements, fl.Tensor) else test_elements).device
    elements, tests = _as_tensor(elements, device), _as_tensor(test_elements, device).reshape(-1)
    if elements.dtype.is_complex or tests.dtype.is_complex:
        raise RuntimeError(
            "isin: Unsupported input type encountered: complex numbers have no order."
        )
    if tests.numel() == 0:
        return fl.full(elements.shape, invert, dtype=fl.bool, device=device)
    # Comparing all pairs is quicker than sorting while one side is short (NumPy's limit).
    if tests.numel() < 10 * max(elements.numel(), 1) ** 0.145:
        found = (elements.unsqueeze(-1) == tests).any(-1)
    else:
        dtype = fl.promote_types(elements.dtype, tests.dtype)
        if dtype == fl.bool:
            dtype = fl.uint8
        tests = tests.to(dtype).sort().values
        wanted = elements.to(dtype)
        places = fl.searchsorted(tests, wanted.contiguous()).clamp(max=tests.numel() - 1)
        found = tests[places] == wanted
    return ~found if invert else found
