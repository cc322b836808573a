"""Random numbers in place: uniform_, normal_, random_ and their kin. The counters are in philox.py."""

import math

from .. import _core
from ..types import finfo, iinfo
from .core import operators as fl
from .core.declare import METHODS
from .creation import count_of
from .generator import default_generator, generator_for
from .philox import (
    BERNOULLI,
    CAUCHY,
    EXPONENTIAL,
    GEOMETRIC,
    INTEGERS,
    NORMAL,
    SMALL_INTEGERS,
    UNIFORM,
    WIDE_INTEGERS,
)

# -------------------------------------------------------------------------------------- filling in place


def _draw(tensor, maps, parameters, generator, compute=None):
    """Fills `tensor`, in the order of its indices whatever its strides."""
    if tensor.numel() == 0:
        return tensor
    if tensor.is_meta:
        return tensor
    state = (generator or generator_for(tensor))._next()
    if isinstance(maps, dict):
        maps = maps[64 if tensor.dtype is _core.float64 else 32]
    if compute is None:
        compute = tensor.dtype if tensor.dtype.is_floating_point else _core.float32
    if _core._in_vmap():
        from .batching import randomness

        return randomness.draw(
            lambda out, given: _core._map(maps, (out,), (*state, *given), compute),
            tensor,
            parameters,
        )
    _core._map(maps, (tensor,), (*state, *parameters), compute)
    return tensor


def fresh(tensor):
    """A new tensor that is about to be filled; inside vmap one for each slice that gets its own numbers."""
    if not _core._in_vmap():
        return tensor
    from .batching import randomness

    return randomness.fresh(tensor)


def _fill(tensor, maps, parameters, generator, name, compute=None):
    """_draw() as an in-place operator."""
    if _core._fills_at_once(tensor):
        if type(maps) is dict:
            maps = maps[64 if tensor.dtype is _core.float64 else 32]
        drawn = (generator or default_generator)._next()
        _core._fill_by_map(maps, tensor, drawn + parameters, compute, name)
        return tensor
    _core._check_inplace(tensor, name)
    if tensor.requires_grad and _core.is_grad_enabled():
        fresh = _draw(_core.empty_like(tensor.detach()), maps, parameters, generator, compute)
        return tensor.copy_(fresh)
    return _draw(tensor, maps, parameters, generator, compute)


def _needs_real(tensor, name):
    if not tensor.dtype.is_floating_point and tensor.numel():
        raise NotImplementedError(
            f"{name}: its numbers are real, but the tensor is {tensor.dtype}."
        )


def _needs_floating(tensor, name):
    if not (tensor.dtype.is_floating_point or tensor.dtype.is_complex):
        raise NotImplementedError(
            f"{name}: tensor is {tensor.dtype}, but it must be floating. Convert it with .float() "
            "first."
        )


def uniform_(self, from_=0.0, to=1.0, *, generator=None, **named):
    """Fills with numbers evenly spread over [from, to)."""
    if named:
        from_ = named.pop("from", from_)
    real = self.dtype.is_floating_point
    if not real:
        _needs_floating(self, "uniform_")
    if not -100 <= from_ <= to <= 100:  # which every dtype holds
        _check_uniform(self.dtype.to_real(), from_, to)
    _fill(self if real else _core.view_as_real(self), UNIFORM, (from_, to), generator, "uniform_")
    return self


def _check_uniform(dtype, from_, to):
    largest = finfo(dtype).max
    for name, value in (("from", from_), ("to", to)):
        if not -largest <= value <= largest:
            raise RuntimeError(f"uniform_: {name}={value} is out of bounds for {dtype}.")
    if from_ > to:
        raise RuntimeError(f"uniform_: from {from_} stands above to {to}. Exchange them.")
    if to - from_ > largest:
        raise RuntimeError(
            f"uniform_: the range from {from_} to {to} is wider than {dtype} holds, {largest:g}."
        )


def normal_(self, mean=0.0, std=1.0, *, generator=None):
    """Fills with numbers of the normal distribution."""
    real = self.dtype.is_floating_point
    if not real and self.numel():
        _needs_floating(self, "normal_")
    if not std >= 0:
        raise RuntimeError(f"normal_: std is {std}; it must be 0 or more.")
    if not real and self.dtype.is_complex:
        real = _core.view_as_real(self)
        _fill(real, NORMAL, (0.0, std * math.sqrt(0.5)), generator, "normal_")
        if mean:
            self.add_(mean)
        return self
    return _fill(self, NORMAL, (mean, std), generator, "normal_")


