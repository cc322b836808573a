"""Random numbers: filling in place, new tensors, and what is drawn from weights. The counters are in philox.py."""

import math
import warnings

from .. import _core
from ..kernels import language as k
from ..types import finfo, iinfo
from .core import operators as fl
from .core.arguments import every, some
from .core.attach import attached
from .core.declare import METHODS, make_pointwise, primitive, register
from .core.no_derivative import no_grad
from .creation import check_options, count_of
from .generator import default_generator
from .philox import BERNOULLI, INTEGERS, NORMAL, UNIFORM, WIDE_INTEGERS, philox, unit

# -------------------------------------------------------------------------------------- filling in place


def _draw(tensor, maps, parameters, generator, compute=None):
    """Fills `tensor`, in the order of its indices whatever its strides."""
    if tensor.numel() == 0:
        return tensor
    if tensor.is_meta:
        return tensor
    state = (generator or default_generator)._next()
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
    _core._check_inplace(tensor, name)
    if tensor.requires_grad and _core.is_grad_enabled():
        fresh = _draw(_core.empty_like(tensor.detach()), maps, parameters, generator, compute)
        return tensor.copy_(fresh)
    return _draw(tensor, maps, parameters, generator, compute)


def _real_view(tensor):
    return _core.view_as_real(tensor) if tensor.dtype.is_complex else tensor


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
    from_ = named.pop("from", from_)
    _needs_floating(self, "uniform_")
    if from_ != 0 or to != 1:
        _check_uniform(self.dtype.to_real(), from_, to)
    _fill(_real_view(self), UNIFORM, (from_, to), generator, "uniform_")
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
    if self.numel():
        _needs_floating(self, "normal_")
    if std < 0:
        raise RuntimeError(f"normal_: std is {std}; it must be 0 or more.")
    if self.dtype.is_complex:
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
    maps = INTEGERS if span < 2**63 else WIDE_INTEGERS
    result = _fill(self, maps, (from_, span % 2**64), generator, "random_", _core.int64)
    if self.dtype.is_floating_point and to - 1 > exact[1]:
        # Rounded to the dtype, a number just below `to` may have become `to` itself.
        bounds = _core.tensor([to, -math.inf], dtype=self.dtype, device="cpu")
        below = fl.nextafter(*bounds)
        result.clamp_(max=below.item())
    return result


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


def _check_integers(dtype, from_, to, exact):
    if from_ >= to:
        raise RuntimeError(f"random_: from {from_} must be below to {to}, which is left out.")
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
            warnings.warn(
                f"random_: {name} is {value}, outside of the integers that {dtype} holds exactly, "
                f"{exact[0]} to {exact[1]}; results are rounded.",
                UserWarning,
                stacklevel=4,
            )


def bernoulli_(self, p=0.5, *, generator=None):
    """Fills with 1 with probability p (a number or a tensor), else 0."""
    if isinstance(p, _core.Tensor):
        wanted = p.expand(self.shape).contiguous()
        return _fill(self, BERNOULLI, (wanted,), generator, "bernoulli_", wanted.dtype)
    if not 0 <= p <= 1:
        raise RuntimeError(f"bernoulli_: p is {p}; it must be from 0 to 1.")
    return _fill(self, BERNOULLI, (p,), generator, "bernoulli_", _core.float32)


def _by_uniform(name, transform, doc):
    """A fill that transforms numbers of (0, 1]."""

    def fill(self, *args, generator=None, **named):
        if self.dtype.is_complex or self.dtype is _core.bool or name != "geometric_":
            _needs_real(self, name)
        wide = self.dtype if self.dtype.is_floating_point else _core.float64
        u = 1 - _draw(
            fresh(
                _core.empty(
                    self.shape,
                    dtype=wide if wide is _core.float64 else _core.float32,
                    device=self.device,
                )
            ),
            UNIFORM,
            (0.0, 1.0),
            generator,
        )
        return self.copy_(transform(u, *args, **named))

    fill.__name__ = fill.__qualname__ = name
    fill.__doc__ = doc
    return fill


