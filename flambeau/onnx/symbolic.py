"""Rules of the caller's own."""

from ..export.recorder import name_of

__all__ = ["custom_rules", "register_custom_op_symbolic", "unregister_custom_op_symbolic"]

_registered = {}  # name -> {opset: function}


def _plain(symbolic_name):
    """ "aten::relu" -> "relu", "mine::f" stays."""
    space, separator, name = symbolic_name.partition("::")
    if not separator or not space or not name:
        raise ValueError(
            f"onnx: {symbolic_name!r} is no name of an operator; it must be namespace::name, as aten::relu."
        )
    return name if space in ("aten", "prim", "torch") else f"{space}.{name}"


def register_custom_op_symbolic(symbolic_name, symbolic_fn, opset_version):
    """Has onnx.export write an operator with a function of one's own.

    Args:
        symbolic_name (str): "aten::name" of an operator of torch, "space::name" of one of torch.library's.
        symbolic_fn (callable): symbolic_fn(g, *args) gives the result; g.op("Kind", *inputs, alpha_f=1.0) writes a
            node ("domain::Kind" of another domain). Inputs are values of the graph, other arguments plain.
        opset_version (int): from which opset on.

    Raises ValueError for a name that is none.
    """
    _registered.setdefault(_plain(symbolic_name), {})[opset_version] = symbolic_fn


def unregister_custom_op_symbolic(symbolic_name, opset_version):
    """Undoes register_custom_op_symbolic."""
    versions = _registered.get(_plain(symbolic_name), {})
    versions.pop(opset_version, None)
    if not versions:
        _registered.pop(_plain(symbolic_name), None)


def custom_rules(opset, table=None):
    """The registered rules for an opset and those of a translation table, by the operator's name."""
    found = {}
    for name, versions in _registered.items():
        fitting = [v for v in versions if v <= opset]
        if fitting:
            found[name] = _symbolic(versions[max(fitting)])
    for operator, function in (table or {}).items():
        if isinstance(function, (list, tuple)):
            raise NotImplementedError(
                "onnx.export: several rules for one operator in custom_translation_table."
            )
        found[name_of(operator)] = function
    return found


_KINDS = {"_f": float, "_i": int, "_s": str, "_t": None}


class _Context:
    """The `g` of a symbolic function: attributes have their kind at the end of their name, as alpha_f."""

    def __init__(self, builder):
        self._builder = builder

    def __getattr__(self, name):
        return getattr(self._builder, name)

    def op(self, kind, *inputs, outputs=1, **attributes):
        """A node of ONNX."""
        domain, _, kind = kind.rpartition("::")
        plain = {}
        for name, value in attributes.items():
            convert = _KINDS.get(name[-2:])
            if convert is not None:
                value = (
                    [convert(v) for v in value]
                    if isinstance(value, (list, tuple))
                    else convert(value)
                )
            plain[name[:-2] if name[-2:] in _KINDS else name] = value
        first = next((v for v in inputs if hasattr(v, "dtype")), None)
        return self._builder.op(
            kind,
            *inputs,
            outputs=outputs,
            domain=domain,
            dtype=getattr(first, "dtype", None),
            **plain,
        )


def _symbolic(function):
    def rule(g, *args, **kwargs):
        return function(_Context(g), *args, **kwargs)

    return rule
