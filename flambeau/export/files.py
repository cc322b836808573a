"""Exported programs in files: a zip archive of the graph as JSON, and of the tensors as torch.save writes them.

Nothing in it is code: targets are names of operators.
"""

import functools
import io
import json
import operator
import zipfile

import flambeau

from ..fx import Graph, Node
from ..utils import _pytree as pytree
from . import recorder, recurrence, sizes
from .dims import Dim
from .program import ExportedProgram
from .recorder import name_of
from .signature import InputKind

__all__ = ["load", "save"]

_FORMAT = 1
_OTHERS = {
    "export.sym_size": sizes.sym_size, "export.put": recorder.put, "export.recurrence": recurrence.recurrence,
    "getattr": getattr,
    **{f"operator.{n}": getattr(operator, n) for n in "getitem add sub mul floordiv truediv mod pow neg".split()},
}  # fmt: skip
_NAMES = {function: name for name, function in _OTHERS.items()}


def save(ep, f, *, extra_files=None, opset_version=None, pickle_protocol=2):
    """Write an exported program to a path or a file object.

    Args:
        ep (ExportedProgram).
        extra_files (dict): name -> text that is kept with it.

    Raises TypeError for another object, NotImplementedError for opset_version.
    """
    if not isinstance(ep, ExportedProgram):
        raise TypeError(f"export.save: takes an ExportedProgram, not {type(ep).__name__}.")
    if opset_version is not None:
        raise NotImplementedError("export.save: opset_version is not offered.")
    graph = [
        {"name": n.name, "op": n.op, "target": _target_name(n), "args": _written(n.args), "kwargs": _written(n.kwargs),
         "number": isinstance(n.meta.get("val"), (int, float))}
        for n in ep._graph.nodes
    ]  # fmt: skip
    leaves = [None if isinstance(v, flambeau.Tensor) else _written(v) for v in ep._leaves]
    text = {
        "format": _FORMAT, "graph": graph, "leaves": leaves, "kept": sorted(ep._kept),
        "kinds": {name: kind.name for name, kind in ep._kinds.items()},
        "in_spec": pytree.treespec_dumps(ep.call_spec.in_spec),
        "out_spec": pytree.treespec_dumps(ep.call_spec.out_spec),
        "dims": [[place, dim, d.__name__, d.min, d.max] for place, dims in ep._dims.items() for dim, d in dims.items()],
    }  # fmt: skip
    tensors = {
        "attributes": ep._attributes,
        "example": [v for v in ep._leaves if isinstance(v, flambeau.Tensor)],
    }
    file = io.BytesIO()
    flambeau.save(tensors, file, pickle_protocol=pickle_protocol)
    with zipfile.ZipFile(f, "w") as archive:
        archive.writestr("program.json", json.dumps(text))
        archive.writestr("tensors.pt", file.getvalue())
        for name, value in (extra_files or {}).items():
            archive.writestr(f"extra_files/{name}", value)