def _positive(name, value, what):
    if not value > 0:
        raise RuntimeError(f"{name}: {what} is {value}; it must be above 0.")


def _exponential(u, lambd=1.0):
    _positive("exponential_", lambd, "lambda")
    return u.log() / -lambd


def _geometric(u, p):
    if not 0 < p < 1:
        raise RuntimeError(f"geometric_: p is {p}; it must be above 0 and below 1.")
    return (u.log() / math.log1p(-p)).ceil().clamp(min=1)


def _cauchy(u, median=0.0, sigma=1.0):
    _positive("cauchy_", sigma, "sigma")
    return median + sigma * (math.pi * (u - 0.5)).tan()


exponential_ = _by_uniform(
    "exponential_",
    _exponential,
    "Fills with numbers of the exponential distribution of rate lambd.",
)
geometric_ = _by_uniform(
    "geometric_", _geometric, "Fills with the number of trials up to the first success."
)
cauchy_ = _by_uniform("cauchy_", _cauchy, "Fills with numbers of the Cauchy distribution.")


def log_normal_(self, mean=1.0, std=2.0, *, generator=None):
    """Fills with exp of numbers of the normal distribution."""
    if not std > 0:
        raise RuntimeError(f"log_normal_: std is {std}; it must be above 0.")
    _needs_real(self, "log_normal_")
    return normal_(self, mean, std, generator=generator).exp_()


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


# ----------------------------------------------------------------------------------------- new tensors


def _sizes(size, named):
    if "size" in named:
        size = (named.pop("size"),)
    return size


def _new_random(fill, name, doc):
    def make(
        *size,
        generator=None,
        out=None,
        dtype=None,
        layout=None,
        device=None,
        requires_grad=False,
        pin_memory=False,
        **named,
    ):
        check_options(name, layout, device, pin_memory, dtype)
        size = _sizes(size, named)
        if named:
            raise TypeError(f"{name}: has no argument {next(iter(named))!r}.")
        if out is not None:
            result = fill(_core.empty(*size, out=out), generator=generator)
        else:
            result = fill(
                fresh(_core.empty(*size, dtype=dtype, device=device)), generator=generator
            )
        return result.requires_grad_(True) if requires_grad else result

    def make_like(
        input,
        *,
        generator=None,
        dtype=None,
        layout=None,
        device=None,
        requires_grad=False,
        memory_format=None,
        pin_memory=False,
    ):
        check_options(name + "_like", layout, device, pin_memory)
        options = {} if memory_format is None else {"memory_format": memory_format}
        result = fill(
            fresh(_core.empty_like(input, dtype=dtype, device=device, **options)),
            generator=generator,
        )
        return result.requires_grad_(True) if requires_grad else result

    make.__name__ = make.__qualname__ = name
    make_like.__name__ = make_like.__qualname__ = name + "_like"
    make.__doc__ = f"A tensor of the given sizes with {doc}."
    make_like.__doc__ = f"A tensor of input's sizes and dtype with {doc}."
    register(name, make)
    register(name + "_like", make_like)
    return make, make_like


rand, rand_like = _new_random(uniform_, "rand", "numbers evenly spread over [0, 1)")
randn, randn_like = _new_random(normal_, "randn", "numbers of the standard normal distribution")


def _bounds(name, args, low, high, forms):
    """(low, high) from positional arguments or from keywords; `forms` are what the call may look like."""
    if high is None and args:
        high = args.pop()
    if low is None:
        low = args.pop() if args else 0
    if high is None or args:
        raise TypeError(f"{name}: takes {forms}.")
    return low, high


def randint(
    *args,
    low=None,
    high=None,
    size=None,
    generator=None,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
):
    """Integers of [low, high): randint(high, size), randint(low, high, size)."""
    check_options("randint", layout, device, pin_memory)
    args = list(args)
    if size is None and args:
        size = args.pop()
    forms = "(high, size) or (low, high, size)"
    low, high = _bounds("randint", args, low, high, forms)
    if size is None or hasattr(size, "__index__"):
        raise TypeError(f"randint: takes {forms}, size as a tuple.")
    result = (
        _core.empty(size, out=out)
        if out is not None
        else fresh(_core.empty(size, dtype=dtype or _core.int64, device=device))
    )
    random_(result, low, high, generator=generator)
    return result.requires_grad_(True) if requires_grad else result


