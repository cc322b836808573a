"""Print a model as a table: shapes, parameters, operations, memory for backward, time (nn.summary)."""

import argparse
import importlib
import importlib.util
import os
import sys

import flambeau as torch


def main(arguments):
    parser = argparse.ArgumentParser("python -m flambeau summary", description=__doc__)
    parser.add_argument(
        "model",
        help="package.module:Model or file.py:Model, a class or a function without arguments",
    )
    parser.add_argument("sizes", nargs="+", help="the sizes of each input, such as 8,3,224,224")
    parser.add_argument("--depth", type=int, help="how deep the table goes")
    parser.add_argument(
        "--meta",
        action="store_true",
        help="on the meta device: neither memory nor time, for any size",
    )
    parser.add_argument("--svg", help="draw the modules into this file, too")
    args = parser.parse_args(arguments)
    model = found(args.model)()
    device = "meta" if args.meta else None
    model = model.to(device) if device else model
    inputs = tuple(
        torch.ones([int(n) for n in sizes.split(",")], device=device) for sizes in args.sizes
    )
    print(torch.nn.summary(model, inputs, args.depth))
    if args.svg:
        from ..utils.pictures import draw_modules

        draw_modules(model).save(args.svg)
    return 0


def found(place):
    """What stands at package.module:name or file.py:name."""
    where, colon, name = place.rpartition(":")
    if not colon:
        raise SystemExit(
            f"python -m flambeau summary: {place!r} names no model. Write module:Model or file.py:Model."
        )
    if where.endswith(".py"):
        if not os.path.exists(where):
            raise SystemExit(f"python -m flambeau summary: there is no file {where!r}.")
        sys.path.insert(0, os.path.dirname(os.path.abspath(where)))
        spec = importlib.util.spec_from_file_location("model_file", where)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    else:
        sys.path.insert(0, os.getcwd())
        module = importlib.import_module(where)
    for part in name.split("."):
        module = getattr(module, part)
    return module
