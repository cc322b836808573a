"""Runs a PyTorch program, unchanged, on flambeau.

    python -m flambeau program.py arguments...
    python -m flambeau -m package.module arguments...   (pytest, say)
    python -m flambeau -c "import torch; ..."           (- reads the program from the input)
    python -m flambeau info | warmup | summary | trace | stand-in     (each with --help)

`import torch` gives flambeau there, `import torchvision` flambeau.vision, in processes that it starts too; modules,
classes and functions say these names of themselves (see identity.py). stand-in does it for a whole environment.
"""

import importlib
import os
import runpy
import sys

from .commands import COMMANDS
from .identity import inherit, install
from .utils.run_program import run_program, run_text


def to_reader(command):
    """What a command of ours gives; a reader that goes away before the end, as `head` does, is no error."""
    try:
        try:
            return command()
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        # Python writes what is left when it exits, which would fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def main(arguments):
    if not arguments or arguments[0] in ("-h", "--help"):
        to_reader(lambda: print(__doc__))
        return 0 if arguments else 2
    if arguments in (["-m"], ["-c"]):
        needed = {"-m": "the name of a module", "-c": "the text of a program"}[arguments[0]]
        print(f"flambeau: {arguments[0]} takes {needed}.", file=sys.stderr)
        return 2
    if arguments[0] in COMMANDS and not os.path.exists(arguments[0]):
        if arguments[0] == "summary":
            install()  # the model's file may say `import torch`
        command = importlib.import_module(f"flambeau.commands.{arguments[0].replace('-', '_')}")
        return to_reader(lambda: command.main(arguments[1:]))
    if arguments[0] not in ("-m", "-c", "-") and not os.path.exists(arguments[0]):
        print(
            f"flambeau: {arguments[0]!r} is neither a file nor one of {', '.join(COMMANDS)}.",
            file=sys.stderr,
        )
        return 2
    install()
    inherit()
    if arguments[0] == "-m":
        sys.argv = arguments[1:]
        sys.path.insert(0, os.getcwd())
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    elif arguments[0] == "-c":
        run_text(arguments[1], "-c", arguments[2:])
    elif arguments[0] == "-":
        run_text(sys.stdin.read(), "-", arguments[1:])
    else:
        run_program(arguments[0], arguments[1:])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
