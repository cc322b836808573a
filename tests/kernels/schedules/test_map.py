"""The map schedule against NumPy: dtypes, layouts, tails, conversions and corner cases."""

import ctypes

import numpy as np
import pytest

from flambeau import kernels as k
from flambeau.kernels import Map
from tests.at_level import at_lower_levels, run_at_level
from tests.kernels.harness import NUMPY, call, run

ADD = Map(lambda x, y: x + y, "add")
SIZES = (1, 2, 3, 15, 16, 17, 63, 64, 65, 130, 259, 1000)


def numbers(dtype, n, seed=0):
    rng = np.random.default_rng(seed)
    kind = np.dtype(dtype).kind
    if kind == "b":
        return rng.random(n) < 0.5
    if kind in "ui":
        info = np.iinfo(dtype)
        return rng.integers(info.min, info.max, n, dtype=dtype, endpoint=True)
    if kind == "c":
        return (rng.standard_normal(n) + 1j * rng.standard_normal(n)).astype(dtype)
    return rng.standard_normal(n).astype(dtype)


@pytest.mark.parametrize("dtype", NUMPY)
def test_add_every_dtype_and_tail(dtype):
    for n in SIZES:
        x, y = numbers(NUMPY[dtype], n, 1), numbers(NUMPY[dtype], n, 2)
        with np.errstate(over="ignore"):
            np.testing.assert_array_equal(run(ADD, [x, y], [dtype])[0], x + y)


@pytest.mark.parametrize("dtype", ["bool", "int8", "float16", "float32", "float64", "complex128"])
def test_layouts_agree(dtype):
    base = numbers(NUMPY[dtype], 40 * 700).reshape(40, 700)
    other = numbers(NUMPY[dtype], 40 * 700, 5).reshape(40, 700)
    layouts = {
        "contiguous": base,
        "steps": base[::2, ::3],
        "reversed": base[::-1, ::-1],
        "transposed": base.T,
        "row": np.broadcast_to(base[:1], (40, 700)),
        "column": np.broadcast_to(base[:, :1], (40, 700)),
        "narrow": base[:, 5:8],
    }
    for name, x in layouts.items():
        y = np.ascontiguousarray(other.reshape(-1)[: x.size].reshape(x.shape))
        for a, b in ((x, y), (y, x), (x, x)):
            np.testing.assert_array_equal(run(ADD, [a, b], [dtype])[0], a + b, err_msg=name)


def test_strided_output_leaves_the_rest_alone():
    from tests.kernels.harness import call

    x = np.arange(600, dtype=np.float32).reshape(2, 300)
    whole = np.full((2, 900), -1, np.float32)
    address = Map(lambda x: x + 1, "inc").compile(["float32"], ["float32"], ["float32"], "gc")
    call(address, [whole[:, 1::3]], [x])
    np.testing.assert_array_equal(whole[:, 1::3], x + 1)
    assert (whole[:, 0::3] == -1).all() and (whole[:, 2::3] == -1).all()


def test_in_place():
    from tests.kernels.harness import call

    for n in (5, 64, 777):
        x = numbers(np.float32, n).reshape(1, n)
        expected = x * 2 + 1
        address = Map(lambda x: x * 2 + 1, "f").compile(["float32"], ["float32"], ["float32"], "cc")
        call(address, [x], [x])
        np.testing.assert_allclose(x, expected, rtol=1e-6)


def test_tail_writes_nothing_beyond_the_end():
    from tests.kernels.harness import call

    for n in range(1, 70):
        out = np.full((1, 100), 7, np.int8)
        x = np.ones((1, 100), np.int8)
        call(ADD.compile(["int8"] * 2, ["int8"] * 2, ["int8"], "ccc"), [out[:, :n]], [x[:, :n]] * 2)
        assert (out[0, :n] == 2).all() and (out[0, n:] == 7).all()


