"""Random numbers: filling in place, new tensors, and what is drawn from weights. The counters are in philox.py."""

from .. import _core
from ..kernels import language as k
from .core import operators as fl
from .core.arguments import every, some
from .core.attach import attached
from .core.declare import METHODS, make_pointwise, primitive, register
from .core.no_derivative import no_grad
from .creation import check_options, count_of
from .fill_random import (
    _draw,
    _exact_integers,
    _fill,
    bernoulli_,
    exponential_,
    fresh,
    normal_,
    random_,
    uniform_,
)
from .generator import generator_for
from .philox import UNIFORM, short_philox, unit

# ----------------------------------------------------------------------------------------- new tensors


def _sizes(size, named):
    if "size" in named:
        size = (named.pop("size"),)
    return size


def _new_random(fill, name, doc):
    def make(
        *size, generator=None, out=None, dtype=None, layout=None, device=None, requires_grad=False,
        pin_memory=False, **named,
    ):  # fmt: skip
        if out is layout is device is dtype is None and not (
            named or pin_memory or _core._in_vmap()
        ):
            result = fill(_core.empty(*(size or ((),)), device=None), generator=generator)
            return result.requires_grad_(True) if requires_grad else result
        check_options(name, layout, device, pin_memory, dtype)
        size = _sizes(size, named)
        if named:
            raise TypeError(f"{name}: has no argument {next(iter(named))!r}.")
        if out is not None:
            result = fill(_core.empty(*(size or ((),)), out=out), generator=generator)
        else:
            result = fill(
                fresh(
                    _core.empty(*(size or ((),)), dtype=dtype, device=device, pin_memory=pin_memory)
                ),
                generator=generator,
            )
        return result.requires_grad_(True) if requires_grad else result

    def make_like(
        input, *, generator=None, dtype=None, layout=None, device=None, requires_grad=False,
        memory_format=None, pin_memory=False,
    ):  # fmt: skip
        check_options(name + "_like", layout, device, pin_memory)
        options = {} if memory_format is None else {"memory_format": memory_format}
        result = fill(
            fresh(
                _core.empty_like(
                    input, dtype=dtype, device=device, pin_memory=pin_memory, **options
                )
            ),
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
    *args, low=None, high=None, size=None, generator=None, out=None, dtype=None, layout=None,
    device=None, requires_grad=False, pin_memory=False,
):  # fmt: skip
    """Integers of [low, high): randint(high, size), randint(low, high, size)."""
    if layout is not None or device is not None or pin_memory:
        check_options("randint", layout, device, pin_memory)
    args = list(args)
    if size is None and args:
        size = args.pop()
    forms = "(high, size) or (low, high, size)"
    low, high = _bounds("randint", args, low, high, forms)
    if size is None or hasattr(size, "__index__"):
        raise TypeError(f"randint: takes {forms}, size as a tuple.")
    result = (
        _core.empty(*(size or ((),)), out=out)
        if out is not None
        else fresh(
            _core.empty(size, dtype=dtype or _core.int64, device=device, pin_memory=pin_memory)
        )
    )
    random_(result, low, high, generator=generator)
    return result.requires_grad_(True) if requires_grad else result


def randint_like(
    input, *args, low=None, high=None, generator=None, dtype=None, layout=None, device=None,
    requires_grad=False, memory_format=None, pin_memory=False,
):  # fmt: skip
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
        fresh(
            _core.empty_like(input, dtype=dtype, device=device, pin_memory=pin_memory, **options)
        ),
        low,
        high,
        generator=generator,
    )
    return result.requires_grad_(True) if requires_grad else result


def _check_order_fits(n, dtype):
    """Raise unless dtype holds the integers below n."""
    if dtype is _core.bool or dtype.is_complex:
        raise NotImplementedError(f"randperm: is not implemented for {dtype}.")
    # One more than the integers without a gap still ends in a number that is held exactly.
    if n - 1 > _exact_integers(dtype)[1]:
        raise RuntimeError(
            f"randperm: {dtype} holds the integers to {_exact_integers(dtype)[1]}, but n is {n}."
        )


def randperm(
    n, *, generator=None, out=None, dtype=None, layout=None, device=None, requires_grad=False,
    pin_memory=False,
):  # fmt: skip
    """The integers 0 to n - 1 in random order."""
    check_options("randperm", layout, device, pin_memory, dtype)
    n = count_of(n, "randperm", "n")
    if n < 0:
        raise RuntimeError(f"randperm: n is {n}; it must be 0 or more.")
    dtype = dtype or (out.dtype if out is not None else _core.int64)
    if dtype is not _core.int64:
        _check_order_fits(n, dtype)
    device = out.device if device is None and out is not None else device
    if _core._in_vmap():
        keys = fresh(_core.empty(n, dtype=_core.float64, device=device))
        order = _draw(keys, UNIFORM, (0.0, 1.0), generator).argsort()
    else:
        order = _core.empty(n, dtype=_core.int64, device=device)
        _core._random_order(order, *(generator or generator_for(order))._next())
    order = order if dtype is _core.int64 else order.to(dtype)
    if out is not None:
        return _core._finish_out(order, out, "randperm")
    order = order.pin_memory() if pin_memory else order
    return order.requires_grad_(True) if requires_grad else order


