"""Compare: measurements as tables."""

import enum

from .measurement import (
    Measurement,
    _decimals,
    ordered_unique,
    select_unit,
    trim_sigfig,
    unit_to_english,
)

_GREEN, _RED, _END = "\033[92m", "\033[31m", "\033[0m"


class Colorize(enum.Enum):
    """Which times of a table are colored: none, the best and the worst of each column, or of each row."""

    NONE = "none"
    COLUMNWISE = "columnwise"
    ROWWISE = "rowwise"


class Compare:
    """Tables of measurements: one for each label, a row for each sub-label and number of threads, a column for
    each description.

    Example:
        >>> from flambeau.utils.benchmark import Compare, Timer
        >>> results = [
        ...     Timer(stmt, globals={"x": torch.ones(n)}, label="times", sub_label=stmt, description=str(n)).timeit(9)
        ...     for stmt in ("x + x", "x * 2") for n in (1, 10)
        ... ]
        >>> print(Compare(results))  # doctest: +NORMALIZE_WHITESPACE
        [-... times -...]
                           | 1 | 10
        1 thread: ---...
    """

    def __init__(self, results):
        self._results = []
        self.extend_results(results)
        self._trim = self._highlight = False
        self._colors = Colorize.NONE

    def extend_results(self, results):
        """Add measurements."""
        for result in results:
            if not isinstance(result, Measurement):
                raise ValueError(f"Compare: expected Measurements, got a {type(result).__name__}.")
        self._results.extend(results)

    def trim_significant_figures(self):
        """Show only digits that can be trusted."""
        self._trim = True

    def colorize(self, rowwise=False):
        """Color the best times green and the worst red, by columns or by rows."""
        self._colors = Colorize.ROWWISE if rowwise else Colorize.COLUMNWISE

    def highlight_warnings(self):
        """Mark times whose blocks differ much with (! and their spread)."""
        self._highlight = True

    def print(self):
        """Print the tables."""
        print(self)

    def __str__(self):
        merged = Measurement.merge(self._results)
        groups = {}
        for one in merged:
            groups.setdefault(one.label, []).append(one)
        return "\n\n".join(self._table(label, group) for label, group in groups.items())

    def _table(self, label, group):
        columns = ordered_unique(one.description for one in group)
        envs = ordered_unique(one.env for one in group)
        cells = {}
        for one in group:
            cells.setdefault((one.num_threads, one.env, one.as_row_name), {})[one.description] = one
        unit, length = select_unit(min(one.median for one in group))
        texts = {
            (row, column): self._cell(one, length)
            for row, line in cells.items()
            for column, one in line.items()
        }
        name = lambda row: f"{row[1]}: {row[2]}" if len(envs) > 1 else row[2]
        first = max([len(name(row)) for row in cells] + [12]) + 6
        heads = {column: "" if column is None else str(column) for column in columns}
        widths = {
            column: max(
                [len(heads[column])] + [len(text) for (_, c), text in texts.items() if c == column]
            )
            + 4
            for column in columns
        }
        total = first + sum(widths.values()) + 3 * len(columns)
        lines = ["[" + f" {label or 'times'} ".center(total - 2, "-") + "]"]
        lines.append(" " * first + "".join(" | " + heads[c].rjust(widths[c]) for c in columns))
        for threads in sorted({row[0] for row in cells}):
            lines.append(f"{threads} thread{'s' if threads > 1 else ''}: ".ljust(total, "-"))
            for row in cells:
                if row[0] == threads:
                    parts = [self._padded(row, c, cells, texts, widths[c]) for c in columns]
                    lines.append(
                        "    "
                        + name(row).ljust(first - 4)
                        + "".join(" | " + part for part in parts)
                    )
        lines += ["", f"Times are in {unit_to_english(unit)}s ({unit})."]
        if self._highlight:
            lines.append("(! x %): the interquartile range is x % of the median, which is much.")
        return "\n".join(lines)

    def _cell(self, one, length):
        value, digits = one.median / length, one.significant_figures
        if self._trim:
            text = f"{trim_sigfig(value, digits):.{_decimals(value, digits)}f}"
        else:
            text = f"{value:.{max(1, _decimals(value, 3))}f}"
        if self._highlight and one.has_warnings:
            text = f"(! {100 * one.iqr / one.median:.0f} %) {text}"
        return text

    def _padded(self, row, column, cells, texts, width):
        text = texts.get((row, column), "").rjust(width)
        if self._colors == Colorize.NONE or column not in cells[row]:
            return text
        if self._colors == Colorize.ROWWISE:
            rivals = [one.median for one in cells[row].values()]
        else:
            rivals = [line[column].median for line in cells.values() if column in line]
        own = cells[row][column].median
        if own <= 1.05 * min(rivals):
            return _GREEN + text + _END
        return _RED + text + _END if own >= max(rivals) else text