def test_mixed_dtypes_convert_before_computing():
    x, y = numbers(np.int8, 300), numbers(np.float64, 300)
    out = run(ADD, [x, y], ["float64"], as_dtypes=["float64", "float64"])[0]
    np.testing.assert_array_equal(out, x + y)
    mask = numbers(np.bool_, 300)
    out = run(Map(lambda c, x: k.where(c, x, 0), "where"), [mask, y], ["float32"])[0]
    np.testing.assert_array_equal(out, np.where(mask, y, 0).astype(np.float32))


def test_python_numbers_promote_as_in_pytorch():
    x = np.arange(-3, 4, dtype=np.int32)
    np.testing.assert_array_equal(run(Map(lambda x: x * 2 + 1, "i"), [x], ["int32"])[0], x * 2 + 1)
    np.testing.assert_array_equal(run(Map(lambda x: x * 0.5, "f"), [x], ["float32"])[0], x * 0.5)
    np.testing.assert_array_equal(run(Map(lambda x: x / 2, "d"), [x], ["float32"])[0], x / 2)


def test_bfloat16_rounds_to_even_and_keeps_nan():
    x = np.concatenate(
        [numbers(np.float32, 1000), np.float32([np.nan, np.inf, -np.inf, 0.0, -0.0, 3.4e38, 1e-40])]
    )
    bits = run(Map(lambda x: k.bitcast(k.cast(x, "bfloat16"), "int32"), "bf16"), [x], ["int32"])[0]
    word = x.view(np.uint32).astype(np.uint64)
    expected = ((word + 0x7FFF + ((word >> 16) & 1)) >> 16 << 16).astype(np.uint32)
    expected[np.isnan(x)] = 0x7FC00000
    np.testing.assert_array_equal(bits.view(np.uint32), expected)


def test_float16_conversion_matches_numpy_for_every_value():
    half = np.arange(65536, dtype=np.uint16).view(np.float16)
    wide = run(Map(lambda x: x * 1.0, "up"), [half], ["float32"])[0]
    np.testing.assert_array_equal(wide, half.astype(np.float32))
    x = np.concatenate(
        [half.astype(np.float32), numbers(np.float32, 5000) * 1e-5, numbers(np.float32, 5000) * 3e4]
    )
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(
            run(Map(lambda x: x * 1.0, "down"), [x], ["float16"])[0], x.astype(np.float16)
        )


