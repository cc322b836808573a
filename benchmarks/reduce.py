"""Reductions, rows, norms, losses, scans, sorts and indexing of float32: PyTorch's time over ours.

Operators down, sizes across ("first" is dim 0, of three dimensions the middle one; "last" is dim -1).
A cell is the median of paired ratios; what is slower than PyTorch follows, worst first, with times.
"""

import functools
import gc
import statistics

from . import harness

SHAPES = {
    "4x3": (4, 3),
    "32x10": (32, 10),
    "128x10": (128, 10),
    "1000x100": (1000, 100),
    "256x1000": (256, 1000),
    "64x32x64": (64, 32, 64),
    "1e6": (1000000,),
    "1e5x4": (100000, 4),
    "4x1e5": (4, 100000),
    "turned": (100, 1000),  # 1000x100, transposed
}
BLOCK_S = 0.002
WHOLE = ("sum", "mean", "prod", "amax", "argmax", "var", "std", "norm", "any", "count_nonzero")
ALONG = (
    *("sum", "mean", "prod", "amax", "max", "argmax", "var", "std", "logsumexp", "all"),
    *("count_nonzero", "cumsum", "cumprod", "softmax", "log_softmax"),
)
ORDERED = ("sort", "argsort", "median")


def whole(T, x):
    """Over all elements."""
    for name in WHOLE:
        yield name, functools.partial(getattr(T, name), x)


def along(T, x):
    """Over one dimension."""
    for where, dim in (("first", 1 if x.dim() == 3 else 0), ("last", -1)):
        for name in ALONG:
            yield f"{name} {where}", functools.partial(getattr(T, name), x, dim)
        yield f"norm {where}", functools.partial(T.norm, x, 2, dim)


