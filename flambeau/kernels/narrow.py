"""The narrow floating dtypes (float16, bfloat16, float8 ...): their bits from and to float32, as code.

Each takes a Block and the name of a value in all lanes. All but float8_e8m0fnu round to nearest even.
"""

from typing import NamedTuple

from .types import DTYPES


class Float8(NamedTuple):
    """A format of a sign, an exponent and `mantissa` bits. Sources: csrc/tensor/float8.h."""

    mantissa: int
    bias: int
    largest: int  # the last code of a positive number
    overflow: int  # what a larger number becomes, beside its sign
    nan: int
    unsigned_zero: bool = False  # the code of -0 is the NaN


FLOAT8_FORMATS = {
    "float8_e4m3fn": Float8(3, 7, 0x7E, 0x7E, 0x7F),
    "float8_e5m2": Float8(2, 15, 0x7B, 0x7C, 0x7F),
    "float8_e4m3fnuz": Float8(3, 8, 0x7F, 0x80, 0x80, True),
    "float8_e5m2fnuz": Float8(2, 16, 0x7F, 0x80, 0x80, True),
}


def rounded(block, name, dtype):
    """A float rounded to a narrow dtype, still a float."""
    return from_bits(block, to_bits(block, name, dtype), dtype)


def from_bits(block, bits, dtype):
    """The floats that bits of a narrow dtype stand for."""
    if dtype == "bfloat16":
        wide = block.convert_op("zext", "i16", bits, "i32")
        return _as_float(block, block.op("shl", "i32", wide, block.imm(16, "i32")))
    if dtype == "float16":
        return _from_float16(block, bits)
    if dtype == "float8_e8m0fnu":
        return _from_exponent(block, bits)
    return _from_float8(block, bits, dtype)


def to_bits(block, name, dtype, exact=False):
    """The bits of floats in a narrow dtype; exact: they need no rounding."""
    if dtype == "float16" and block.target.half:
        half = block.convert_op("fptrunc", "float", name, "half")
        return block.convert_op("bitcast", "half", half, "i16")
    bits = block.convert_op("bitcast", "float", name, "i32")
    if dtype == "bfloat16":
        code = _bfloat16_code(block, name, bits, exact)
    elif dtype == "float16":
        code = _float16_code(block, bits)
    elif dtype == "float8_e8m0fnu":
        code = _exponent_code(block, bits)
    else:
        code = _float8_code(block, name, bits, FLOAT8_FORMATS[dtype])
    return block.convert_op("trunc", "i32", code, DTYPES[dtype].memory)


def _as_float(block, word):
    return block.convert_op("bitcast", "i32", word, "float")


def _magnitude(block, word, mask):
    return block.op("and", "i32", word, block.imm(mask, "i32"))


# -- bfloat16 and float16 -------------------------------------------------------------------------


def _bfloat16_code(block, name, bits, exact):
    imm, op = block.imm, block.op
    if exact:
        return op("lshr", "i32", bits, imm(16, "i32"))
    odd = op("and", "i32", op("lshr", "i32", bits, imm(16, "i32")), imm(1, "i32"))
    half_up = op("add", "i32", odd, imm(0x7FFF, "i32"))
    code = op("lshr", "i32", op("add", "i32", bits, half_up), imm(16, "i32"))
    nan = block.cmp("uno", "float", name, name)
    return block.select(nan, "i32", imm(0x7FC0, "i32"), code)


def _from_float16(block, bits):
    imm, op = block.imm, block.op
    if block.target.half:
        half = block.convert_op("bitcast", "i16", bits, "half")
        return block.convert_op("fpext", "half", half, "float")
    # Shift the fields into place and let a multiplication by 2**112 rebias the exponent; it
    # also normalizes subnormals. Infinities and NaNs get the largest exponent by hand.
    wide = block.convert_op("zext", "i16", bits, "i32")
    magnitude = op("shl", "i32", _magnitude(block, wide, 0x7FFF), imm(13, "i32"))
    scaled = op("fmul", "float", _as_float(block, magnitude), imm(2.0**112, "float"))
    number = block.convert_op("bitcast", "float", scaled, "i32")
    special = block.cmp("uge", "i32", magnitude, imm(0x7C00 << 13, "i32"))
    largest = block.select(special, "i32", imm(0x7F800000, "i32"), imm(0, "i32"))
    number = op("or", "i32", number, largest)
    sign = op("shl", "i32", _magnitude(block, wide, 0x8000), imm(16, "i32"))
    return _as_float(block, op("or", "i32", number, sign))


def _float16_code(block, bits):
    # Without F16C. Normal results round by adding half a unit (and the odd bit) in integers;
    # results below 2**-14 let the addition of 0.5 do the shift and the rounding.
    imm, op = block.imm, block.op
    sign = op("lshr", "i32", _magnitude(block, bits, -(2**31)), imm(16, "i32"))
    magnitude = _magnitude(block, bits, 0x7FFFFFFF)
    odd = op("and", "i32", op("lshr", "i32", magnitude, imm(13, "i32")), imm(1, "i32"))
    normal = op("add", "i32", op("add", "i32", magnitude, odd), imm(0xFFF - (112 << 23), "i32"))
    normal = op("lshr", "i32", normal, imm(13, "i32"))
    tiny = _sum_with(block, magnitude, 0.5, 0x3F000000)
    is_tiny = block.cmp("ult", "i32", magnitude, imm(0x38800000, "i32"))
    result = block.select(is_tiny, "i32", tiny, normal)
    too_big = block.cmp("uge", "i32", magnitude, imm(0x47800000, "i32"))
    result = block.select(too_big, "i32", imm(0x7C00, "i32"), result)
    nan = block.cmp("ugt", "i32", magnitude, imm(0x7F800000, "i32"))
    result = block.select(nan, "i32", imm(0x7E00, "i32"), result)
    return op("or", "i32", result, sign)


