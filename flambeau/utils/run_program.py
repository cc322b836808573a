"""A program run as Python runs it, for what takes one."""

import os
import runpy
import sys
import types


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


def run_text(text, name, arguments):
    """Run a program's text as __main__, as `python -c TEXT` does: `name` is sys.argv[0], "-c" or "-"."""
    source = "<stdin>" if name == "-" else "<string>"
    sys.argv = [name, *arguments]
    sys.path.insert(0, "")
    _show_from(source)
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    exec(compile(text, source, "exec"), main.__dict__)