def ordered(T, x):
    """Order within the last dimension."""
    k = max(1, min(5, x.shape[-1] // 2))
    for name in ORDERED:
        yield name, functools.partial(getattr(T, name), x, -1)
    yield "topk", lambda: T.topk(x, k)
    yield "kthvalue", lambda: T.kthvalue(x, k)


def flat(T, x):
    """Of all elements, in no dimension."""
    flat = x.reshape(-1)
    numbers = (flat * 100).long()
    mask = x > 0.5
    yield "unique", lambda: T.unique(numbers)
    yield "bincount", lambda: T.bincount(numbers)
    yield "histc", lambda: T.histc(flat, 100)
    yield "masked_select", lambda: T.masked_select(x, mask)
    yield "nonzero", lambda: T.nonzero(mask)
    yield "where", lambda: T.where(mask, x, x)
    yield "where mask", lambda: T.where(mask)


def indexed(T, x):
    """By rows and by elements."""
    n = x.shape[0]
    rows = T.randperm(n)
    places = T.randint(0, x.shape[-1], tuple(x.shape))
    zeros = T.zeros(*x.shape)
    yield "gather", lambda: T.gather(x, -1, places)
    yield "scatter_add", lambda: T.scatter_add(zeros, -1, places, x)
    yield "index_select 0", lambda: T.index_select(x, 0, rows)
    yield "index_add 0", lambda: T.index_add(zeros, 0, rows, x)
    yield "x[rows]", lambda: x[rows]
    if x.dim() == 2 and x.shape[-1] <= 1000:
        F = T.nn.functional
        weight, words = T.rand(1000, x.shape[-1]), T.randint(0, 1000, (n,))
        with_gradient = T.nn.Parameter(weight.clone())
        ones = T.ones(*x.shape)
        yield "embedding", lambda: F.embedding(words, weight)
        yield (
            "embedding f+b",
            lambda: T.autograd.grad(F.embedding(words, with_gradient), with_gradient, ones),
        )


def norms(T, x):
    """Normalisation, forward, and with backward."""
    F = T.nn.functional
    width, channels = x.shape[-1], x.shape[1]
    p = T.nn.Parameter(x.clone())
    weight, bias = (T.nn.Parameter(T.ones(width)) for _ in "wb")
    scale, shift = (T.nn.Parameter(T.ones(channels)) for _ in "wb")
    mean, var = T.zeros(channels), T.ones(channels)
    ones = T.ones(*x.shape)
    groups = next(g for g in (8, 5, 2, 3, 1) if channels % g == 0)

    def both(make, *inputs):
        return lambda: T.autograd.grad(make(), inputs, ones)

    def layer(x, weight, bias):
        return F.layer_norm(x, (width,), weight, bias)

    def batch(x, scale, shift):
        return F.batch_norm(x, mean, var, scale, shift, True)

    plain_w, plain_b = weight.detach(), bias.detach()
    plain_scale, plain_shift = scale.detach(), shift.detach()
    yield "layer_norm", lambda: layer(x, plain_w, plain_b)
    yield "layer_norm f+b", both(lambda: layer(p, weight, bias), p, weight, bias)
    yield "rms_norm", lambda: F.rms_norm(x, (width,), plain_w)
    yield "rms_norm f+b", both(lambda: F.rms_norm(p, (width,), weight), p, weight)
    yield "batch_norm", lambda: batch(x, plain_scale, plain_shift)
    yield "batch_norm f+b", both(lambda: batch(p, scale, shift), p, scale, shift)
    yield "batch_norm eval", lambda: F.batch_norm(x, mean, var, plain_scale, plain_shift)
    yield "group_norm", lambda: F.group_norm(x, groups, plain_scale, plain_shift)
    yield (
        "group_norm f+b",
        both(lambda: F.group_norm(p, groups, scale, shift), p, scale, shift),
    )


def losses(T, x):
    """Of rows of logits."""
    F = T.nn.functional
    p = T.nn.Parameter(x.clone())
    target = T.randint(0, x.shape[1], (x.shape[0], *x.shape[2:]))
    logs = F.log_softmax(x, 1)
    yield "cross_entropy", lambda: F.cross_entropy(x, target)
    yield "cross_entropy f+b", lambda: T.autograd.grad(F.cross_entropy(p, target), p)
    yield "nll_loss", lambda: F.nll_loss(logs, target)
    yield "nll_loss f+b", lambda: T.autograd.grad(F.nll_loss(p, target), p)
    yield "softmax f+b", lambda: T.autograd.grad(F.softmax(p, -1), p, x)
    yield "log_softmax f+b", lambda: T.autograd.grad(F.log_softmax(p, -1), p, x)


def cases(T, values):
    """(operator, function) for a NumPy array, whose memory both libraries share."""
    x = T.from_numpy(values)
    T.manual_seed(0)
    families = (whole, along, ordered, flat, indexed)
    for family in families if x.dim() == 1 else (*families, norms, losses):
        yield from family(T, x)


class Cell:
    """One operator at one size."""

    def __init__(self, name, size, ours, theirs):
        self.name, self.size = name, size
        counts = [calls(ours), calls(theirs)]
        rounds = 3 if max(counts) == 1 else 7
        self.times_s = [[], []]
        for _ in range(rounds):
            for which, function in enumerate((ours, theirs)):
                taken = harness.repeated(function, counts[which]) / counts[which]
                self.times_s[which].append(taken)
        self.ratio = statistics.median(b / a for a, b in zip(*self.times_s))
        self.ours_s, self.theirs_s = (statistics.median(t) for t in self.times_s)


def calls(function):
    """How many calls take about BLOCK_S; the first call compiles."""
    function()
    once = min(harness.repeated(function, 1) for _ in range(2))
    if once < BLOCK_S / 50:
        once = harness.repeated(function, 20) / 20
    return max(1, round(BLOCK_S / once))


def report(only=None):
    """Prints the table; gives the cells."""
    import flambeau

    torch = harness.import_pytorch()
    if torch is None:
        print("PyTorch is not installed: nothing to compare with.")
        return []
    import numpy

    cells = {}
    gc.collect()
    gc.disable()
    for size, sizes in SHAPES.items():
        values = numpy.random.default_rng(0).random(sizes, dtype=numpy.float32)
        values = values.T if size == "turned" else values
        theirs = dict(cases(torch, values))
        for name, function in cases(flambeau, values):
            if only is None or only in name:
                cells[name, size] = Cell(name, size, function, theirs[name])
        gc.collect()
    gc.enable()
    print(f"{'':18}" + "".join(f"{size:>10}" for size in SHAPES))
    for name in dict.fromkeys(name for name, _ in cells):
        row = (cells.get((name, size)) for size in SHAPES)
        print(f"{name:18}" + "".join(f"{c.ratio:10.2f}" if c else f"{'':10}" for c in row))
    slower = sorted((c for c in cells.values() if c.ratio < 1), key=lambda c: c.ratio)
    print(f"\n{len(slower)} of {len(cells)} are slower than PyTorch")
    for c in slower:
        times = " ".join(f"{harness.in_units(t):>10}" for t in (c.ours_s, c.theirs_s))
        print(f"{c.name:18} {c.size:10} {times} {c.ratio:6.2f}x")
    return list(cells.values())
