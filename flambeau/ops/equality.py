"""Questions about whole tensors or sets: equal, close, contained."""

from .core import operators as fl
from .core.arguments import check_broadcast
from .core.declare import composite


@composite(out=False)
def isclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False):
    """Where abs(input - other) <= atol + rtol * abs(other); equal infinities are close.

    Example:
        >>> torch.isclose(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([[True, True],
                [True, True]])
    """
    if input.dtype != other.dtype:
        raise RuntimeError(
            f"isclose: input is {input.dtype} and other {other.dtype}. Convert one of them with "
            ".to()."
        )
    if type(rtol) is not float or type(atol) is not float:
        _check_tolerances(rtol=rtol, atol=atol)
    if not (rtol >= 0 and atol >= 0):
        raise RuntimeError(f"isclose: rtol is {rtol} and atol {atol}; both must be 0 or more.")
    try:
        close = input == other
    except RuntimeError:
        check_broadcast("isclose", input, other)
        raise
    dtype = input.dtype
    inexact = dtype.is_floating_point or dtype.is_complex
    if equal_nan and inexact:
        close = close | ((input != input) & (other != other))
    if rtol == 0 and atol == 0:
        return close
    if not inexact:
        input, other = input.to(fl.get_default_dtype()), other.to(fl.get_default_dtype())
    allowed = atol + (rtol * other).abs()
    actual = (input - other).abs()
    return close | (actual.isfinite() & (actual <= allowed))


def _check_tolerances(**tolerances):
    for name, number in tolerances.items():
        if isinstance(number, fl.Tensor) and number.requires_grad:
            raise TypeError(f"isclose: {name} must be a number, not a tensor that requires grad.")


@composite(out=False)
def allclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False) -> bool:
    """Whether `isclose` holds everywhere, as a bool.

    Example:
        >>> torch.allclose(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        True
    """
    return bool(isclose(input, other, rtol, atol, equal_nan).all())


@composite(out=False)
def equal(input, other) -> bool:
    """Whether both have one shape and the same elements, as a bool; NaN equals nothing.

    Example:
        >>> torch.equal(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        True
    """
    if input.shape != other.shape:
        return False
    same = input == other
    if same.is_meta:
        raise NotImplementedError(
            "equal: tensors on the meta device have no elements to compare. assert_close compares "
            "shapes and dtypes."
        )
    return bool((same if same.dim() <= 64 else same.flatten()).all())  # as many as reductions take


def _as_tensor(value, device):
    return value if isinstance(value, fl.Tensor) else fl.tensor(value, device=device)


@composite(method=False, out="same")
def isin(elements, test_elements, *, assume_unique=False, invert=False):
    """Where `elements` are among `test_elements`; one of the two may be a number.

    Example:
        >>> torch.isin(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), 1)
        tensor([[ True, False],
                [False, False]])
    """
    if not isinstance(elements, fl.Tensor) and not isinstance(test_elements, fl.Tensor):
        raise TypeError("isin: takes a Tensor as elements or as test_elements; both are numbers.")
    device = (elements if isinstance(elements, fl.Tensor) else test_elements).device
    elements, tests = _as_tensor(elements, device), _as_tensor(test_elements, device).reshape(-1)
    if elements.dtype.is_complex or tests.dtype.is_complex:
        raise RuntimeError(
            "isin: complex numbers have no order, which the search needs. Compare real and "
            "imaginary parts."
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