def randint_like(
    input,
    *args,
    low=None,
    high=None,
    generator=None,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    memory_format=None,
    pin_memory=False,
):
    """Integers of [low, high) in a tensor of input's sizes: randint_like(input, high), randint_like(input, low, high)."""
    check_options("randint_like", layout, device, pin_memory)
    forms = "(input, high) or (input, low, high)"
    low, high = _bounds("randint_like", list(args), low, high, forms)
    options = {} if memory_format is None else {"memory_format": memory_format}
    if (dtype or input.dtype).is_complex:
        raise RuntimeError(
            f"randint_like: draws integers, floating numbers and bools, but the dtype is {dtype or input.dtype}."
        )
    result = random_(
        fresh(_core.empty_like(input, dtype=dtype, device=device, **options)),
        low,
        high,
        generator=generator,
    )
    return result.requires_grad_(True) if requires_grad else result


def randperm(
    n,
    *,
    generator=None,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
):
    """The integers 0 to n - 1 in random order."""
    check_options("randperm", layout, device, pin_memory, dtype)
    n = count_of(n, "randperm", "n")
    if n < 0:
        raise RuntimeError(f"randperm: n is {n}; it must be 0 or more.")
    dtype = dtype or (out.dtype if out is not None else _core.int64)
    if dtype is _core.bool or dtype.is_complex:
        raise NotImplementedError(f"randperm: is not implemented for {dtype}.")
    # One more than the integers without a gap still ends in a number that is held exactly.
    if n - 1 > _exact_integers(dtype)[1]:
        raise RuntimeError(
            f"randperm: {dtype} holds the integers to {_exact_integers(dtype)[1]}, but n is {n}."
        )
    device = out.device if device is None and out is not None else device
    if _core._in_vmap():
        keys = fresh(_core.empty(n, dtype=_core.float64, device=device))
        order = _draw(keys, UNIFORM, (0.0, 1.0), generator).argsort()
    else:
        order = _core.empty(n, dtype=_core.int64, device=device)
        _core._random_order(order, *(generator or default_generator)._next())
    order = order.to(dtype)
    if out is not None:
        return _core._finish_out(order, out, "randperm")
    return order.requires_grad_(True) if requires_grad else order


def normal(
    mean=0.0,
    std=1.0,
    size=None,
    *,
    generator=None,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
):
    """Numbers of normal distributions: mean and std are tensors, or numbers with `size`."""
    check_options("normal", layout, device, pin_memory)
    if size is not None:
        result = normal_(
            fresh(_core.empty(size, dtype=dtype, device=device)), mean, std, generator=generator
        )
    else:
        like = next((t for t in (mean, std) if isinstance(t, _core.Tensor)), None)
        if like is None:
            raise TypeError("normal: needs a tensor for mean or std, or size=.")
        if some(std < 0) if isinstance(std, _core.Tensor) else not std >= 0:
            raise RuntimeError("normal: std must be 0 or more everywhere.")
        shape = (
            (mean + std).shape
            if not (isinstance(mean, _core.Tensor) and isinstance(std, _core.Tensor))
            else (mean.detach() + std.detach()).shape
        )
        noise = normal_(
            fresh(_core.empty(shape, dtype=like.dtype, device=like.device)), generator=generator
        )
        with no_grad():
            result = (noise * std + mean).to(like.dtype)
        result = attached(result, mean, std)
    if out is not None:
        return _core._finish_out(result, out, "normal")
    return result.requires_grad_(True) if requires_grad else result


def bernoulli(input, p=None, *, generator=None, out=None):
    """1 with the probability that input (or p) gives, else 0.

    out may be of any dtype: 0 and 1 are numbers of all.
    """
    drawn = _bernoulli(input, p, generator)
    return drawn if out is None else _core._finish_out(drawn.to(out.dtype), out, "bernoulli")


