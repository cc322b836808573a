"""A model as a graph for TensorBoard: a node for each call of an operator, boxes for modules."""

import flambeau as torch

from ..recording import record
from .library import proto


def graph(model, input_to_model, verbose=False):
    """The GraphDef of a model for an input, found by running it once in the mode it is in.

    Args:
        model (Module).
        input_to_model (Tensor, list or tuple): its argument or arguments.
        verbose (bool): print the nodes.
    """
    inputs = input_to_model
    inputs = (inputs,) if torch.is_tensor(inputs) or isinstance(inputs, dict) else tuple(inputs)
    recording = record(model, inputs)
    root = type(model).__name__
    nodes, names = [], {}
    for number, (kind, name, shape) in recording.sources.items():
        path = "input/" + name if kind == "input" else f"{root}/{name.replace('.', '/')}"
        names[number] = path
        nodes.append((path, f"IO Node: {kind}" if kind == "input" else kind, [], [shape]))
    counts = {}
    for call in recording.calls:
        path = "/".join([*call.scope, call.name.strip("_")])
        counts[path] = counts.get(path, -1) + 1
        path = f"{path}_{counts[path]}" if counts[path] else path
        nodes.append((path, call.name, [names[i] for i in call.inputs if i in names], call.shapes))
        for place, number in enumerate(call.outputs):
            names[number] = path if place == 0 else f"{path}:{place}"
    for place, number in enumerate(recording.results):
        nodes.append((f"output/output.{place}", "IO Node: output", [names[number]], []))
    if verbose:
        for path, kind, sources, shapes in nodes:
            print(path, kind, sources, shapes)
    return _graph_def(nodes)


def _graph_def(nodes):
    Shape, Attr = proto("tensor_shape").TensorShapeProto, proto("attr_value").AttrValue
    made = []
    for path, kind, sources, shapes in nodes:
        sizes = [Shape(dim=[Shape.Dim(size=size) for size in shape]) for shape in shapes]
        attr = {"_output_shapes": Attr(list=Attr.ListValue(shape=sizes))} if sizes else {}
        made.append(proto("node_def").NodeDef(name=path, op=kind, input=sources, attr=attr))
    versions = proto("versions").VersionDef(producer=22)
    return proto("graph").GraphDef(node=made, versions=versions)
