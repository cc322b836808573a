"""Builder: writes ONNX nodes, one call each, and knows the dtype and shape of what they give."""

import flambeau

from ..export.sizes import SymFloat, SymInt

__all__ = ["Builder", "Value", "onnx_package"]


def onnx_package():
    """The onnx package.

    Raises ImportError, naming the extra to install, where it is missing.
    """
    try:
        import onnx
    except ImportError:
        raise ImportError(
            "onnx.export needs the onnx package, which is not installed. Run: pip install 'flambeau[onnx]'."
        ) from None
    return onnx


class Value:
    """A tensor of the ONNX graph.

    Attributes:
        name (str): in the graph.
        dtype: flambeau's.
        shape (tuple of int or None): of the example, if known.
        dynamic (frozenset): the dims that may change.
    """

    __slots__ = ("dtype", "dynamic", "name", "shape")

    def __init__(self, name, dtype=None, shape=None, dynamic=frozenset()):
        self.name, self.dtype, self.shape, self.dynamic = name, dtype, shape, dynamic

    @property
    def ndim(self):
        return len(self.shape)

    def __repr__(self):
        return f"{self.name}: {self.dtype} {self.shape}"


_KINDS = {
    flambeau.float32: "FLOAT", flambeau.float64: "DOUBLE", flambeau.float16: "FLOAT16",
    flambeau.bfloat16: "BFLOAT16", flambeau.int64: "INT64", flambeau.int32: "INT32", flambeau.int16: "INT16",
    flambeau.int8: "INT8", flambeau.uint8: "UINT8", flambeau.uint16: "UINT16", flambeau.uint32: "UINT32",
    flambeau.uint64: "UINT64", flambeau.bool: "BOOL", flambeau.complex64: "COMPLEX64",
    flambeau.complex128: "COMPLEX128",
}  # fmt: skip


def kind_of(dtype):
    """The number by which ONNX knows a dtype.

    Raises NotImplementedError for one that it does not know.
    """
    if dtype not in _KINDS:
        raise NotImplementedError(f"onnx.export: ONNX has no {dtype}.")
    return getattr(onnx_package().TensorProto, _KINDS[dtype])


def tensor_proto(tensor, name):
    """A tensor as ONNX stores it."""
    tensor = tensor.detach().contiguous()
    raw = bytes(tensor.view(flambeau.uint8).numpy()) if tensor.dim() else None
    if raw is None:
        raw = bytes(tensor.reshape(1).view(flambeau.uint8).numpy())
    return onnx_package().helper.make_tensor(
        name, kind_of(tensor.dtype), tuple(tensor.shape), raw, raw=True
    )


