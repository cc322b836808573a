"""Compile the usual kernels now, so that no program waits for them: pointwise operators, optimizers, softmax ...

Kernels of a program of one's own come into the cache by running it once.
"""

import argparse
import contextlib
import time
import warnings

import flambeau as torch


def main(arguments):
    parser = argparse.ArgumentParser(
        "python -m flambeau warmup", description=__doc__.splitlines()[0]
    )
    parser.add_argument(
        "--dtypes",
        default="float32",
        help="separated by commas, such as float32,float64 (default: %(default)s)",
    )
    args = parser.parse_args(arguments)
    from ..kernels import cache

    if cache.folder() is None:
        print("There is no cache on disk to fill: FLAMBEAU_CACHE_MAX_BYTES is 0.")
        return 1
    start = time.perf_counter()
    count = sum(warm(getattr(torch, name)) for name in args.dtypes.split(","))
    print(
        f"{count} operators and their gradients are ready after {time.perf_counter() - start:.1f} s: {cache.folder()}"
    )
    return 0


def warm(dtype):
    """Run operators of a dtype, forwards and backwards; returns how many."""
    from tqdm import tqdm

    work = [*_pointwise(dtype), *_learning(dtype)]
    done = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for run in tqdm(work, desc=str(dtype).rpartition(".")[2], unit="operator"):
            with contextlib.suppress(RuntimeError, TypeError, NotImplementedError, ValueError):
                run()  # what has no form for this dtype is left out
                done += 1
    return done


def _both_ways(function, operands):
    result = function(*operands)
    if torch.is_tensor(result) and result.requires_grad:
        result.sum().backward()


def _pointwise(dtype):
    from ..ops.core.declare import POINTWISE

    for operator in POINTWISE.values():
        spec = operator.spec
        operands = [
            torch.full((16, 16), 0.5, dtype=dtype, requires_grad=True) for _ in range(spec.n_inputs)
        ]
        operands = [x > 0 if spec.keep >> i & 1 else x for i, x in enumerate(operands)]
        yield lambda function=operator, operands=operands: _both_ways(function, operands)
        if spec.n_inputs == 2:
            pair = [operands[0], 2.0]
            yield lambda function=operator, operands=pair: _both_ways(function, operands)


def _learning(dtype):
    F, nn, optim = torch.nn.functional, torch.nn, torch.optim
    rows = lambda: torch.rand(8, 16, dtype=dtype, requires_grad=True)
    for f in (F.softmax, F.log_softmax):
        yield lambda f=f: _both_ways(lambda x: f(x, -1), [rows()])
    yield lambda: _both_ways(lambda x: F.layer_norm(x, (16,)), [rows()])
    yield lambda: _both_ways(lambda x: F.cross_entropy(x, torch.arange(8)), [rows()])
    for name in "sum mean amax amin prod var std logsumexp norm".split():
        for dim in (-1, 0):
            yield lambda f=name, dim=dim: _both_ways(
                lambda x: getattr(torch, f)(x, dim=dim), [rows()]
            )
    for name in "SGD Adam AdamW RMSprop Adagrad".split():
        yield lambda name=name: _step(nn.Linear(4, 4, dtype=dtype), getattr(optim, name))


def _step(model, optimizer):
    made = optimizer(model.parameters(), lr=0.01)
    for _ in range(2):
        model(torch.ones(2, 4, dtype=next(model.parameters()).dtype)).sum().backward()
        made.step()
