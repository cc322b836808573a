"""fuse: batch norms of evaluation folded into the layers before them."""

import copy

from ...nn import (
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    Conv1d,
    Conv2d,
    Conv3d,
    Dropout,
    Identity,
    Module,
)
from ...nn.utils.fusion import fuse_conv_bn_eval
from ..graph_module import GraphModule
from ..tracer import symbolic_trace

__all__ = ["fuse", "remove_dropout"]

_PAIRS = {(Conv1d, BatchNorm1d), (Conv2d, BatchNorm2d), (Conv3d, BatchNorm3d)}


def _place(model, target, module):
    *path, name = target.split(".")
    owner = model.get_submodule(".".join(path))
    owner._modules[name] = module


def fuse(model: Module, inplace=False, no_trace=False):
    """`model` in evaluation, with each batch norm that follows a convolution folded into its weights."""
    if model.training:
        raise RuntimeError("fuse: the model is training. Call eval() first.")
    gm = model if no_trace else symbolic_trace(model if inplace else copy.deepcopy(model))
    modules = dict(gm.named_modules())
    for node in list(gm.graph.nodes):
        before = node.args[0] if node.args else None
        if node.op != "call_module" or getattr(before, "op", None) != "call_module":
            continue
        norm, layer = modules[node.target], modules[before.target]
        if (
            (type(layer), type(norm)) not in _PAIRS
            or len(before.users) > 1
            or not norm.track_running_stats
        ):
            continue
        modules[before.target] = fuse_conv_bn_eval(layer, norm)
        _place(gm, before.target, modules[before.target])
        node.replace_all_uses_with(before)
        gm.graph.erase_node(node)
    return GraphModule(gm, gm.graph, type(gm).__name__)


def remove_dropout(model: Module):
    """`model` without its dropout layers."""
    gm = symbolic_trace(model)
    for name, module in list(gm.named_modules()):
        if isinstance(module, Dropout):
            _place(gm, name, Identity())
    return gm
