"""Random counts: the Poisson and binomial distributions."""

from .. import _core
from . import public as fl
from .attach import attached
from .declare import composite
from .generator import default_generator


@composite(method=False, out=False)
def poisson(input, generator=None):
    """Numbers of the Poisson distributions of the given rates. Gradient: 0."""
    if not input.dtype.is_floating_point:
        raise NotImplementedError(f'"poisson_cpu" not implemented for {input.dtype}')
    rates = input.detach().double().contiguous()
    if not bool(((rates >= 0) & rates.isfinite()).all()):
        raise RuntimeError("poisson: invalid Poisson rate, expected rate to be non-negative")
    drawn = _core._poisson(rates, *(generator or default_generator)._next())
    return attached(drawn.to(input.dtype), input)


@composite(method=False, out=False)
def binomial(count, prob, generator=None):
    """Numbers of successes of `count` trials of probability `prob`, element by element. Gradient: 0."""
    if not count.dtype.is_floating_point or count.dtype is not prob.dtype:
        raise RuntimeError(
            f"binomial: expected floating tensors of one dtype, but got {count.dtype} and {prob.dtype}."
        )
    trials, chance = (
        value.detach().double().contiguous() for value in fl.broadcast_tensors(count, prob)
    )
    if not bool(((trials >= 0) & trials.isfinite() & (chance >= 0) & (chance <= 1)).all()):
        raise RuntimeError("binomial: expected count >= 0 and 0 <= prob <= 1.")
    drawn = _core._binomial(trials.floor(), chance, *(generator or default_generator)._next())
    return attached(drawn.to(count.dtype), count, prob)
