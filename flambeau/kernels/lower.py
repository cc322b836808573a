"""Lowering: expressions of known input dtypes to instructions of a Block.

Per node: find the dtypes (types.signature), convert the operands, write the operation. Maths
functions and the operations in expansions.py are first replaced by their expansion in simpler
nodes; complex operations by their real parts (complexes.py).
"""

from . import complexes, expansions
from .emit import INTS, Value, constant
from .expression import input as symbol
from .expression import topological
from .helpers import (
    exponent_or_significand,
    float_remainder,
    integer_power,
    scale_by_power,
    square_root,
    table_lookup,
)
from .rare import seldom
from .types import DTYPES, real_dtype, signature


def lower(block, roots, inputs, known=None):
    """Values of the expressions `roots`, where input(i) is inputs[i].

    `known` has the values of nodes that were computed before, by id.
    """
    done = dict(known or ())
    for n in _eager(roots, done, block.contract):
        if n.op == "const":
            value = constant(n.attr)
        elif n.op == "input":
            value = inputs[n.attr]
        elif n.op == "index":
            if block.index is None:
                raise TypeError("index() has no meaning in this kernel")
            value = block.index
        elif n.op == "seldom":
            condition, _, fast = n.args
            value = seldom(block, done[id(condition)], n.args[1], done[id(fast)], inputs, lower)
        elif block.contract and product_of(n) is not None:
            value = _multiply_add(block, n, done)
        else:
            value = _apply(block, n, [done[id(a)] for a in n.args])
        done[id(n)] = value
    return [done[id(r)] for r in roots]


def product_of(n):
    """(the product that sum n contains and takes in by an fma, which argument it is), or None.

    Chosen from the expression alone: were it left to LLVM, a layout or a loop could change the last
    bit of a result.
    """
    if n.op in ("add", "sub") and n.args[0] is not n.args[1]:
        for i, a in enumerate(n.args):
            product = a.args[0] if a.op == "neg" else a
            if product.op == "mul":
                return product, i
    return None


def arguments_of(n, contract):
    """The nodes whose values n needs: not what only `seldom` computes, and the factors of an fma."""
    if n.op == "seldom":
        return n.args[0], n.args[2]
    fused = product_of(n) if contract else None
    return n.args if fused is None else (*fused[0].args, n.args[1 - fused[1]])


def _multiply_add(block, n, done):
    product, i = product_of(n)
    negated = n.args[i].op == "neg"
    factors = [done[id(a)] for a in product.args]
    other = done[id(n.args[1 - i])]
    wanted, dtype, weak = signature(product, [v.type for v in factors])
    pair = [(dtype, weak), other.type]
    _, result, _ = signature(n, pair if i == 0 else pair[::-1])
    if weak or result != dtype or DTYPES[dtype].kind != "f":
        value = _apply(block, product, factors)
        if negated:
            value = _apply(block, n.args[i], [value])
        return _apply(block, n, [value, other] if i == 0 else [other, value])
    d = DTYPES[dtype]
    a, b = [block.convert(v, w).name for v, w in zip(factors, wanted)]
    c = block.convert(other, dtype).name
    if negated != (n.op == "sub" and i == 1):
        a = _neg(block, d, a)
    if n.op == "sub" and i == 0:
        c = _neg(block, d, c)
    return Value(dtype, block.intrinsic("fma", d.register, a, b, c))


def _eager(roots, known, contract):
    """The nodes that are computed in any case, arguments first: not what only `seldom` needs."""
    return topological(roots, lambda n: arguments_of(n, contract), known)


def _apply(block, n, arguments):
    wanted, result, weak = signature(n, [a.type for a in arguments])
    if n.op == "cast":
        value = block.convert(arguments[0], n.attr)
        return Value(value.dtype, value.name, value.im)
    operands = [block.convert(a, w) for a, w in zip(arguments, wanted)]
    kind = DTYPES[wanted[-1]].kind
    name = n.attr if n.op == "call" else n.op
    if kind == "c":
        value = _complex(block, n, name, operands, wanted[-1])
    elif n.op == "lookup":
        value = Value(
            result,
            table_lookup(block, n.attr[1], result, DTYPES[wanted[0]].register, operands[0].name),
        )
    elif n.op == "make_complex":
        value = Value(result, operands[0].name, operands[1].name)
    elif n.op == "bitcast":
        value = _bitcast(block, operands[0], n.attr)
    elif name in expansions.TABLE and kind in expansions.TABLE[name]:
        value = _expanded(block, expansions.expand(name, kind, wanted[-1], len(operands)), operands)
    elif n.op == "call" and kind == "f":
        value = _maths(block, name, operands, wanted[-1])
    else:
        d = DTYPES[wanted[-1]]
        value = Value(result, _OPS[name](block, d, *[o.name for o in operands]))
    value = block.convert(value, result)
    half = operands[-1].half if name in _CHOOSING else None
    if half and any(o.half != half for o in operands if o.dtype != "bool"):
        half = None
    return Value(value.dtype, value.name, value.im, weak, half=half)


