"""Training programs whose loss torch.compile compiled, beside eager mode and beside PyTorch's eager mode and torch.compile.

Also says whether losses are the bits of eager mode after three steps, and how long the first two steps take.
"""

import contextlib
import statistics
import time

from . import harness
from .all import programs
from .all.measure import least_times


@contextlib.contextmanager
def compiling():
    """Programs made here compile what gives their loss."""
    plain = programs.prepared
    programs.prepared = lambda T, function: T.compile(function)
    try:
        yield
    finally:
        programs.prepared = plain


def _made(T, make, compiled):
    """(step, its first three losses, seconds that the first two steps took)."""
    T.manual_seed(0)
    start = time.perf_counter()
    with compiling() if compiled else contextlib.nullcontext():
        step = make(T)
    losses = [step(), step()]
    first_s = time.perf_counter() - start
    return step, [*losses, step()], first_s


def report(only=None):
    """Times of a step: flambeau compiled and eager, PyTorch eager and compiled."""
    import flambeau

    theirs = harness.import_pytorch()
    n_threads = flambeau.get_num_threads()
    print(
        f"{'':72}{'compiled':>10}{'eager':>10}{'PyTorch':>10}{'compiled':>10}  first steps, bits; times PyTorch"
    )
    ratios, against = [], []
    for make in programs.PROGRAMS:
        if only is not None and only not in make.__doc__:
            continue
        made = [_made(flambeau, make, True), _made(flambeau, make, False)]
        if theirs is not None:
            made.append(_made(theirs, make, False))
            with contextlib.suppress(Exception):  # what its compiler does not take
                made.append(_made(theirs, make, True))
        taken = least_times([step for step, *_ in made], n_threads)
        same = "same" if made[0][1] == made[1][1] else "other"
        text = f"{harness.columns(taken)}  {harness.in_units(made[0][2])}, {same}"
        times = harness.times_of_pytorch(taken, ratios, against)
        if len(made) > 3:
            times += f" its compiled, whose first steps took {harness.in_units(made[3][2])}"
        print(f"{make.__doc__:72}{text}; {times}", flush=True)
    for words, found in (("PyTorch", ratios), ("PyTorch's torch.compile", against)):
        if found:
            mean = statistics.geometric_mean(found)
            print(f"geometric mean: {mean:.2f}x {words}, the least {min(found):.2f}x")