def random_(self, *bounds, generator=None, **named):
    """Fills with integers: random_(to) of [0, to), random_(from, to) of [from, to).

    random_(from, None) goes up to the largest that the dtype holds (floating ones: exactly), random_() from 0.
    """
    if (exact := _EXACT.get(self.dtype)) and not named and len(bounds) < 3:
        from_, to = bounds if len(bounds) == 2 else (0, *bounds) if bounds else (0, exact[1] + 1)
        if type(from_) is type(to) is int and exact[0] <= from_ < to <= exact[1] + 1:
            span = to - from_
            return _fill(
                self, _integers(span), (from_, span % 2**64), generator, "random_", _core.int64
            )
    bounds = [*bounds, *(named.pop(name) for name in ("from", "from_", "to") if name in named)]
    if named or len(bounds) > 2:
        raise TypeError(
            f"random_: takes (), (to) or (from, to), and generator=, not {bounds} {named}."
        )
    if len(bounds) < 2:
        bounds = [0, *bounds] if bounds else [0, None]
    from_ = count_of(bounds[0], "random_", "from")
    exact = _exact_integers(self.dtype)
    to = exact[1] + 1 if bounds[1] is None else count_of(bounds[1], "random_", "to")
    if bounds[1] is not None:
        _check_integers(self.dtype, from_, to, exact)
    elif from_ >= to:
        raise RuntimeError(
            f"random_: from={from_} is beyond the largest of {self.dtype}, {exact[1]}."
        )
    span = to - from_
    result = _fill(self, _integers(span), (from_, span % 2**64), generator, "random_", _core.int64)
    if self.dtype.is_floating_point and to - 1 > exact[1]:
        # Rounded to the dtype, a number just below `to` may have become `to` itself.
        bounds = _core.tensor([to, -math.inf], dtype=self.dtype, device="cpu")
        below = fl.nextafter(*bounds)
        result.clamp_(max=below.item())
    return result


def _integers(span):
    return SMALL_INTEGERS if span < 2**32 else INTEGERS if span < 2**63 else WIDE_INTEGERS


def _exact_integers(dtype):
    """(least, largest) of the integers that a dtype holds without gaps."""
    if dtype is _core.bool:
        return 0, 1
    if dtype.is_floating_point:
        largest = round(2 / finfo(dtype).eps)
        return -largest, largest
    if dtype.is_complex:
        raise NotImplementedError(f"random_: is not implemented for {dtype}.")
    return iinfo(dtype).min, min(iinfo(dtype).max, 2**63 - 1)


_EXACT = {
    dtype: _exact_integers(dtype)
    for dtype in (
        _core.bool, _core.uint8, _core.int8, _core.int16, _core.int32, _core.int64, _core.float16,
        _core.bfloat16, _core.float32, _core.float64,
    )
}  # fmt: skip


def _check_integers(dtype, from_, to, exact):
    if from_ >= to:
        raise RuntimeError(
            f"random_: from is {from_}, but it must be below to, {to}, which is left out."
        )
    least, largest = exact
    if dtype.is_floating_point:
        least, largest = finfo(dtype).min, finfo(dtype).max
    elif dtype is _core.uint64:
        largest = 2**64 - 1
    for name, value in (("from", from_), ("to - 1", to - 1)):
        if not least <= value <= largest:
            raise RuntimeError(
                f"random_: {name} is {value}, outside of {least} to {largest}, the range of {dtype}."
            )
        if dtype.is_floating_point and not exact[0] <= value <= exact[1]:
            _core._warn(
                f"random_: {name} is {value}, outside of the integers that {dtype} holds exactly, "
                f"{exact[0]} to {exact[1]}; results are rounded."
            )


def bernoulli_(self, p=0.5, *, generator=None):
    """Fills with 1 with probability p (a number or a tensor), else 0."""
    if isinstance(p, _core.Tensor):
        wanted = p.expand(self.shape).contiguous()
        return _fill(self, BERNOULLI, (wanted,), generator, "bernoulli_", wanted.dtype)
    if not 0 <= p <= 1:
        raise RuntimeError(f"bernoulli_: p is {p}; it must be from 0 to 1.")
    return _fill(self, BERNOULLI, (p,), generator, "bernoulli_", _core.float32)


def _positive(name, value, what):
    if not value > 0:
        raise RuntimeError(f"{name}: {what} is {value}; it must be above 0.")


def exponential_(self, lambd=1.0, *, generator=None):
    """Fills with numbers of the exponential distribution of rate lambd."""
    _needs_real(self, "exponential_")
    _positive("exponential_", lambd, "lambda")
    return _fill(self, EXPONENTIAL, (lambd,), generator, "exponential_")


def geometric_(self, p, *, generator=None):
    """Fills with the number of trials up to the first success."""
    if self.dtype.is_complex or self.dtype is _core.bool:
        _needs_real(self, "geometric_")
    if not 0 < p < 1:
        raise RuntimeError(f"geometric_: p is {p}; it must be above 0 and below 1.")
    step = (math.log1p(-p),)
    if self.dtype.is_floating_point:
        return _fill(self, GEOMETRIC, step, generator, "geometric_")
    return _fill(self, GEOMETRIC[64], step, generator, "geometric_", _core.float64)


def cauchy_(self, median=0.0, sigma=1.0, *, generator=None):
    """Fills with numbers of the Cauchy distribution."""
    _needs_real(self, "cauchy_")
    _positive("cauchy_", sigma, "sigma")
    return _fill(self, CAUCHY, (median, sigma), generator, "cauchy_")


def log_normal_(self, mean=1.0, std=2.0, *, generator=None):
    """Fills with exp of numbers of the normal distribution."""
    if not std > 0:
        raise RuntimeError(f"log_normal_: std is {std}; it must be above 0.")
    _needs_real(self, "log_normal_")
    normal_(self, mean, std, generator=generator)
    return self.exp_() if self.numel() else self


for _function in (
    uniform_,
    normal_,
    random_,
    bernoulli_,
    exponential_,
    geometric_,
    cauchy_,
    log_normal_,
):
    METHODS[_function.__name__] = _function
