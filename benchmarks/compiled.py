"""torch.compile on chains written by hand, beside PyTorch's eager mode and its torch.compile.

Forward alone, and with backward. Chains that PyTorch's compiler takes need its C++ compiler; without one that column is -.
"""

import math
import statistics
import time

from . import harness

GOAL = 2.5
SIZES = {"small": 1 << 12, "large": 1 << 20}  # elements


def root_mean_square(T):
    def chain(x, weight):
        return x * T.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * weight

    return chain, lambda n: (T.randn(n // 256, 256), T.rand(256))


def rotary(T):
    def chain(x, y, cos, sin):
        return x * cos - y * sin, y * cos + x * sin

    def arguments(n):
        rows = max(n // 256, 1)
        angle = T.rand(rows, 64)
        return T.randn(2, rows, 64), T.randn(2, rows, 64), angle.cos(), angle.sin()

    return chain, arguments


def tanh_gelu(T):
    def chain(x):
        return 0.5 * x * (1 + T.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))

    return chain, lambda n: (T.randn(n),)


def focal_loss(T):
    def chain(x, target):
        p = T.sigmoid(x)
        loss = T.clamp(x, min=0) - x * target + T.log1p(T.exp(-T.abs(x)))
        right = p * target + (1 - p) * (1 - target)
        weight = 0.25 * target + 0.75 * (1 - target)
        return (weight * (1 - right) ** 2 * loss).mean()

    return chain, lambda n: (T.randn(n), (T.rand(n) > 0.5).float())


def adamw(T):
    def chain(p, g, m, v):
        p = p * (1 - 1e-3 * 0.01)
        m = m * 0.9 + g * 0.1
        v = v * 0.999 + g * g * 0.001
        return p - 1e-3 * (m / 0.19) / ((v / 0.001999).sqrt() + 1e-8), m, v

    return chain, lambda n: tuple(T.rand(n) for _ in range(4))


def mixture(T):
    def chain(x, mean, scale, weight):
        s = T.nn.functional.softplus(scale)
        z = (x - mean) / s
        parts = -0.5 * z * z - T.log(s) - 0.9189385 + T.log_softmax(weight, -1)
        top = parts.amax(-1, keepdim=True)
        return ((parts - top).exp().sum(-1, keepdim=True).log() + top).mean()

    return chain, lambda n: (T.randn(n // 16, 1), T.randn(16), T.randn(16), T.randn(16))


def swish_gate(T):
    def chain(x, gate):
        return gate * T.sigmoid(gate) * x

    return chain, lambda n: (T.randn(n), T.randn(n))


def layer_norm(T):
    def chain(x, weight, bias):
        mean = x.mean(-1, keepdim=True)
        apart = x - mean
        var = (apart * apart).mean(-1, keepdim=True)
        return apart / T.sqrt(var + 1e-5) * weight + bias

    return chain, lambda n: (T.randn(n // 256, 256), T.rand(256), T.rand(256))


def piecewise_loss(T):
    def chain(x, y):
        apart = (x - y).abs()
        loss = T.where(apart < 1, 0.5 * apart * apart, apart - 0.5)
        return T.where(apart > 5, 4.5 + T.log(apart.clamp(min=1)), loss).mean()

    return chain, lambda n: (T.randn(n) * 4, T.randn(n))


def logistic(T):
    def chain(x, r):
        for _ in range(10):
            x = r * x * (1 - x)
        return x

    return chain, lambda n: (T.rand(n), T.rand(n) + 2.8)


CHAINS = (root_mean_square, rotary, tanh_gelu, focal_loss, adamw, mixture, swish_gate, layer_norm, piecewise_loss,
          logistic)  # fmt: skip


def calls(T, make, n, backward, compiled):
    """One call of a chain, as a function without arguments."""
    chain, arguments = make(T)
    run = T.compile(chain) if compiled else chain
    T.manual_seed(0)
    given = arguments(n)
    if not backward:
        return lambda: run(*given)
    given = [t.requires_grad_() if t.dtype.is_floating_point else t for t in given]
    seeds = None

    def step():
        nonlocal seeds
        for t in given:  # those of the call before, which have been computed by now
            t.grad = None
        out = run(*given)
        outs = out if isinstance(out, tuple) else (out,)
        if seeds is None:
            seeds = [T.ones_like(o) for o in outs]
        T.autograd.backward(outs, seeds)
        return out

    return step


def _computed(call):
    """The call with what waits computed at its end: eager mode leaves what nobody asks for."""
    from flambeau import _core

    def run():
        result = call()
        _core._settle()
        return result

    return run


def cpu_time(functions, rounds=15, block_s=0.01):
    """The least CPU time, of one thread, of a call of each, taken in turn."""
    for f in functions:  # the first calls compile
        f(), f(), f()
    counts = [harness.calls_per_block(f, block_s) for f in functions]
    best = [math.inf] * len(functions)
    for _ in range(rounds):
        for k, (f, count) in enumerate(zip(functions, counts)):
            start = time.thread_time()
            for _ in range(count):
                f()
            best[k] = min(best[k], (time.thread_time() - start) / count)
    return best


def report(only=None):
    """CPU time of each chain: flambeau compiled and eager, PyTorch eager and compiled; how many times faster."""
    import flambeau

    theirs = harness.import_pytorch()
    print(
        f"{'':34}{'compiled':>10}{'eager':>10}{'PyTorch':>10}{'compiled':>10}  times PyTorch, its compiled"
    )
    ratios, against = [], []
    for name, make, n, backward in chains(SIZES, only):
        timed = [
            _computed(calls(flambeau, make, n, backward, compiled)) for compiled in (True, False)
        ]
        if theirs is not None:
            timed.append(calls(theirs, make, n, backward, False))
            timed += _compiled(theirs, make, n, backward)
        taken = cpu_time(timed)
        times = harness.times_of_pytorch(taken, ratios, against)
        print(f"{name:34}{harness.columns(taken)}  {times}", flush=True)
    print_means(f"{GOAL}x", {"PyTorch": ratios, "PyTorch's torch.compile": against})


def chains(sizes, only=None):
    """(name, chain, elements, with backward) of each row whose name has `only` in it."""
    for backward in (False, True):
        for make in CHAINS:
            for size, n in sizes.items():
                name = f"{make.__name__} {size}{' + backward' * backward}"
                if only is None or only in name:
                    yield name, make, n, backward


def print_means(goal, found):
    """A line for each list of ratios in `found`, by what they compare with."""
    for words, ratios in found.items():
        if ratios:
            mean = statistics.geometric_mean(ratios)
            print(
                f"geometric mean: {mean:.2f}x {words}, the least {min(ratios):.2f}x (goal {goal})"
            )


def _compiled(theirs, make, n, backward):
    """[the chain through PyTorch's compiler], or [] where that does not run here."""
    try:
        made = calls(theirs, make, n, backward, True)
        made()
        made()
    except Exception as error:
        print(f"  {type(error).__name__}: {str(error).splitlines()[0][:80]}")
        return []
    return [made]
