"""Paired timing: A B A B ... in one process, so that whatever slows the machine slows both."""

import dataclasses
import gc
import json
import statistics
import subprocess
import sys
import time

BLOCK_S = 0.02  # the least a timed block should take, so that the clock and the loop don't count
ROUNDS = 9
clock = time.perf_counter  # process_time, of one thread, on a machine that does other work


@dataclasses.dataclass
class Row:
    """One line of the table: median times in seconds, and the median of the paired ratios."""

    name: str
    goal: float | None
    ours_s: float
    theirs_s: float | None
    ratio: float | None
    text: str | None = None

    @property
    def reached(self):
        """True, False, or None where there is nothing to compare with."""
        return None if self.goal is None or self.ratio is None else self.ratio >= self.goal


def rows_of_processes(commands, rounds):
    """Rows of cases that processes of their own measure, one of each library in turn.

    commands: {library: arguments of Python}, flambeau and torch; each prints {case: seconds} on its last line.
    """
    taken = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            done = subprocess.run(
                [sys.executable, *command], capture_output=True, text=True, timeout=600
            )
            if done.returncode == 0:
                taken[name].append(json.loads(done.stdout.splitlines()[-1]))
            elif name == "flambeau":
                raise RuntimeError(done.stderr)
    for case in taken["flambeau"][0]:
        ours, theirs = (
            statistics.median(found[case] for found in taken[name]) if taken[name] else None
            for name in commands
        )
        yield Row(case, 1.0, ours, theirs, theirs / ours if theirs else None)


def repeated(function, count):
    """Seconds for `count` calls."""
    loop = range(count)
    start = clock()
    for _ in loop:
        function()
    return clock() - start


def calls_per_block(function, block_s=BLOCK_S):
    """How many calls fill a block; the first two, which may compile and touch fresh memory, are not counted."""
    function()
    function()
    count = 1
    while (taken := repeated(function, count)) < block_s / 2:
        count = max(2 * count, int(count * block_s / max(taken, 1e-9) / 2))
    return max(1, round(count * block_s / taken))


def compare(name, goal, ours, theirs=None, rounds=ROUNDS, block_s=BLOCK_S):
    """Time two functions in turn.

    Args:
        name (str): the row's name.
        goal (float or None): the least ratio theirs / ours to reach.
        ours, theirs (callable): without arguments; `theirs` may be None.
        rounds (int): how many pairs of blocks.
        block_s (float): seconds a block should take.

    Returns:
        Row.
    """
    ours_count = calls_per_block(ours, block_s)
    if theirs is None:
        taken = [repeated(ours, ours_count) / ours_count for _ in range(rounds)]
        return Row(name, goal, statistics.median(taken), None, None)
    theirs_count = calls_per_block(theirs, block_s)
    ours_s, theirs_s = [], []
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            ours_s.append(repeated(ours, ours_count) / ours_count)
            theirs_s.append(repeated(theirs, theirs_count) / theirs_count)
    finally:
        gc.enable()
    ratio = statistics.median(b / a for a, b in zip(ours_s, theirs_s))
    return Row(name, goal, statistics.median(ours_s), statistics.median(theirs_s), ratio)


def compare_modules(cases, only=None, **effort):
    """Rows of `cases`, which yields (name, goal, function) for the module it is given; effort as of compare."""
    import flambeau

    pytorch = import_pytorch()
    theirs = {} if pytorch is None else {name: f for name, _, f in cases(pytorch)}
    for name, goal, ours in cases(flambeau):
        if only is None or only in name:
            try:
                yield compare(name, goal, ours, theirs.get(name), **effort)
            except (NotImplementedError, AttributeError, RuntimeError, TypeError) as error:
                yield Row(name, goal, None, None, None, f"{type(error).__name__}: {error}")


def import_pytorch():
    """PyTorch, or None where it is not installed."""
    try:
        import torch
    except ImportError:
        return None
    return torch


def use_threads(n):
    """The same number of threads for both."""
    import flambeau

    for module in (flambeau, import_pytorch()):
        if module is not None:
            module.set_num_threads(n)


def header():
    return f"{'':44} {'flambeau':>10} {'PyTorch':>10} {'ratio':>7}  goal"


def line(row):
    """A row as text; `!` marks a goal that was missed."""
    if row.ours_s is None:
        return f"{row.name:44} {row.text}"
    ratio = "" if row.ratio is None else f"{row.ratio:6.2f}x"
    goal = "" if row.goal is None else f"{row.goal:.2g}x"
    mark = "!" if row.reached is False else ""
    times = f"{in_units(row.ours_s):>10} {in_units(row.theirs_s):>10}"
    return f"{row.name:44} {times} {ratio:>7}  {goal:>5} {mark}{row.text or ''}".rstrip()


def in_units(seconds):
    if seconds is None:
        return "-"
    for factor, unit in ((1, "s"), (1e3, "ms"), (1e6, "us")):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def columns(times):
    """Up to four times beside each other; of those that are missing, room."""
    return "".join(f"{in_units(t):>10}" for t in times) + " " * 10 * (4 - len(times))


def times_of_pytorch(taken, ratios, against):
    """How many times as fast as PyTorch, eager and compiled; taken: ours compiled and eager, theirs as far as they ran.

    The two ratios are appended to `ratios` and `against`.
    """
    found = [theirs / taken[0] for theirs in taken[2:]]
    for kept, ratio in zip((ratios, against), found):
        kept.append(ratio)
    return ", ".join(f"{ratio:.2f}x" for ratio in found)
