"""TaskSpec, what was timed, and Measurement, how long it took."""

import contextlib
import dataclasses
import math
import statistics
import textwrap
from operator import attrgetter

import flambeau as torch

_UNITS = {
    "ns": (1e-9, "nanosecond"),
    "us": (1e-6, "microsecond"),
    "ms": (1e-3, "millisecond"),
    "s": (1.0, "second"),
}
_MOST_DIGITS = 5
_CLOCK_S = 25e-9  # what the clock itself may be off
_NOISY = 0.1  # interquartile range over median above which a measurement says that it is noisy


def ordered_unique(elements):
    """The different elements, in the order of their first occurrence.

    Example:
        >>> from flambeau.utils.benchmark import ordered_unique
        >>> ordered_unique([3, 1, 3, 2])
        [3, 1, 2]
    """
    return list(dict.fromkeys(elements))


def select_unit(t):
    """(unit, its length in seconds) in which a time, in seconds, is best told.

    Example:
        >>> from flambeau.utils.benchmark import select_unit
        >>> select_unit(3e-5)
        ('us', 1e-06)
    """
    fitting = [(name, length) for name, (length, _) in _UNITS.items() if t >= length]
    return fitting[-1] if fitting else ("ns", 1e-9)


def unit_to_english(u):
    """The word for a unit: "us" is "microsecond"."""
    return _UNITS[u][1]


def trim_sigfig(x, n):
    """A number with n digits, the others 0.

    Example:
        >>> from flambeau.utils.benchmark import trim_sigfig
        >>> trim_sigfig(12345.678, 3)
        12300.0
    """
    if x == 0 or not math.isfinite(x):
        return float(x)
    scale = 10 ** (math.floor(math.log10(abs(x))) + 1 - n)
    return float(round(x / scale) * scale)


@contextlib.contextmanager
def set_torch_threads(n):
    """Inside `with`, operators use n threads."""
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(n)
        yield
    finally:
        torch.set_num_threads(before)


@dataclasses.dataclass(frozen=True)
class TaskSpec:
    """What was timed: the statement, its preparation, how it is called in tables, how many threads it had."""

    stmt: str
    setup: str
    global_setup: str = ""
    label: str | None = None
    sub_label: str | None = None
    description: str | None = None
    env: str | None = None
    num_threads: int = 1

    @property
    def title(self):
        """The label and sub-label, or the statement."""
        if self.label is not None:
            return self.label + (f": {self.sub_label}" if self.sub_label else "")
        return self.stmt if "\n" not in self.stmt else "stmt:\n" + textwrap.indent(self.stmt, "  ")

    def setup_str(self):
        """The preparation, to be printed; empty if there is none."""
        if not self.setup or self.setup == "pass":
            return ""
        lines = self.setup.strip()
        return f"setup:\n{textwrap.indent(lines, '  ')}" if "\n" in lines else f"setup: {lines}"

    def summarize(self):
        """Title, description and preparation, a line each."""
        parts = [self.title, self.description or "", self.setup_str()]
        return "\n".join(part for part in parts if part)


@dataclasses.dataclass(repr=False)
class Measurement:
    """The seconds that each of several blocks of number_per_run runs took.

    Attributes: times (seconds a run, one for each block), median, mean, iqr (their interquartile range),
    significant_figures (digits to be trusted), has_warnings (the blocks differ much).
    """

    number_per_run: int
    raw_times: list
    task_spec: TaskSpec
    metadata: dict | None = None

    @property
    def times(self):
        return [t / self.number_per_run for t in self.raw_times]

    @property
    def median(self):
        return statistics.median(self.times)

    @property
    def mean(self):
        return statistics.fmean(self.times)

    @property
    def iqr(self):
        low, high = self._quartiles()
        return high - low

    def _quartiles(self):
        times = self.times
        if len(times) == 1:
            return times[0], times[0]
        low, _, high = statistics.quantiles(times, n=4, method="inclusive")
        return low, high

    @property
    def significant_figures(self):
        """Digits of the median that the spread of the middle half of the blocks allows, at most 5.

        Those above 1.645 standard errors (90 % of a normal distribution), or above the clock's resolution.
        """
        low, high = self._quartiles()
        middle = [t for t in self.times if low <= t <= high]
        error = 1.645 * statistics.pstdev(middle) / math.sqrt(len(middle))
        digits = math.floor(math.log10(max(self.median, 1e-12) / max(error, _CLOCK_S)))
        return min(max(digits, 1), _MOST_DIGITS)

    @property
    def has_warnings(self):
        return not self.meets_confidence(_NOISY)

    def meets_confidence(self, threshold=0.05):
        """Whether the interquartile range is below this part of the median."""
        return self.iqr < threshold * self.median

    title, stmt, setup, label, sub_label, description, num_threads = (
        property(attrgetter(f"task_spec.{name}"))
        for name in ("title", "stmt", "setup", "label", "sub_label", "description", "num_threads")
    )

    @property
    def env(self):
        """The environment's name, for tables."""
        return "Unspecified env" if self.task_spec.env is None else self.task_spec.env

    @property
    def as_row_name(self):
        return self.task_spec.sub_label or self.task_spec.stmt or "[Unknown]"

    def __repr__(self):
        unit, length = select_unit(self.median)
        digits = self.significant_figures
        told = lambda t: (
            f"{trim_sigfig(t / length, digits):.{_decimals(t / length, digits)}f} {unit}"
        )
        lines = [f"<flambeau.utils.benchmark.Measurement object at {hex(id(self))}>"]
        lines.append(self.task_spec.summarize())
        count, threads = len(self.raw_times), self.num_threads
        if count > 1:
            low, high = self._quartiles()
            lines += [
                f"  Median: {told(self.median)}",
                f"  IQR:    {told(self.iqr)} ({told(low)} to {told(high)})",
            ]
        else:
            lines.append(f"  {told(self.median)}")
        lines.append(
            f"  {count} measurement{'s' if count > 1 else ''}, {self.number_per_run} runs each, "
            f"{threads} thread{'s' if threads > 1 else ''}"
        )
        if count > 1 and self.has_warnings:
            share = 100 * self.iqr / self.median
            lines.append(f"  Noisy: the interquartile range is {share:.1f} % of the median.")
        return "\n".join(lines)

    @staticmethod
    def merge(measurements):
        """Measurements of one task as one, for each task: a list.

        Example:
            >>> from flambeau.utils.benchmark import Measurement, Timer
            >>> parts = [Timer("1 + 1").timeit(100) for _ in range(3)]
            >>> [len(one.raw_times) for one in Measurement.merge(parts)]
            [3]
        """
        groups = {}
        for one in measurements:
            groups.setdefault(one.task_spec, []).append(one)
        merged = []
        for task, group in groups.items():
            number = max(one.number_per_run for one in group)
            times = [t * number for one in group for t in one.times]
            merged.append(Measurement(number, times, task, group[0].metadata))
        return merged


def _decimals(value, digits):
    """How many decimals show a value with so many digits."""
    return max(0, digits - 1 - math.floor(math.log10(value))) if value > 0 else 0
