"""Looking for lines in a text, in order: what tests of compilers do."""

import re

__all__ = ["FileCheck"]


class FileCheck:
    """A list of texts that another text must have, or must not have, one after the other.

    Each `check...` adds one and returns the object; `run` looks for them and raises RuntimeError where one is
    not as told.

    Example:
        >>> import flambeau as torch
        >>> torch.FileCheck().check("conv").check_not("relu").check("pool").run("conv, then pool")
    """

    def __init__(self):
        self._checks = []

    def _add(self, kind, text, *more):
        self._checks.append((kind, text, *more))
        return self

    def check(self, text):
        """Somewhere behind what was found before."""
        return self._add("check", text)

    def check_next(self, text):
        """In the next line."""
        return self._add("next", text)

    def check_same(self, text):
        """Further on in the same line."""
        return self._add("same", text)

    def check_not(self, text):
        """Nowhere between what was found before and what is found next."""
        return self._add("not", text)

    def check_dag(self, text):
        """As `check`; several of these in a row may stand in any order."""
        return self._add("dag", text)

    def check_count(self, text, count, exactly=False):
        """`count` times, one behind the other; with exactly, not once more in all that follows."""
        return self._add("count", text, count, exactly)

    def check_regex(self, text):
        """As `check`, of a regular expression."""
        return self._add("regex", text)

    def check_source_highlighted(self, text):
        """`text` with a line of ~ under all of it."""
        return self._add("highlighted", text)

    def run(self, test_file):
        """Looks for everything in a text.

        Raises:
            RuntimeError: something is not there, or is and must not be.
        """
        text, place = str(test_file), 0
        absent, dag_from, dag_to = [], None, None
        for kind, wanted, *more in self._checks:
            if kind == "not":
                absent.append(wanted)
                continue
            if kind != "dag":
                place, dag_from = (place if dag_to is None else dag_to), None
                dag_to = None
            start, end = self._find(kind, wanted, more, text, place)
            self._refuse(absent, text, place, start)
            absent = []
            if kind == "dag":
                dag_from = place if dag_from is None else dag_from
                dag_to = max(end, dag_to or 0)
            else:
                place = end
        self._refuse(absent, text, dag_to or place, len(text))

    def _refuse(self, absent, text, start, end):
        for wanted in absent:
            if wanted in text[start:end]:
                self._fail(f"{wanted!r} is there, where it must not be", text, start)

    def _find(self, kind, wanted, more, text, place):
        """(start, end) of what is looked for."""
        if kind == "regex":
            found = re.compile(wanted).search(text, place)
            if found is None:
                self._fail(f"nothing matches {wanted!r}", text, place)
            return found.span()
        if kind == "count":
            return self._count(wanted, *more, text, place)
        start = text.find(wanted, place)
        if start < 0:
            self._fail(f"{wanted!r} is not there", text, place)
        lines = text.count("\n", place, start)
        if kind == "next" and lines != 1:
            self._fail(f"{wanted!r} is not in the next line, but {lines} lines on", text, place)
        if kind == "same" and lines != 0:
            self._fail(f"{wanted!r} is not in the same line, but {lines} lines on", text, place)
        if kind == "highlighted":
            begin = text.rfind("\n", 0, start) + 1
            below = text[start:].partition("\n")[2].partition("\n")[0]
            marks = below[start - begin : start - begin + len(wanted)]
            if marks != "~" * len(wanted):
                self._fail(f"{wanted!r} is not highlighted", text, place)
        return start, start + len(wanted)

    def _count(self, wanted, count, exactly, text, place):
        start = text.find(wanted, place)
        first, end = start, place
        for found in range(count):
            start = text.find(wanted, end)
            if start < 0:
                self._fail(f"{wanted!r} is there {found} times, not {count}", text, place)
            end = start + len(wanted)
        if exactly and wanted in text[end:]:
            self._fail(f"{wanted!r} is there more than {count} times", text, place)
        return (first if first >= 0 else place), end

    def _fail(self, what, text, place):
        raise RuntimeError(f"FileCheck: {what}, looking from character {place} on of:\n{text}")
