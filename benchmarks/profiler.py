"""What a profile costs while it is on: the time of a step with it over that without, ours and PyTorch's."""

import statistics

from .harness import Row, repeated
from .lenet import lenet_step

ROUNDS, STEPS = 9, 20
GOAL = 1.1


def rows():
    """One row for each kind of step."""
    import flambeau

    modules = [flambeau]
    try:
        import torch

        modules.append(torch)
    except ImportError:
        pass
    for name, batch in (("LeNet step, batch 32", 32), ("LeNet step, batch 4", 4)):
        told = [slowdown(module, lenet_step(module, batch, module.optim.SGD)) for module in modules]
        (ours, ratio), (theirs, their_ratio) = (*told, (None, None))[:2]
        text = f" {ratio:.2f}x of the time without (goal {GOAL}x)"
        text += f", PyTorch's {their_ratio:.2f}x" if their_ratio else ""
        yield Row(f"{name}, profiled", None, ours, theirs, None, text)


def slowdown(module, step):
    """(seconds of a step with a profile on, the median over rounds of that over the time without)."""
    step()
    times, ratios = [], []
    for _ in range(ROUNDS):
        off = repeated(step, STEPS)
        with module.profiler.profile(activities=[module.profiler.ProfilerActivity.CPU]) as prof:
            on = repeated(step, STEPS)
        assert prof is not None
        times.append(on / STEPS)
        ratios.append(on / off)
    return statistics.median(times), statistics.median(ratios)