def _sum_with(block, magnitude, unit, unit_bits):
    """How many steps of the last place of `unit`, a power of two, a smaller number is, rounded."""
    sum_ = block.op("fadd", "float", _as_float(block, magnitude), block.imm(unit, "float"))
    word = block.convert_op("bitcast", "float", sum_, "i32")
    return block.op("sub", "i32", word, block.imm(unit_bits, "i32"))


# -- float8 ---------------------------------------------------------------------------------------


def _from_float8(block, bits, dtype):
    imm, op, f = block.imm, block.op, FLOAT8_FORMATS[dtype]
    if dtype == "float8_e5m2" and block.target.half:  # the upper half of a float16
        wide = block.convert_op("zext", "i8", bits, "i16")
        return _from_float16(block, op("shl", "i16", wide, imm(8, "i16")))
    code = block.convert_op("zext", "i8", bits, "i32")
    magnitude = _magnitude(block, code, 0x7F)
    fields = op("shl", "i32", magnitude, imm(23 - f.mantissa, "i32"))
    number = op("add", "i32", fields, imm((127 - f.bias) << 23, "i32"))
    # A subnormal has no leading one: it is taken off again.
    with_one = op("add", "i32", fields, imm((128 - f.bias) << 23, "i32"))
    tiny = op("fsub", "float", _as_float(block, with_one), imm(2.0 ** (1 - f.bias), "float"))
    is_tiny = block.cmp("ult", "i32", magnitude, imm(1 << f.mantissa, "i32"))
    tiny = block.convert_op("bitcast", "float", tiny, "i32")
    number = block.select(is_tiny, "i32", tiny, number)
    sign = op("shl", "i32", _magnitude(block, code, 0x80), imm(24, "i32"))
    if dtype == "float8_e5m2":
        special = block.cmp("ugt", "i32", magnitude, imm(f.largest, "i32"))
        number = block.select(
            special, "i32", op("or", "i32", fields, imm(0x7F800000, "i32")), number
        )
    else:
        tested = code if f.unsigned_zero else magnitude
        nan = block.cmp("eq", "i32", tested, imm(f.nan, "i32"))
        number = block.select(nan, "i32", imm(0x7FC00000, "i32"), number)
    return _as_float(block, op("or", "i32", number, sign))


def _float8_code(block, name, bits, f):
    # As for float16: rounded in integers, or below the normal numbers by a sum.
    imm, op = block.imm, block.op
    shift = 23 - f.mantissa
    magnitude = _magnitude(block, bits, 0x7FFFFFFF)
    odd = op("and", "i32", op("lshr", "i32", magnitude, imm(shift, "i32")), imm(1, "i32"))
    half_up = (1 << (shift - 1)) - 1 - ((127 - f.bias) << 23)
    normal = op("add", "i32", op("add", "i32", magnitude, odd), imm(half_up, "i32"))
    normal = op("lshr", "i32", normal, imm(shift, "i32"))
    exponent = 24 - f.bias - f.mantissa
    tiny = _sum_with(block, magnitude, 2.0**exponent, (exponent + 127) << 23)
    is_tiny = block.cmp("ult", "i32", magnitude, imm((128 - f.bias) << 23, "i32"))
    code = block.select(is_tiny, "i32", tiny, normal)
    too_big = block.cmp("ugt", "i32", code, imm(f.largest, "i32"))
    code = block.select(too_big, "i32", imm(f.overflow, "i32"), code)
    if f.nan != f.overflow:
        nan = block.cmp("uno", "float", name, name)
        code = block.select(nan, "i32", imm(f.nan, "i32"), code)
    sign = op("and", "i32", op("lshr", "i32", bits, imm(24, "i32")), imm(0x80, "i32"))
    if f.unsigned_zero:
        zero = block.cmp("eq", "i32", code, imm(0, "i32"))
        sign = block.select(zero, "i32", imm(0, "i32"), sign)
    return op("or", "i32", code, sign)


# -- float8_e8m0fnu: an exponent alone -------------------------------------------------------------


def _from_exponent(block, bits):
    imm = block.imm
    code = block.convert_op("zext", "i8", bits, "i32")
    number = block.op("shl", "i32", code, imm(23, "i32"))
    smallest = block.cmp("eq", "i32", code, imm(0, "i32"))
    number = block.select(smallest, "i32", imm(0x00400000, "i32"), number)
    nan = block.cmp("eq", "i32", code, imm(0xFF, "i32"))
    return _as_float(block, block.select(nan, "i32", imm(0x7FC00000, "i32"), number))


def _exponent_code(block, bits):
    imm, op = block.imm, block.op
    magnitude = _magnitude(block, bits, 0x7FFFFFFF)
    # Halfway goes up, as if the leading one of a normal number were a last place: PyTorch's rule.
    normal = block.cmp("uge", "i32", magnitude, imm(1 << 23, "i32"))
    half_up = block.select(normal, "i32", imm(0x400000, "i32"), imm(0x3FFFFF, "i32"))
    code = op("lshr", "i32", op("add", "i32", magnitude, half_up), imm(23, "i32"))
    special = block.cmp("uge", "i32", magnitude, imm(0x7F800000, "i32"))
    return block.select(special, "i32", imm(0xFF, "i32"), code)
