"""Timer: how long a statement takes."""

import enum
import itertools
import time
import timeit

import flambeau as torch

from .measurement import Measurement, TaskSpec, set_torch_threads

timer = time.perf_counter
_BLOCKS = 100  # blocks that a run of min_run_time has, so that quartiles mean something
_CLOCK_SHARE = 1e-3  # how much of a block reading the clock may take


class Language(enum.Enum):
    """What a Timer's statement is written in."""

    PYTHON = 0
    CPP = 1


class Timer:
    """Times a statement of Python, with a given number of threads.

    Args:
        stmt (str): what is timed; setup (str): what runs once before.
        timer (callable): the clock, in seconds.
        globals (dict): names that both see; `torch` is flambeau if it is not among them.
        label, sub_label, description, env (str): how the result is called in tables of Compare: its table, row,
            column, and a mark for the row.
        num_threads (int): how many threads operators use meanwhile.
        language: Language.PYTHON; C++ is not offered (NotImplementedError), nor is global_setup, which is for it.

    Example:
        >>> from flambeau.utils.benchmark import Timer
        >>> result = Timer("x + x", globals={"x": torch.ones(4)}).blocked_autorange(min_run_time=0.01)
        >>> 1e-8 < result.median < 1e-2
        True
    """

    _timer_cls = timeit.Timer

    def __init__(
        self, stmt="pass", setup="pass", global_setup="", timer=timer, globals=None, label=None,
        sub_label=None, description=None, env=None, num_threads=1, language=Language.PYTHON,
    ):  # fmt: skip
        if not isinstance(stmt, str):
            raise ValueError(f"Timer: stmt must be a str, got {type(stmt).__name__}.")
        if language not in (Language.PYTHON, "py", "python"):
            raise NotImplementedError(f"Timer: language {language!r} is not offered, only Python.")
        if global_setup:
            raise ValueError("Timer: global_setup is for C++; write setup.")
        names = {"torch": torch, **(globals or {})}
        self._globals = names
        self._task_spec = TaskSpec(
            stmt, setup, global_setup, label, sub_label, description, env, num_threads
        )
        self._timer = self._timer_cls(stmt, setup, timer, names)

    def _measured(self, number, times):
        return Measurement(number, times, self._task_spec)

    def _timeit(self, number):
        # at least one run, so that a clock that stood still divides by nothing
        return max(self._timer.timeit(number), 1e-9)

    def timeit(self, number=1000000):
        """One block of `number` runs, after a short one to warm up."""
        with set_torch_threads(self._task_spec.num_threads):
            self._timeit(max(number // 100, 2))
            return self._measured(number, [self._timeit(number)])

    def repeat(self, repeat=-1, number=-1):
        """Not offered; blocked_autorange repeats."""
        raise NotImplementedError(
            "Timer.repeat: use blocked_autorange, which repeats as often as it needs."
        )

    def _block(self, least_s):
        """Runs to a block of at least so many seconds, of which the clock takes little."""
        clock = min(self._timeit(0) for _ in range(5))
        least_s = max(least_s, clock / _CLOCK_SHARE)
        number = 1
        while (taken := self._timeit(number)) < least_s:
            number = max(
                2 * number,
                int(1.1 * number * least_s / taken) if taken > 10 * clock else 10 * number,
            )
        return number

    def _blocks(self, number, callback):
        """Seconds of block after block, for ever."""
        while True:
            taken = self._timeit(number)
            if callback is not None:
                callback(number, taken)
            yield taken

    def blocked_autorange(self, callback=None, min_run_time=0.2):
        """Blocks of as many runs as the clock needs, for min_run_time seconds.

        Args:
            callback (callable, optional): called with (runs, seconds) of each block.
        """
        with set_torch_threads(self._task_spec.num_threads):
            number = self._block(min_run_time / _BLOCKS)
            times, total = [], 0.0
            for taken in self._blocks(number, callback):
                times.append(taken)
                total += taken
                if total >= min_run_time:
                    return self._measured(number, times)

    def adaptive_autorange(
        self, threshold=0.1, *, min_run_time=0.01, max_run_time=10.0, callback=None
    ):
        """Blocks until their interquartile range is below `threshold` of their median, or max_run_time is over."""
        with set_torch_threads(self._task_spec.num_threads):
            number = self._block(min_run_time / 10)
            times, total = [], 0.0
            for taken in self._blocks(number, callback):
                times.append(taken)
                total += taken
                enough = total >= min_run_time and len(times) >= 5
                if total >= max_run_time or (
                    enough and self._measured(number, times).meets_confidence(threshold)
                ):
                    return self._measured(number, times)

    def autorange(self, callback=None):
        """One block of 1, 2, 5, 10 ... runs, the first that takes 0.2 seconds."""
        with set_torch_threads(self._task_spec.num_threads):
            for number in (i * 10**k for k in itertools.count() for i in (1, 2, 5)):
                taken = self._timeit(number)
                if callback is not None:
                    callback(number, taken)
                if taken >= 0.2:
                    return self._measured(number, [taken])

    def collect_callgrind(
        self, number=100, *, repeats=None, collect_baseline=True, retain_out_file=False
    ):
        """Not offered: counting instructions needs valgrind and PyTorch's own symbols."""
        raise NotImplementedError(
            "Timer.collect_callgrind is not offered. Use perf or valgrind around the process."
        )
