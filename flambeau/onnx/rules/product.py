"""Matrix products."""

import flambeau

from . import rule
from .pointwise import promoted


def scaled(g, value, factor):
    return value if factor == 1 else g.op("Mul", value, factor)


@rule("linear")
def _(g, input, weight, bias=None):
    if bias is not None and input.ndim == 2:
        return g.op("Gemm", input, weight, bias, transB=1)
    product = g.op("MatMul", input, g.permute(weight, (1, 0)) if weight.ndim == 2 else weight)
    return product if bias is None else g.op("Add", product, bias)


@rule("matmul", "mm", "bmm", "mv", "dot", "__matmul__", "vdot", "inner")
def _(g, input, other):
    return g.op("MatMul", *promoted(g, input, other))


@rule("__rmatmul__")
def _(g, input, other):
    return g.op("MatMul", other, input)


@rule("addmm", "addmv", "baddbmm")
def _(g, input, mat1, mat2, beta=1, alpha=1):
    product = scaled(g, g.op("MatMul", mat1, mat2), alpha)
    return product if beta == 0 else g.op("Add", product, scaled(g, input, beta))


@rule("outer", "ger")
def _(g, input, vec2):
    return g.op("Mul", g.unsqueeze(input, 1), g.unsqueeze(vec2, 0))


@rule("einsum")
def _(g, equation, *operands):
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = operands[0]
    if not isinstance(equation, str):
        raise NotImplementedError("onnx.export: einsum in the form of sublists; write an equation.")
    return g.op("Einsum", *operands, equation=equation.replace(" ", ""))


@rule("det")
def _(g, input):
    return g.op("Det", input)


@rule("bilinear")
def _(g, input1, input2, weight, bias=None):
    result = g.op("Einsum", input1, weight, input2, equation="...i,oij,...j->...o")
    return result if bias is None else g.op("Add", result, bias)


@rule("cosine_similarity")
def _(g, x1, x2, dim=1, eps=1e-8):
    def length(x):
        norm = g.op("Sqrt", g.reduce("ReduceSum", g.op("Mul", x, x), [dim]))
        return g.op("Max", norm, g.constant(eps, x.dtype))

    product = g.reduce("ReduceSum", g.op("Mul", x1, x2), [dim])
    return g.op("Div", product, g.op("Mul", length(x1), length(x2)))


@rule("cross")
def _(g, input, other, dim=-1):
    def turned(x, by):
        places = g.constant([by % 3, (by + 1) % 3, (by + 2) % 3], flambeau.int64)
        return g.op("Gather", x, places, axis=dim)

    one = g.op("Mul", turned(input, 1), turned(other, 2))
    return g.op("Sub", one, g.op("Mul", turned(input, 2), turned(other, 1)))


@rule("cdist")
def _(g, x1, x2, p=2.0, compute_mode=None):
    if p != 2:
        raise NotImplementedError(f"onnx.export: cdist with p={p}.")
    gap = g.op("Sub", g.unsqueeze(x1, -2), g.unsqueeze(x2, -3))
    return g.op("Sqrt", g.reduce("ReduceSum", g.op("Mul", gap, gap), [-1]))
