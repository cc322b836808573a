"""Fused eager mode on ten chains written by hand: without it (FLAMBEAU_FUSION=0), with it, and PyTorch's eager mode.

Forward alone, and with backward; nothing is compiled by the program. Each call ends with all results computed.
"""

from . import harness
from .compiled import calls, chains, cpu_time, print_means

GOAL = 2.5
SIZES = {"middle": 1 << 16, "large": 1 << 20}  # elements
LEAST_NUMEL, PATIENCE = 16384, 2


def _fused(call):
    """The call with operators that wait, all of which have run at its end."""
    from flambeau import _core

    def run():
        _core._set_fusion(LEAST_NUMEL, PATIENCE, True)
        result = call()
        _core._set_fusion(0, PATIENCE)  # runs what waits
        return result

    return run


def report(only=None):
    """CPU time of each chain, and how many times faster fused eager mode is than PyTorch and than without it."""
    import flambeau
    from flambeau.compiled import eager

    theirs = harness.import_pytorch()
    print(f"{'':34}{'FUSION=0':>10}{'FUSION=1':>10}{'PyTorch':>10}  times PyTorch, without")
    ratios, gains = [], []
    for name, make, n, backward in chains(SIZES, only):
        timed = [
            calls(flambeau, make, n, backward, False),
            _fused(calls(flambeau, make, n, backward, False)),
        ]
        for _ in range(6):  # until its kernels are there
            timed[1]()
            eager.wait()
        if theirs is not None:
            timed.append(calls(theirs, make, n, backward, False))
        taken = cpu_time(timed)
        gains.append(taken[0] / taken[1])
        text = "".join(f"{harness.in_units(t):>10}" for t in taken)
        if len(taken) > 2:
            ratios.append(taken[2] / taken[1])
            text += f"  {ratios[-1]:.2f}x,"
        print(f"{name:34}{text} {gains[-1]:.2f}x", flush=True)
    print_means(f"{GOAL}x of PyTorch", {"PyTorch": ratios, "FUSION=0": gains})
