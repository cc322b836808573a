"""Random counts: the Poisson and binomial distributions."""

from .. import _core
from .core.arguments import broadcast_together, every
from .core.attach import attached
from .core.declare import composite
from .generator import generator_for


def _drawn(draw, generator, *parameters):
    state = (generator or generator_for(parameters[0]))._next()
    if _core._in_vmap():
        from .batching import randomness

        return randomness.counts(lambda *values: draw(*values, *state), *parameters)
    return draw(*parameters, *state)


@composite(method=False, out=False)
def poisson(input, generator=None):
    """Numbers of the Poisson distributions of the given rates. Gradient: 0."""
    if not input.dtype.is_floating_point:
        raise NotImplementedError(
            f"poisson: input is {input.dtype}, but it must be floating. Convert it with .float() "
            "first."
        )
    rates = input.detach().double().contiguous()
    if not every((rates >= 0) & rates.isfinite()):
        raise RuntimeError("poisson: input has rates below 0.")
    drawn = _drawn(_core._poisson, generator, rates)
    return attached(drawn.to(input.dtype), input)


@composite(method=False, out=False)
def binomial(count, prob, generator=None):
    """Numbers of successes of `count` trials of probability `prob`, element by element. Gradient: 0."""
    if not count.dtype.is_floating_point or count.dtype is not prob.dtype:
        raise RuntimeError(
            f"binomial: count is {count.dtype} and prob {prob.dtype}; both must be of one floating "
            "dtype."
        )
    trials, chance = (
        value.detach().double().contiguous()
        for value in broadcast_together("binomial", count, prob)
    )
    if not every((trials >= 0) & trials.isfinite() & (chance >= 0) & (chance <= 1)):
        raise RuntimeError("binomial: count must be 0 or more, and prob from 0 to 1.")
    drawn = _drawn(_core._binomial, generator, trials.floor(), chance)
    return attached(drawn.to(count.dtype), count, prob)