class Builder:
    """The nodes and initializers of one graph in the making.

    `out` is the Value that the node being converted gives (a tuple of Values, if it gives several): its dtype and
    shape are known beforehand.
    """

    def __init__(self, opset):
        self.opset = opset
        self.nodes, self.initializers = [], []
        self.out = None
        self.called = ""  # the name of the operator that is being converted
        self.domains = set()
        self._count, self._constants = 0, {}

    # -- nodes

    def fresh(self, hint):
        """A name that no value has."""
        self._count += 1
        return f"{hint}_{self._count}"

    def op(self, kind, *inputs, dtype=None, outputs=1, domain="", **attributes):
        """A node; inputs are Values, numbers of the first Value's dtype, or None for what is left out.

        Returns:
            Value, or a list of them if outputs > 1; their dtype is `dtype`, else that of the first input.
        """
        first = next((v for v in inputs if isinstance(v, Value)), None)
        values = [
            v if v is None or isinstance(v, Value) else self.constant(v, first.dtype)
            for v in inputs
        ]
        while values and values[-1] is None:
            values.pop()
        names = [self.fresh(kind) for _ in range(outputs)]
        node = onnx_package().helper.make_node(
            kind, ["" if v is None else v.name for v in values], names, name=names[0], domain=domain,
            **{key: value for key, value in attributes.items() if value is not None},
        )  # fmt: skip
        self.nodes.append(node)
        if domain:
            self.domains.add(domain)
        made = [Value(name, dtype or (first and first.dtype)) for name in names]
        return made if outputs > 1 else made[0]

    def constant(self, value, dtype=None):
        """A constant: a number, a list of numbers, or a tensor."""
        if isinstance(value, Value):
            return value
        if not isinstance(value, flambeau.Tensor):
            value = flambeau.tensor(value, dtype=dtype)
        elif dtype is not None:
            value = value.to(dtype)
        key = (
            (str(value.dtype), tuple(value.shape), str(value.tolist()))
            if value.numel() < 64
            else None
        )
        if key is None or key not in self._constants:
            name = self.fresh("constant")
            self.initializers.append(tensor_proto(value, name))
            made = Value(name, value.dtype, tuple(value.shape))
            if key is None:
                return made
            self._constants[key] = made
        return self._constants[key]

    def ints(self, values):
        """A list of sizes as a tensor of int64; each is a number or a size that the graph computes."""
        if isinstance(values, Value):
            return values
        values = list(values)
        if not any(isinstance(v, Value) for v in values):
            return self.constant([int(v) for v in values], flambeau.int64)
        parts = []
        for value in values:
            if isinstance(value, Value):
                value = self.cast(value, flambeau.int64)
                parts.append(self.op("Reshape", value, self.constant([1], flambeau.int64)))
            else:
                parts.append(self.constant([int(value)], flambeau.int64))
        return parts[0] if len(parts) == 1 else self.op("Concat", *parts, axis=0)

    def axes(self, *dims):
        """Dims as a constant."""
        return self.constant(list(dims), flambeau.int64)

    # -- dtypes and shapes

    def cast(self, value, dtype):
        """`value` in another dtype; a number becomes a constant of it."""
        if not isinstance(value, Value):
            return self.constant(value, dtype)
        if value.dtype == dtype:
            return value
        made = self.op("Cast", value, to=kind_of(dtype), dtype=dtype)
        made.shape, made.dynamic = value.shape, value.dynamic
        return made

    def shape(self, value):
        """The sizes of a tensor, int64."""
        if value.shape is not None and not value.dynamic:
            return self.constant(list(value.shape), flambeau.int64)
        return self.op("Shape", value, dtype=flambeau.int64)

    def size(self, value, dim):
        """One size: a number, or a Value of one element if it may change."""
        dim %= value.ndim
        if dim not in value.dynamic:
            return value.shape[dim]
        return self.op("Shape", value, start=dim, end=dim + 1, dtype=flambeau.int64)

    def static(self, value, dim, what):
        """A size that the rule needs as a number.

        Raises NotImplementedError, with the reason `what`, if it may change.
        """
        dim %= value.ndim
        if dim in value.dynamic:
            raise NotImplementedError(
                f"onnx.export: {what} needs a fixed size of dim {dim}, which is dynamic here."
            )
        return value.shape[dim]

    def number(self, value, what):
        """An argument that must be a plain number."""
        if isinstance(value, Value):
            raise NotImplementedError(
                f"onnx.export: {what} must be a fixed number, but it depends on an input."
            )
        return value

    def squeeze(self, value, *dims):
        return self.op("Squeeze", value, self.axes(*dims))

    def unsqueeze(self, value, *dims):
        return self.op("Unsqueeze", value, self.axes(*dims))

    def permute(self, value, order):
        return self.op("Transpose", value, perm=list(order))

    def reshape(self, value, sizes):
        return self.op("Reshape", value, self.ints(sizes), allowzero=1)

    def slice(self, value, dim, start, stop, step=1):
        """value[start:stop:step] in one dim; bounds may be sizes of the graph."""
        return self.op(
            "Slice", value, self.ints([start]), self.ints([stop]), self.axes(dim), self.axes(step)
        )

    def reduce(self, kind, value, dims, keepdim=False):
        """A ReduceX node over `dims`, or over all if None; axes became an input with opset 18."""
        keep = int(keepdim)
        if dims is None:
            return self.op(kind, value, keepdims=keep)
        if kind == "ReduceSum" or self.opset >= 18:
            return self.op(kind, value, self.axes(*dims), keepdims=keep)
        return self.op(kind, value, axes=list(dims), keepdims=keep)


def is_size(value):
    """Whether an argument is a number that changes with sizes."""
    return isinstance(value, (SymInt, SymFloat))