def normal(
    mean=0.0, std=1.0, size=None, *, generator=None, out=None, dtype=None, layout=None, device=None,
    requires_grad=False, pin_memory=False,
):  # fmt: skip
    """Numbers of normal distributions: mean and std are tensors, or numbers with `size`."""
    check_options("normal", layout, device, pin_memory)
    if size is not None:
        result = normal_(
            fresh(_core.empty(*(size or ((),)), dtype=dtype, device=device, pin_memory=pin_memory)),
            mean,
            std,
            generator=generator,
        )
    else:
        like = next((t for t in (mean, std) if isinstance(t, _core.Tensor)), None)
        if like is None:
            raise TypeError("normal: needs a tensor for mean or std, or size=.")
        if some((std >= 0).logical_not()) if isinstance(std, _core.Tensor) else not std >= 0:
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
    made = _core.empty_like(input if input.is_contiguous() else input.contiguous())
    return bernoulli_(fresh(made), probability, generator=generator)


@_bernoulli.derivative
def _(ctx, grad_output):
    return grad_output.new_zeros(ctx.sizes), None, None


def _check_weights(weights, total):
    """Raises for rows of weights that nothing can be drawn from; `total` are their running sums."""
    last = total[..., -1] if weights.size(-1) else total.sum(-1)
    # Neither can be said of a NaN.
    if weights.numel() and every((last > 0) & (last < float("inf"))) and every(weights.min() >= 0):
        return
    if not every(weights.isfinite() & (weights >= 0)):
        raise RuntimeError("multinomial: input holds weights that are below 0, infinite or NaN.")
    if not every(last > 0):
        raise RuntimeError(
            "multinomial: a row of input has only zeros, so there is nothing to draw."
        )


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
    if replacement and input.numel() and input.device.type == "cpu" and not _core._in_vmap():
        return _as_out(_drawn(input.detach(), num_samples, generator), input, out)
    weights = input.detach().double()
    total = weights.cumsum(-1)
    _check_weights(weights, total)
    if replacement:
        sizes = *input.shape[:-1], num_samples
        u = rand(*sizes, dtype=_core.float64, device=input.device, generator=generator)
        index = fl.searchsorted(total, u * total[..., -1:], right=True)
        result = index.clamp(max=input.shape[-1] - 1)
    else:
        if num_samples > input.shape[-1]:
            raise RuntimeError(
                f"multinomial: num_samples is {num_samples}, but a row of input has fewer weights "
                "to draw without replacement. Pass replacement=True."
            )
        noise = exponential_(fresh(_core.empty_like(weights)), generator=generator)
        result = (weights / noise).topk(num_samples, -1)[1]  # weights of 0 last
    return _as_out(result, input, out)


def _drawn(weights, num_samples, generator):
    """multinomial() with replacement on the CPU: one pass over each row."""
    sizes = (weights.size(0), num_samples) if weights.dim() == 2 else (num_samples,)
    u = _core.empty(sizes, dtype=_core.float64, device=weights.device)
    _fill(u, UNIFORM, (0.0, 1.0), generator, "multinomial")
    places, good = _core.indexing.draw_by_weight(weights, u)
    if not good:
        weights = weights.double()
        _check_weights(weights, weights.cumsum(-1))
    return places


def _as_out(result, input, out):
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
    keep = unit(short_philox(seed, call)) >= p
    return input * k.where(keep, 1 / (1 - p), 0)  # what is NaN or infinite stays NaN where dropped


def _by_hand(in_dtypes, out_dtypes, modes):
    """The core's own kernel, where input and result are float32 side by side; GPUs have the language's."""
    numbers = ("int64", "int64", "float32")
    fits = (*in_dtypes, *out_dtypes) == ("float32", *numbers, "float32") and modes == "ccsss"
    return _core._dropout_kernel() if fits and not _core._cuda_state()[0] else None


_dropout_map = make_pointwise(
    _dropout, name="dropout", keep=("seed", "call"), uses_index=True, by_hand=_by_hand
)


@_dropout_map.derivative("input")
def _(grad_output, input, seed, call, p, result):
    # The mask is drawn again from the same counters: nothing is kept but three numbers.
    return _dropout(grad_output, seed, call, p)


def next_draw(tensor, generator=None):
    """(seed, number of the draw) of the next numbers for a tensor."""
    return (generator or generator_for(tensor))._next()


def dropout_of(input, p, draw):
    """dropout() by the numbers of one draw."""
    if _core._in_vmap():
        from .batching import randomness

        return randomness.dropout(lambda value: _dropout_map(value, *draw, p), input)
    return _dropout_map(input, *draw, p)


def dropout(input, p, generator=None):
    """input with each element zero with probability p, the others divided by 1 - p; p < 1. NaN stays."""
    return dropout_of(input, p, next_draw(input, generator))
