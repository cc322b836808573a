"""Operators that PyTorch has for itself under a name with an underscore, and that programs call all the same."""

from .core import operators as fl
from .core.declare import composite, register


@composite(method=False, out=False)
def _unique(input, sorted=True, return_inverse=False):
    """(unique(input), its inverse or nothing)."""
    return _unique2(input, sorted, return_inverse)[:2]


@composite(method=False, out=False)
def _unique2(input, sorted=True, return_inverse=False, return_counts=False):
    """(unique(input), its inverse, its counts): what is not asked for is empty."""
    return _three(input, None, return_inverse, return_counts)


def _unique_dim(input, dim, sorted=True, return_inverse=False, return_counts=False):
    """As _unique2, of the slices along dim; torch._VF has it as unique_dim."""
    return _three(input, dim, return_inverse, return_counts)


def _three(input, dim, return_inverse, return_counts):
    values, inverse, counts = fl.unique(input, True, True, True, dim)
    nothing = fl.empty(0, dtype=fl.int64, device=input.device)
    return values, inverse if return_inverse else nothing, counts if return_counts else nothing


@composite(method=False)
def _softmax(input, dim, half_to_float):
    """softmax; with half_to_float of halves in float32."""
    return fl.softmax(input, dim, fl.float32 if half_to_float else None)


@composite(method=False)
def _log_softmax(input, dim, half_to_float):
    """log_softmax; with half_to_float of halves in float32."""
    return fl.log_softmax(input, dim, fl.float32 if half_to_float else None)


@composite(method=False, out=False)
def _masked_softmax(input, mask, dim=None, mask_type=None):
    """softmax of the elements where mask is false; the others are 0, and NaN where there are only such.

    Args:
        input (Tensor): (*S), scores; for masks of a smaller shape (B, heads, L, L).
        mask (Tensor): bool: (*S), with mask_type 0 also (L, L), with mask_type 1 also (B, L).
        dim (int, optional): the last one by default.
    """
    if mask_type not in (None, 0, 1, 2):
        raise RuntimeError(f"_masked_softmax: mask_type is {mask_type}; it must be 0, 1 or 2.")
    if mask_type == 1 and mask.shape != input.shape:
        mask = mask[:, None, None, :]
    return fl.softmax(input.masked_fill(mask, float("-inf")), -1 if dim is None else dim)


@composite(method=False)
def _add_relu(input, other, *, alpha=1):
    """relu(input + alpha * other)."""
    return fl.add(input, other, alpha=alpha).relu()


def _add_relu_(input, other, *, alpha=1):
    """_add_relu in place."""
    return input.add_(other, alpha=alpha).relu_()


register("_add_relu_", _add_relu_)


def _compute_linear_combination(input, coefficients, *, out=None):
    """out[i] = the sum over j of coefficients[i, j] * input[j]; added to out= if that is given.

    Args:
        input (Tensor): (N, *S).
        coefficients (Tensor): (M, N).

    Returns:
        Tensor: (M, *S).
    """
    if coefficients.dim() != 2 or input.dim() < 1 or coefficients.size(1) != input.size(0):
        raise RuntimeError(
            f"_compute_linear_combination: coefficients {tuple(coefficients.shape)} and input "
            f"{tuple(input.shape)} do not fit: they must be (M, N) and (N, ...)."
        )
    flat = coefficients.to(input.dtype) @ input.reshape(input.size(0), -1)
    result = flat.reshape(-1, *input.shape[1:])
    return result if out is None else out.add_(result)


register("_compute_linear_combination", _compute_linear_combination)