# What gives one of its operands or its negative: a number of a 16-bit format stays one.
_CHOOSING = frozenset("neg abs where minimum maximum fmin fmax".split())


def _expanded(block, expression, operands):
    return lower(block, [expression], operands)[0]


# -- maths functions ------------------------------------------------------------------------------

_maths_expansions = {}


def _maths_expression(name, n_args, dtype, target):
    """The expansion of a maths function for float32 or float64, or None if there is none."""
    key = name, n_args, dtype, target
    if key not in _maths_expansions:
        from . import maths  # which needs expressions that are lowered

        form = maths.form_of(name, dtype, target)
        _maths_expansions[key] = form and form(*[symbol(i) for i in range(n_args)])
    return _maths_expansions[key]


def _maths(block, name, operands, dtype):
    # The forms for a target use instructions on its whole vectors.
    lanes = getattr(block.target, "vector_bytes", 0) // DTYPES[dtype].itemsize
    target = block.target.name if block.width == lanes else None
    if 1 < block.width < lanes:
        from . import maths  # which needs expressions that are lowered

        if maths.has_form(name, dtype, block.target.name):
            return _in_whole_vector(block, name, operands, dtype, lanes)
    expression = _maths_expression(name, len(operands), dtype, target)
    if expression is not None:
        # The expansions say fma where they mean it; elsewhere each operation rounds, so that
        # splitting a product or a sum into two parts stays exact.
        contract, block.contract = block.contract, False
        value = _expanded(block, expression, operands)
        block.contract = contract
        return value
    return Value(dtype, _libm(block, name, DTYPES[dtype].register, [o.name for o in operands]))


def _in_whole_vector(block, name, operands, dtype, lanes):
    """A maths function of few lanes, with the bits that it has in a whole vector, whose other lanes repeat them."""
    part = DTYPES[dtype].register
    wide = block.beside(lanes)
    narrow = block.type(part)
    repeated = ", ".join(f"i32 {k % block.width}" for k in range(lanes))
    given = [
        wide.emit(f"shufflevector {narrow} {o.name}, {narrow} poison, <{lanes} x i32> <{repeated}>")
        for o in operands
    ]
    value = _maths(wide, name, [Value(dtype, g) for g in given], dtype)
    vector, own = wide.type(part), ", ".join(f"i32 {k}" for k in range(block.width))
    cut = f"shufflevector {vector} {value.name}, {vector} poison, <{block.width} x i32> <{own}>"
    return Value(value.dtype, block.emit(cut))


_LIBM = {
    "lgamma": "lgamma",
    "asin": "asin",
}
_IN_LIBM = frozenset(
    "exp exp2 expm1 log log2 log10 log1p sin cos tan asin acos atan atan2 sinh cosh tanh asinh acosh "
    "atanh erf erfc lgamma pow cbrt".split()
)


def _libm(block, name, register, operands):
    """A call of the C library for each lane: slow, for what has no expansion."""
    if name not in _IN_LIBM or block.target.name == "ptx":
        raise NotImplementedError(f"the kernel language has no {name} yet")
    function = _LIBM.get(name, name) + ("f" if register == "float" else "")
    block.module.declare(function, register, [register] * len(operands))
    if block.width == 1:
        return block.emit(
            f"call {register} @{function}({', '.join(f'{register} {o}' for o in operands)})"
        )
    vector = block.type(register)
    result = "poison"
    for lane in range(block.width):
        ones = [block.emit(f"extractelement {vector} {o}, i64 {lane}") for o in operands]
        one = block.emit(
            f"call {register} @{function}({', '.join(f'{register} {o}' for o in ones)})"
        )
        result = block.emit(f"insertelement {vector} {result}, {register} {one}, i64 {lane}")
    return result


# -- complex --------------------------------------------------------------------------------------


def _complex(block, n, name, operands, dtype):
    part = real_dtype(dtype)
    register = DTYPES[dtype].register
    if n.op == "where":
        a, b = operands[1:]
        condition = operands[0].name
        return Value(
            dtype,
            block.select(condition, register, a.name, b.name),
            block.select(condition, register, a.im, b.im),
        )
    parts = []
    for operand in operands:
        parts += [Value(part, operand.name), Value(part, operand.im)]
    roots = complexes.expand(name, len(operands))
    # Products of complex numbers stay unfused, so that z * conj(z) is exactly real.
    contract, block.contract = block.contract, False
    values = [
        block.convert(v, "bool" if name in ("eq", "ne") else part)
        for v in lower(block, roots, parts)
    ]
    block.contract = contract
    if len(values) == 1:
        return values[0]
    return Value(dtype, values[0].name, values[1].name)


