"""A file of Python run as Python runs it, for what takes a program."""

import os
import runpy
import sys


def run_program(program, arguments):
    """Run a file as __main__: its arguments in sys.argv, its folder first on sys.path, its whole path in __file__."""
    path = os.path.abspath(program)
    sys.argv = [program, *arguments]
    sys.path.insert(0, os.path.dirname(path))
    runpy.run_path(path, run_name="__main__")
