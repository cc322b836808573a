"""What declarations ask to be timed: operators at 1000x100, and a step of every optimizer over 1,000,000 numbers."""

import functools
import inspect

SIZES = (1000, 100)
NEEDS_MORE = ("LBFGS", "SparseAdam", "Muon")  # a closure, sparse gradients, matrices


def optimizers(T):
    """Every optimizer that is loaded: PyTorch's, ours, a program's own."""
    names = [name for name in dir(T.optim) if name[0].isupper()]
    loaded = [getattr(T.optim, name) for name in names]
    base = T.optim.Optimizer
    for kind in dict.fromkeys([*loaded, *base.__subclasses__()]):
        own = isinstance(kind, type) and issubclass(kind, base) and kind is not base
        if own and kind.__name__ not in NEEDS_MORE and "lr" in inspect.signature(kind).parameters:
            yield kind


def cases(T):
    from flambeau.ops.core.declare import TIMED

    T.manual_seed(0)
    x = T.rand(*SIZES)
    for name, arguments in sorted(TIMED.items()):
        if hasattr(T, name):
            text = ", ".join(["x", *map(repr, arguments)])
            yield f"{name}({text})", 1, functools.partial(getattr(T, name), x, *arguments)
    for kind in optimizers(T):
        parameter = T.nn.Parameter(T.rand(1_000_000))
        parameter.grad = T.rand(1_000_000)
        yield f"{kind.__name__}, a step", 1, kind([parameter], lr=1e-3).step
