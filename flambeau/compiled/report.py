"""What is told of compiling: lines of FLAMBEAU_LOG=compile, and torch._dynamo.explain."""

import os
import sys

__all__ = ["broken", "made", "name_of", "watch"]

_watchers = []


def name_of(function):
    """What messages call a function."""
    return getattr(function, "__qualname__", None) or type(function).__name__


def _wanted(kind):
    names = os.environ.get("FLAMBEAU_LOG", "") + "," + os.environ.get("TORCH_LOGS", "")
    words = {w.strip(" +-") for w in names.split(",")}
    return bool(words & {"compile", kind, "all"})


def made(name, program):
    """A program has been made of the function of this name."""
    for watch in _watchers:
        watch(program, None)
    if _wanted("output_code") or _wanted("graph"):
        print(
            f"compile: {name}: {program.joined} operators in {program.kernels} kernels, "
            f"{program.operators} others\n{program.source}",
            file=sys.stderr,
        )


def broken(name, reason):
    """The function of this name stays eager."""
    for watch in _watchers:
        watch(None, reason)
    if _wanted("graph_breaks"):
        place = f" at {reason.source}" if reason.source else ""
        print(f"compile: {name} runs as it is: {reason.reason}{place}.", file=sys.stderr)


class watch:
    """A context in which what is made and what breaks is collected."""

    def __enter__(self):
        self.programs, self.breaks = [], []
        _watchers.append(self._note)
        return self

    def _note(self, program, reason):
        (self.programs if reason is None else self.breaks).append(reason or program)

    def __exit__(self, *exception):
        _watchers.remove(self._note)
