"""opcheck: an operator of one's own against its schema, its shape rule and its derivative."""

import flambeau

from .operators import flat, known

__all__ = ["opcheck"]


def opcheck(op, args, kwargs=None, *, test_utils=None, raise_exception=True, atol=None, rtol=None):
    """Checks an operator with one set of arguments: its shape rule against its results, and its derivative.

    Returns:
        dict of str: "SUCCESS", or the error, for test_schema, test_faketensor and test_autograd_registration.
    """
    if atol is not None or rtol is not None:
        raise NotImplementedError("opcheck: atol and rtol are not offered.")
    op, kwargs, found = known(op), kwargs or {}, {}
    checks = {
        "test_schema": _check_schema,
        "test_autograd_registration": _check_derivative,
        "test_faketensor": _check_fake,
    }
    for name in [test_utils] if isinstance(test_utils, str) else test_utils or checks:
        if name not in checks:
            raise NotImplementedError(f"opcheck: {name} is not offered; {', '.join(checks)} are.")
        try:
            checks[name](op, args, kwargs)
            found[name] = "SUCCESS"
        except Exception as error:
            if raise_exception:
                raise
            found[name] = error
    return found


def _check_schema(op, args, kwargs):
    bound = op._signature.bind(*args, **kwargs).arguments
    before = {k: v.clone() for k, v in bound.items() if isinstance(v, flambeau.Tensor)}
    op(*args, **kwargs)
    for name, value in before.items():
        if name not in op._mutated and not flambeau.equal(value, bound[name]):
            raise RuntimeError(
                f"opcheck: {op._qualname} writes {name}, which its schema does not say."
            )


def _check_derivative(op, args, kwargs):
    if op._derivative is None and any(
        isinstance(a, flambeau.Tensor) and a.requires_grad for a in flat((args, kwargs))
    ):
        raise RuntimeError(
            f"opcheck: {op._qualname} has no derivative, but an argument requires one."
        )


def _check_fake(op, args, kwargs):
    moved = lambda v: v.to("meta") if isinstance(v, flambeau.Tensor) else v
    with flambeau.no_grad():
        real = flat(op(*args, **kwargs))
        fake = flat(op(*map(moved, args), **{k: moved(v) for k, v in kwargs.items()}))
    for a, b in zip(real, fake, strict=True):
        if isinstance(a, flambeau.Tensor) and (a.shape, a.dtype, a.stride()) != (
            b.shape,
            b.dtype,
            b.stride(),
        ):
            raise RuntimeError(
                f"opcheck: {op._qualname} gives {tuple(a.shape)} of {a.dtype} with strides {a.stride()}, its "
                f"shape rule {tuple(b.shape)} of {b.dtype} with strides {b.stride()}."
            )