def load(f, *, extra_files=None, expected_opset_version=None):
    """The program that save() wrote.

    Args:
        extra_files (dict): its values are replaced by the texts of these names.

    Raises ValueError for another file, one of PyTorch's among them.
    """
    if expected_opset_version is not None:
        raise NotImplementedError("export.load: expected_opset_version is not offered.")
    try:
        archive = zipfile.ZipFile(f)
        text = json.loads(archive.read("program.json"))
    except (zipfile.BadZipFile, KeyError, ValueError):
        raise ValueError(
            f"export.load: {f!r} is no program that flambeau.export.save wrote; PyTorch's are not read."
        ) from None
    with archive:
        if text.get("format") != _FORMAT:
            raise ValueError(
                f"export.load: the file has format {text.get('format')}; this version reads {_FORMAT}."
            )
        tensors = flambeau.load(io.BytesIO(archive.read("tensors.pt")), weights_only=True)
        for name in extra_files or ():
            extra_files[name] = archive.read(f"extra_files/{name}").decode()
    graph, nodes = Graph(), {}
    for line in text["graph"]:
        args, kwargs = _read(line["args"], nodes), _read(line["kwargs"], nodes)
        target = _target(line["target"]) if line["op"] == "call_function" else line["target"]
        nodes[line["name"]] = graph.create_node(line["op"], target, args, kwargs, name=line["name"])
        if line["number"]:
            nodes[line["name"]].meta["val"] = 0
    example = iter(tensors["example"])
    leaves = [next(example) if v is None else _read(v, nodes) for v in text["leaves"]]
    dims, known = {}, {}
    for place, dim, name, low, high in text["dims"]:
        known.setdefault(name, Dim(name, min=low, max=high))
        dims.setdefault(place, {})[dim] = known[name]
    kinds = {name: InputKind[kind] for name, kind in text["kinds"].items()}
    specs = [pytree.treespec_loads(text[s]) for s in ("in_spec", "out_spec")]
    return ExportedProgram(
        graph, tensors["attributes"], kinds, set(text["kept"]), *specs, leaves, dims
    )


def _target_name(node):
    if node.op != "call_function":
        return node.target
    name = _NAMES.get(node.target) or name_of(node.target)
    if _target(name) is not node.target and _target(name) != node.target:
        raise NotImplementedError(
            f"export.save: {node.name} calls {node.target!r}, which is no operator that a file can name."
        )
    return name


def _target(name):
    if name in _OTHERS:
        return _OTHERS[name]
    found = functools.reduce(
        lambda owner, part: getattr(owner, part, None), name.split("."), flambeau
    )
    if not isinstance(found, flambeau._core.Operator) and not hasattr(
        flambeau.Tensor, name.rpartition(".")[2]
    ):
        raise ValueError(f"export.load: {name!r} is no operator.")
    return found


# Values as JSON: what JSON has not is {"kind": ..., "value": ...}.
_BY_NAME = {flambeau.dtype: "dtype", flambeau.device: "device", flambeau.memory_format: "memory_format",
            flambeau.layout: "layout"}  # fmt: skip


def _written(value):
    if value is None or isinstance(value, (bool, str)) or type(value) is int:
        return value
    if isinstance(value, Node):
        return {"kind": "node", "value": value.name}
    if isinstance(value, (int, float)):
        return (
            {"kind": "float", "value": repr(float(value))}
            if isinstance(value, float)
            else int(value)
        )
    if isinstance(value, slice):
        return {
            "kind": "slice",
            "value": [_written(v) for v in (value.start, value.stop, value.step)],
        }
    if isinstance(value, (tuple, list)):
        kind = "list" if isinstance(value, list) else "tuple"
        return {"kind": kind, "value": [_written(v) for v in value]}
    if isinstance(value, dict):
        return {"kind": "dict", "value": [[_written(k), _written(v)] for k, v in value.items()]}
    if value is ...:
        return {"kind": "ellipsis", "value": None}
    for kind, name in _BY_NAME.items():
        if isinstance(value, kind):
            return {"kind": name, "value": str(value).removeprefix("torch.")}
    raise NotImplementedError(
        f"export.save: an argument is {type(value).__name__}, which has no form in a file."
    )


def _read(value, nodes):
    if not isinstance(value, dict):
        return value
    kind, inner = value["kind"], value["value"]
    if kind in ("list", "tuple", "slice"):
        items = [_read(v, nodes) for v in inner]
        return items if kind == "list" else tuple(items) if kind == "tuple" else slice(*items)
    if kind == "dict":
        return {_read(k, nodes): _read(v, nodes) for k, v in inner}
    if kind == "device":
        return flambeau.device(inner)
    if kind in _BY_NAME.values():
        return getattr(flambeau, inner)
    return {"node": nodes.get, "float": float, "ellipsis": lambda _: ...}[kind](inner)