# -- primitive operations -------------------------------------------------------------------------


def _bitcast(block, value, dtype):
    a, b = DTYPES[value.dtype], DTYPES[dtype]
    if a.register == b.register:
        return Value(dtype, value.name)
    return Value(dtype, block.convert_op("bitcast", a.register, value.name, b.register))


def _add(block, d, a, b):
    if d.kind == "b":
        return block.op("or", "i1", a, b)
    return block.op("fadd" if d.kind == "f" else "add", d.register, a, b)


def _sub(block, d, a, b):
    return block.op("fsub" if d.kind == "f" else "sub", d.register, a, b)


def _mul(block, d, a, b):
    if d.kind == "b":
        return block.op("and", "i1", a, b)
    return block.op("fmul" if d.kind == "f" else "mul", d.register, a, b)


def _div(block, d, a, b):
    return block.op("fdiv", d.register, a, b)


def _neg(block, d, a):
    if d.kind == "f":
        return block.emit(f"fneg {block.type(d.register)} {a}")
    return block.op("sub", d.register, block.imm(0, d.register), a)


def _guard(block, d, a, b):
    zero = block.imm(0, d.register)
    is_zero = block.cmp("oeq" if d.kind == "f" else "eq", d.register, a, zero)
    return block.select(is_zero, d.register, zero, b)


_PREDICATES = {
    "eq": ("oeq", "eq", "eq"),
    "ne": ("une", "ne", "ne"),
    "lt": ("olt", "slt", "ult"),
    "le": ("ole", "sle", "ule"),
    "gt": ("ogt", "sgt", "ugt"),
    "ge": ("oge", "sge", "uge"),
}


def _compare(op):
    of_float, of_signed, of_unsigned = _PREDICATES[op]

    def compare(block, d, a, b):
        predicate = {"f": of_float, "i": of_signed}.get(d.kind, of_unsigned)
        return block.cmp(predicate, d.register, a, b)

    return compare


def _bitwise(opcode):
    return lambda block, d, a, b: block.op(opcode, d.register, a, b)


def _not(block, d, a):
    return block.op("xor", d.register, a, block.imm(-1 if d.kind != "b" else 1, d.register))


def _shift(opcode):
    # Amounts outside 0 .. bits - 1 are undefined in LLVM; as in PyTorch they shift everything out.
    def shift(block, d, a, b):
        bits = INTS[d.register]
        inside = block.cmp("ult", d.register, b, block.imm(bits, d.register))
        if opcode == "shr" and d.kind == "i":
            amount = block.select(inside, d.register, b, block.imm(bits - 1, d.register))
            return block.op("ashr", d.register, a, amount)
        amount = block.select(inside, d.register, b, block.imm(0, d.register))
        shifted = block.op("shl" if opcode == "shl" else "lshr", d.register, a, amount)
        return block.select(inside, d.register, shifted, block.imm(0, d.register))

    return shift


def _extremum(op):
    is_max = op in ("maximum", "fmax")
    of_float, of_signed, of_unsigned = _PREDICATES["gt" if is_max else "lt"]

    def extremum(block, d, a, b):
        r = d.register
        if d.kind != "f":
            predicate = of_signed if d.kind == "i" else of_unsigned
            return block.select(block.cmp(predicate, r, a, b), r, a, b)
        if op in ("fmin", "fmax"):
            picked = block.select(block.cmp(of_float, r, a, b), r, a, b)
            return block.select(block.cmp("uno", r, b, b), r, a, picked)
        # x86's max returns its second operand if either is NaN; so only a NaN in the first operand
        # needs a second look, and a constant there needs none.
        if b.startswith("splat") or not b.startswith("%"):
            a, b = b, a
        if not a.startswith("%"):
            return block.select(block.cmp(of_float, r, a, b), r, a, b)
        picked = _x86_extremum(block, "max" if is_max else "min", r, a, b)
        if picked is None:
            picked = block.select(block.cmp(of_float, r, a, b), r, a, b)
        return block.select(block.cmp("uno", r, a, a), r, a, picked)

    return extremum


def _x86_extremum(block, name, register, a, b):
    """x86's own instruction: b where either is NaN; None where it takes no whole vector.

    A comparison and a choice would become it too, but not in front of a second choice: LLVM joins the two
    conditions into one, which takes an instruction more.
    """
    bits = block.width * {"float": 32, "double": 64}[register]
    if block.target.vector_bytes * 8 != bits or bits < 256 or "x86" not in block.target.triple:
        return None
    letters = "ps" if register == "float" else "pd"
    vector = block.type(register)
    if bits == 512:
        full, rounds, passed = f"llvm.x86.avx512.{name}.{letters}.512", ["i32"], ", i32 4"
    else:
        full, rounds, passed = f"llvm.x86.avx.{name}.{letters}.256", [], ""
    block.module.declare(full, vector, [vector, vector, *rounds])
    return block.emit(f"call {vector} @{full}({vector} {a}, {vector} {b}{passed})")