register("bernoulli", bernoulli, method=True)


@primitive(function=False, method=False, out=False)
def _bernoulli(ctx, input, p, generator):
    """1 with the probability that input (or p) gives, else 0."""
    probability = input if p is None else p
    if isinstance(probability, _core.Tensor):
        if not probability.dtype.is_floating_point and probability.numel():
            raise NotImplementedError(
                f"bernoulli: input is {probability.dtype}, but it must be floating. Convert it "
                "with .float() first."
            )
        if probability.numel() and not every((probability >= 0) & (probability <= 1)):
            raise RuntimeError("bernoulli: input holds numbers outside of 0 to 1.")
    ctx.sizes = input.shape
    return bernoulli_(fresh(_core.empty_like(input)), probability, generator=generator)


@_bernoulli.derivative
def _(ctx, grad_output):
    return grad_output.new_zeros(ctx.sizes), None, None


def multinomial(input, num_samples, replacement=False, *, generator=None, out=None):
    """Indices drawn from each row of weights: (N, K) gives (N, num_samples), (K) gives (num_samples).

    Without replacement, weights are divided by exponential variates and the largest kept.
    Source: Efraimidis, Spirakis, Information Processing Letters 97 (2006).
    """
    if input.dim() not in (1, 2):
        raise RuntimeError(
            f"multinomial: input {tuple(input.shape)} must be a vector of weights, or a matrix "
            "with one vector to a row."
        )
    if not input.dtype.is_floating_point:
        raise RuntimeError(
            f"multinomial: input is {input.dtype}, but it must be floating. Convert it with "
            ".float() first."
        )
    if num_samples <= 0:
        raise RuntimeError(f"multinomial: num_samples is {num_samples}; it must be 1 or more.")
    weights = input.detach().double()
    if weights.numel() and not every(weights.isfinite() & (weights >= 0)):
        raise RuntimeError("multinomial: input holds weights that are below 0, infinite or NaN.")
    if not every(weights.sum(-1) > 0):
        raise RuntimeError(
            "multinomial: a row of input has only zeros, so there is nothing to draw."
        )
    if replacement:
        total = weights.cumsum(-1)
        sizes = *input.shape[:-1], num_samples
        u = rand(*sizes, dtype=_core.float64, device=input.device, generator=generator)
        index = fl.searchsorted(total, u * total[..., -1:], right=True)
        result = index.clamp(max=input.shape[-1] - 1)
    else:
        if num_samples > input.shape[-1] or some((weights > 0).sum(-1) < num_samples):
            raise RuntimeError(
                f"multinomial: num_samples is {num_samples}, but a row of input has fewer weights "
                "above 0 to draw without replacement. Pass replacement=True."
            )
        noise = exponential_(fresh(_core.empty_like(weights)), generator=generator)
        result = (weights / noise).topk(num_samples, -1)[1]
    if out is None:
        return result
    _core._check_out(out, result.dtype, (input,), "multinomial")
    return _core._finish_out(result, out, "multinomial")


METHODS["multinomial"] = multinomial

for _function in (
    randint,
    randint_like,
    randperm,
    normal,
    multinomial,
):
    register(_function.__name__, _function)


# -------------------------------------------------------------------------------------------- dropout


def _dropout(input, seed, call, p):
    keep = unit(philox(seed, call)[0]) >= p
    return input * k.where(keep, 1 / (1 - p), 0)  # what is NaN or infinite stays NaN where dropped


_dropout_map = make_pointwise(_dropout, name="dropout", keep=("seed", "call"), uses_index=True)


@_dropout_map.derivative("input")
def _(grad_output, input, seed, call, p, result):
    # The mask is drawn again from the same counters: nothing is kept but three numbers.
    return _dropout(grad_output, seed, call, p)


def dropout(input, p, generator=None):
    """input with each element zero with probability p, the others divided by 1 - p; p < 1. NaN stays."""
    state = (generator or default_generator)._next()
    if _core._in_vmap():
        from .batching import randomness

        return randomness.dropout(lambda value: _dropout_map(value, *state, p), input)
    return _dropout_map(input, *state, p)