INTEGERS = ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"]


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integer_division_is_total(dtype):
    info = np.iinfo(dtype)
    special = np.array([info.min, info.min + 1, 0, 1, 2, 3, 7, info.max - 1, info.max], dtype)
    if info.min:
        special = np.append(special, np.array([-1, -2, -3], dtype))
    a = np.concatenate([np.repeat(special, len(special)), numbers(dtype, 1000, 1)])
    b = np.concatenate([np.tile(special, len(special)), numbers(dtype, 1000, 2) // 5])
    with np.errstate(all="ignore"):
        expected = [
            np.where(b == 0, 0, a // b),
            np.where(b == 0, 0, a % b),
            np.where(b == 0, 0, np.fmod(a, b)),
        ]
    f = Map(lambda a, b: (k.floor_div(a, b), k.remainder(a, b), k.fmod(a, b)), "division")
    for n in (len(a), 1):
        for got, want in zip(run(f, [a[-n:], b[-n:]], [dtype] * 3), expected):
            np.testing.assert_array_equal(got, want[-n:])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_float_remainders_are_exact(dtype):
    rng = np.random.default_rng(3)
    special = np.array(
        [
            0.0,
            -0.0,
            1,
            -1,
            3,
            0.1,
            1e30,
            -1e30,
            np.inf,
            -np.inf,
            np.nan,
            np.finfo(dtype).max,
            np.finfo(dtype).tiny,
            np.finfo(dtype).smallest_subnormal,
        ],
        dtype,
    )
    a = np.concatenate(
        [
            np.repeat(special, len(special)),
            (rng.standard_normal(2000) * 10.0 ** rng.integers(-30, 30, 2000)).astype(dtype),
        ]
    )
    b = np.concatenate(
        [
            np.tile(special, len(special)),
            (rng.standard_normal(2000) * 10.0 ** rng.integers(-30, 30, 2000)).astype(dtype),
        ]
    )
    out = run(Map(lambda a, b: (k.fmod(a, b), k.remainder(a, b)), "mod"), [a, b], [dtype] * 2)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(out[0], np.fmod(a, b))
        finite = np.isfinite(b)
        np.testing.assert_array_equal(out[1][finite], np.remainder(a, b)[finite])


def test_conversion_out_of_range_is_what_x86_gives():
    x = np.array([1e30, -1e30, np.nan, np.inf, 300.0, -1.0, 3e9, 2.5, -2.5] * 3)
    top = np.iinfo(np.int64).min
    out = run(Map(lambda x: (x, x, x, x), "cast"), [x], ["int64", "int32", "uint8", "uint64"])
    np.testing.assert_array_equal(out[0][:9], [top, top, top, top, 300, -1, 3000000000, 2, -2])
    low = np.iinfo(np.int32).min
    np.testing.assert_array_equal(out[1][:9], [low, low, low, low, 300, -1, low, 2, -2])
    np.testing.assert_array_equal(out[2][:9], [0, 0, 0, 0, 44, 255, 0, 2, 254])
    assert out[3][6] == 3000000000
    assert run(Map(lambda x: x, "up"), [np.float64([1e19])], ["uint64"])[0][0] == 10**19


@pytest.mark.parametrize("dtype", ["int8", "int32", "int64", "uint8"])
def test_shifts_beyond_the_width_shift_everything_out(dtype):
    bits = np.dtype(dtype).itemsize * 8
    x = numbers(dtype, 200)
    for amount in (0, 1, bits - 1, bits, 100):
        s = np.full_like(x, amount)
        left, right = run(Map(lambda x, s: (x << s, x >> s), "shift"), [x, s], [dtype] * 2)
        want = np.left_shift(x, amount) if amount < bits else np.zeros_like(x)
        np.testing.assert_array_equal(left, want)
        np.testing.assert_array_equal(
            right,
            np.right_shift(x, min(amount, bits - 1))
            if amount < bits or np.dtype(dtype).kind == "i"
            else 0 * x,
        )


def test_minimum_propagates_nan_and_fmin_does_not():
    x = np.float32([np.nan, 1, np.nan, 3, -0.0, np.inf] * 5)
    y = np.float32([1, np.nan, np.nan, 2, 0.0, -np.inf] * 5)
    f = Map(lambda x, y: (k.minimum(x, y), k.maximum(x, y), k.fmin(x, y), k.fmax(x, y)), "m")
    for got, want in zip(
        run(f, [x, y], ["float32"] * 4), (np.minimum, np.maximum, np.fmin, np.fmax)
    ):
        np.testing.assert_array_equal(got, want(x, y))
    relu = run(Map(lambda x: k.maximum(x, 0), "relu"), [x], ["float32"])[0]
    np.testing.assert_array_equal(relu, np.maximum(x, 0))


def test_rounding_and_signs():
    x = np.float32([0.5, 1.5, -0.5, -2.5, 2.5, 1e20, np.nan, -np.inf, -0.0, 0.0, 3.7, -3.7])
    f = Map(
        lambda x: (
            k.floor(x),
            k.ceil(x),
            k.trunc(x),
            k.round(x),
            abs(x),
            -x,
            k.copysign(x, -1.0),
            k.sqrt(abs(x)),
        ),
        "r",
    )
    want = (
        np.floor,
        np.ceil,
        np.trunc,
        np.rint,
        np.abs,
        np.negative,
        lambda x: np.copysign(x, -1),
        lambda x: np.sqrt(np.abs(x)),
    )
    for got, function in zip(run(f, [x], ["float32"] * 8), want):
        np.testing.assert_array_equal(got, function(x))
        np.testing.assert_array_equal(np.signbit(got), np.signbit(function(x)))
    sign, bit, nan, inf, fin = run(
        Map(lambda x: (k.sign(x), k.signbit(x), k.isnan(x), k.isinf(x), k.isfinite(x)), "p"),
        [x],
        ["float32", "bool", "bool", "bool", "bool"],
    )
    np.testing.assert_array_equal(sign, np.nan_to_num(np.sign(x)))
    np.testing.assert_array_equal(bit, np.signbit(x))
    np.testing.assert_array_equal((nan, inf, fin), (np.isnan(x), np.isinf(x), np.isfinite(x)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_nextafter(dtype):
    special = np.array([0.0, -0.0, 1, -1, np.inf, -np.inf, np.nan, 5e-324, 1e-45], dtype)
    x, y = np.repeat(special, len(special)), np.tile(special, len(special))
    out = run(Map(k.nextafter, "nextafter", 2), [x, y], [dtype])[0]
    np.testing.assert_array_equal(out, np.nextafter(x, y))


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8"])
def test_integer_power_wraps(dtype):
    x, e = numbers(dtype, 300), np.abs(numbers(np.int8, 300).astype(np.int64)).astype(dtype)
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(run(Map(lambda x, e: x**e, "pow"), [x, e], [dtype])[0], x**e)
    if dtype != "uint8":
        base = np.array([1, -1, -1, 2, 0, 5], dtype)
        out = run(
            Map(lambda x, e: x**e, "pow"),
            [base, np.array([-1, -2, -3, -1, -1, -9], dtype)],
            [dtype],
        )[0]
        np.testing.assert_array_equal(out, [1, 1, -1, 0, 0, 0])


def test_index_counts_over_rows():
    x = np.zeros((3, 70), np.float32)
    for modes in ("cc", "gg", "cg"):
        out = run(
            Map(lambda x: k.index() + x, "index"), [x], ["int64"], ["int64"], modes, index0=5
        )[0]
        np.testing.assert_array_equal(out, 5 + np.arange(210).reshape(3, 70))


def test_empty_does_nothing():
    assert run(ADD, [np.zeros((0, 3), np.float32)] * 2, ["float32"])[0].shape == (0, 3)
    assert run(ADD, [np.zeros((3, 0), np.float32)] * 2, ["float32"], modes="ccc")[0].shape == (3, 0)


def test_uint64_product_high_half():
    a, b = numbers(np.uint32, 300, 1), numbers(np.uint32, 300, 2)
    f = Map(
        lambda a, b: k.cast((k.cast(a, "uint64") * k.cast(b, "uint64")) >> 32, "uint32"), "mulhi"
    )
    want = ((a.astype(np.uint64) * b.astype(np.uint64)) >> np.uint64(32)).astype(np.uint32)
    np.testing.assert_array_equal(run(f, [a, b], ["uint32"])[0], want)


def test_contraction_stays_out_of_complex_products():
    z = numbers(np.complex64, 500)
    out = run(Map(lambda z: z * k.conj(z), "norm"), [z], ["complex64"])[0]
    assert (out.imag == 0).all()


def test_wrong_modes_are_refused():
    with pytest.raises(ValueError, match="modes are c, s"):
        ADD.compile(["float32"] * 2, ["float32"] * 2, ["float32"], "scc")
    with pytest.raises(ValueError, match="2 inputs and 1 outputs"):
        ADD.compile(["float32"], ["float32"], ["float32"], "cc")


def test_what_depends_on_single_values_is_computed_once():
    adam = Map(lambda x, beta, step: x / (1 - beta**step), "correction")
    ir = adam.ir(["float32"] * 3, ["float32"] * 3, ["float32"], "ccss")
    loop = ir[ir.rindex("\nbody.") :]
    assert "fdiv" in loop and "fsub" not in loop
    x = numbers(np.float32, 100).reshape(2, 50)
    beta, step = np.float32([[0.9], [0.5]]) + 0 * x, np.full((2, 50), np.float32(3))
    beta = np.lib.stride_tricks.as_strided(beta, beta.shape, (beta.strides[0], 0))
    step = np.lib.stride_tricks.as_strided(step, step.shape, (step.strides[0], 0))
    got = run(adam, [x, beta, step], ["float32"])[0]
    np.testing.assert_allclose(got, x / (1 - beta**step), rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_scalb_rounds_once_and_keeps_nan(dtype):
    x = np.array([1.0, 1.5, -1.25, np.nan, 1.0, 1.0, 1.0, 1.9999999, 1.0], dtype)
    n = np.array([3, -140, 127, 2, np.nan, np.inf, -np.inf, -149, -160], dtype)
    with np.errstate(all="ignore"):
        want = np.ldexp(x, np.clip(np.nan_to_num(n), -5000, 5000).astype(int))
    want[4] = np.nan
    for width in (9, 1):
        out = run(Map(lambda x, n: k.scalb(x, n), "scalb"), [x[:width], n[:width]], [dtype])[0]
        np.testing.assert_array_equal(out, want[:width])


def test_lookup_and_seldom():
    table = tuple(float(i * i) for i in range(32))
    i = numbers(np.int32, 300)
    for length in (4, 16, 32):
        out = run(
            Map(lambda i, n=length: k.lookup(table[:n], i, "float32"), "lookup", 1),
            [i],
            ["float32"],
        )[0]
        np.testing.assert_array_equal(out, np.float32(table[:length])[i % length])
    x = numbers(np.float32, 300)
    f = Map(lambda x: k.seldom(x > 2, k.sqrt(x) * 3, x + 1), "seldom")
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(
            run(f, [x], ["float32"])[0], np.where(x > 2, np.sqrt(x) * np.float32(3), x + 1)
        )


def test_bitwise_operations_on_floats_say_what_to_do():
    with pytest.raises(
        TypeError, match=r"cannot apply 'and' to float32: x & y. Cast to an integer"
    ):
        Map(lambda x, y: x & y, "and").compile(["float32"] * 2, ["float32"] * 2, ["float32"], "ccc")
    with pytest.raises(TypeError, match="cannot subtract bool: x - y"):
        Map(lambda x, y: x - y, "sub").compile(["bool"] * 2, ["bool"] * 2, ["bool"], "ccc")
    with pytest.raises(TypeError, match="cannot apply floor to complex"):
        Map(lambda x: k.floor(x), "floor").compile(
            ["complex64"], ["complex64"], ["complex64"], "cc"
        )


@pytest.mark.parametrize(
    "function",
    [
        lambda x, a, b: x + a * b,
        lambda x, a, b: x - a * b,
        lambda x, a, b: a * b - x,
        lambda x, a, b: x + -(a * b),
        lambda x, a, b: a * b + k.exp(a) * x,
    ],
)
def test_layout_does_not_change_the_last_bit(function):
    rng = np.random.default_rng(4)
    x, (a, b) = (
        rng.standard_normal((40, 70)).astype(np.float32),
        rng.standard_normal((2, 40, 1)).astype(np.float32),
    )
    map_ = Map(function, "f", 3)
    wide = [np.ascontiguousarray(np.broadcast_to(v, x.shape)) for v in (a, b)]
    expected = run(map_, [x, *wide], ["float32"])[0]
    np.testing.assert_array_equal(run(map_, [x, a, b], ["float32"], modes="ccss")[0], expected)
    np.testing.assert_array_equal(run(map_, [x, a, b], ["float32"], modes="cgsg")[0], expected)
    np.testing.assert_array_equal(
        run(map_, [x[:, :1], a, b], ["float32"], modes="cccc")[0], expected[:, :1]
    )


def test_a_streamed_output_holds_what_a_cached_one_does():
    # Mode 'n': stores past the caches, in the full loop; the tail is stored as ever.
    m = Map(lambda x: k.exp(x), "exp")
    for dtype in ("float32", "float64"):
        x = np.linspace(-3, 3, 1003).astype(dtype)
        results = []
        for mode in "cn":
            memory = np.zeros(1003 + 64, dtype)
            start = -memory.ctypes.data % 64 // memory.itemsize
            out = memory[start : start + 1003]
            run = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 3, *[ctypes.c_void_p] * 3)(
                m.compile((dtype,), (dtype,), (dtype,), mode + "c")
            )
            ptrs = (ctypes.c_void_p * 2)(out.ctypes.data, x.ctypes.data)
            steps = (ctypes.c_int64 * 2)(x.itemsize, x.itemsize)
            run(1003, 1, 0, ptrs, steps, steps)
            results.append(out.copy())
        assert (results[0] == results[1]).all()
        assert np.allclose(results[0], np.exp(x.astype("float64")), rtol=1e-6)


def test_square_roots_are_correctly_rounded():
    """Also beside the halfway points between two results, where m**2 = 17, -7 ... mod 2**54 for an odd m."""
    rng = np.random.default_rng(0)
    x = [
        rng.uniform(1, 4, 20000),
        np.square(rng.uniform(1, 2, 20000)),
        2.0 ** rng.uniform(-1074, 1023.9, 2000),
    ]
    x += [
        [
            0.0,
            -0.0,
            np.inf,
            np.nan,
            -1.0,
            5e-324,
            2.0**-900,
            2.0**900,
            np.nextafter(1, 0),
            np.nextafter(4, 0),
        ]
    ]
    for rest in range(-8191, 8192, 8):
        root = 1  # grows by a bit at a time to an odd m with m**2 = rest mod 2**54
        for bit in range(3, 56):
            root |= 0 if (root * root - rest) % (1 << (bit + 1)) == 0 else 1 << (bit - 1)
        root %= 1 << 54
        for m in (root, (1 << 54) - root):
            square = m * m - rest
            if (1 << 106) < square and square % (1 << (square.bit_length() - 53)) == 0:
                x.append([float(square >> 54)])
    x = np.concatenate(x)
    with np.errstate(invalid="ignore"):
        exact = np.sqrt(x)
    (got,) = run(Map(lambda x: k.language.sqrt(x), "sqrt"), [x], ["float64"])
    np.testing.assert_array_equal(
        got.view(np.int64)[exact == exact], exact.view(np.int64)[exact == exact]
    )
    assert np.isnan(got[exact != exact]).all()
    assert len(x) > 42500


def test_tails_of_long_chains():
    """Two vectors go through a long chain in turn: each length gives the same bits and writes nothing behind."""

    def chain(x):
        for _ in range(6):
            x = k.exp(k.sin(x) * 0.75)
        return x

    long_chain = Map(chain, "long_chain")
    for dtype in ("float32", "float64"):
        x = numbers(NUMPY[dtype], 1025)
        kernel = long_chain.compile([dtype], [dtype], [dtype], "cc")
        whole = np.empty((1, 1025), dtype)
        call(kernel, [whole], [x[None]])
        np.testing.assert_allclose(whole[0], chain_in_numpy(x), rtol=1e-5)
        for n in (*range(1, 70), 257, 1024):
            part = np.full(n + 64, 7, dtype)
            call(kernel, [part[None, :n]], [x[None, :n]])
            assert (part[:n] == whole[0, :n]).all() and (part[n:] == 7).all(), n


def chain_in_numpy(x):
    for _ in range(6):
        x = np.exp(np.sin(x) * 0.75)
    return x


@at_lower_levels
def test_tails_of_long_chains_at_lower_levels(level):
    run_at_level(
        level, "from tests.kernels.schedules import test_map; test_map.test_tails_of_long_chains()"
    )