def _where(block, d, condition, a, b):
    return block.select(condition, d.register, a, b)


def _fma(block, d, a, b, c):
    if block.target.fma or d.register == "double":
        return block.intrinsic("fma", d.register, a, b, c)
    # Without the instruction: the product of two floats is exact in double.
    wide = [block.convert_op("fpext", "float", x, "double") for x in (a, b, c)]
    total = block.op("fadd", "double", block.op("fmul", "double", *wide[:2]), wide[2])
    return block.convert_op("fptrunc", "double", total, "float")


def _rounding(name):
    def rounding(block, d, a):
        return block.intrinsic(name, d.register, a) if d.kind == "f" else a

    return rounding


def _sqrt(block, d, a):
    return square_root(block, d.register, a)


def _abs(block, d, a):
    if d.kind == "f":
        return block.intrinsic("fabs", d.register, a)
    if d.kind != "i":
        return a
    negative = block.cmp("slt", d.register, a, block.imm(0, d.register))
    return block.select(negative, d.register, _neg(block, d, a), a)


def _copysign(block, d, a, b):
    return block.intrinsic("copysign", d.register, a, b)


def _signbit(block, d, a):
    if d.kind != "f":
        return (
            block.cmp("slt", d.register, a, block.imm(0, d.register))
            if d.kind == "i"
            else (block.imm(0, "i1"))
        )
    word = "i32" if d.register == "float" else "i64"
    bits = block.convert_op("bitcast", d.register, a, word)
    return block.cmp("slt", word, bits, block.imm(0, word))


def _trunc_div(block, d, a, b):
    """Integer division towards zero; 0 where b is 0, and the wrapped quotient of min / -1."""
    r = d.register
    zero = block.imm(0, r)
    by_zero = block.cmp("eq", r, b, zero)
    safe = block.select(by_zero, r, block.imm(1, r), b)
    if INTS[r] <= 32 and block.width > 1:
        # No CPU divides integer vectors. The quotient of integers this small is exact in floating
        # point: it misses a whole number by at least 1 / b, and the rounding error is far below.
        real = "float" if INTS[r] <= 8 else "double"
        to, back = ("sitofp", "fptosi") if d.kind == "i" else ("uitofp", "fptoui")
        quotient = block.op(
            "fdiv", real, block.convert_op(to, r, a, real), block.convert_op(to, r, safe, real)
        )
        wide = "i64" if r == "i32" else "i32"
        whole = block.convert_op("fptosi", real, quotient, wide)
        quotient = block.convert_op("trunc", wide, whole, r)
        del back
    elif d.kind == "i":
        minus_one = block.cmp("eq", r, safe, block.imm(-1, r))
        divisor = block.select(minus_one, r, block.imm(1, r), safe)
        quotient = block.op("sdiv", r, a, divisor)
        quotient = block.select(minus_one, r, _neg(block, d, quotient), quotient)
    else:
        quotient = block.op("udiv", r, a, safe)
    return block.select(by_zero, r, zero, quotient)


def _fmod(block, d, a, b):
    return float_remainder(block, d.register, a, b)


def _ipow(block, d, a, b):
    return integer_power(block, d, a, b)


def _scalb(block, d, a, b):
    return scale_by_power(block, d.register, a, b)


def _part(instruction):
    return lambda block, d, a: exponent_or_significand(block, d.register, instruction, a)


def _same(block, d, a):
    return a


_OPS = {
    "add": _add,
    "sub": _sub,
    "mul": _mul,
    "div": _div,
    "neg": _neg,
    "guard": _guard,
    "and": _bitwise("and"),
    "or": _bitwise("or"),
    "xor": _bitwise("xor"),
    "not": _not,
    "shl": _shift("shl"),
    "shr": _shift("shr"),
    "where": _where,
    "fma": _fma,
    "floor": _rounding("floor"),
    "ceil": _rounding("ceil"),
    "trunc": _rounding("trunc"),
    "round": _rounding("roundeven"),
    "sqrt": _sqrt,
    "abs": _abs,
    "copysign": _copysign,
    "signbit": _signbit,
    "trunc_div": _trunc_div,
    "fmod": _fmod,
    "pow": _ipow,
    "scalb": _scalb,
    "logb": _part("getexp"),
    "significand": _part("getmant"),
    "real": _same,
    "conj": _same,
    "imag": lambda block, d, a: block.imm(0, d.register),
    **{op: _compare(op) for op in _PREDICATES},
    **{op: _extremum(op) for op in ("minimum", "maximum", "fmin", "fmax")},
}
