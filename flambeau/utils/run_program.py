"""A file of Python run as Python runs it, for what takes a program."""

import os
import runpy
import sys


def _show_from(path):
    """Tracebacks of errors that nobody catches begin in the program, unless it has a hook of its own."""
    if sys.excepthook is not sys.__excepthook__:
        return

    def show(kind, error, trace):
        while trace is not None and trace.tb_frame.f_code.co_filename != path:
            trace = trace.tb_next
        # Without a line of the program's the whole; a SyntaxError says itself where it is.
        if trace is not None or isinstance(error, SyntaxError):
            error = error.with_traceback(trace)
        sys.__excepthook__(kind, error, error.__traceback__)

    sys.excepthook = show


def run_program(program, arguments):
    """Run a file as __main__: its arguments in sys.argv, its folder first on sys.path, its whole path in __file__."""
    path = os.path.abspath(program)
    sys.argv = [program, *arguments]
    sys.path.insert(0, os.path.dirname(path))
    _show_from(path)
    runpy.run_path(path, run_name="__main__")
