"""Products of vectors and matrices."""

import numpy
import pytest

import flambeau
from flambeau.autograd import gradcheck, gradgradcheck
from tests.at_level import at_lower_levels, run_at_level
from tests.ops.layouts import MATRICES, matrix_in


@pytest.mark.parametrize(
    "left, right",
    [
        ((3,), (3,)),
        ((2, 3), (3,)),
        ((3,), (3, 2)),
        ((2, 3), (3, 4)),
        ((5, 2, 3), (3, 4)),
        ((5, 2, 3), (3,)),
        ((2, 3), (5, 3, 4)),
        ((3,), (5, 3, 2)),
        ((1, 5, 2, 3), (6, 1, 3, 4)),
        ((5, 2, 0), (0, 3)),
        ((0, 2, 3), (3, 2)),
    ],
)
def test_matmul_of_all_kinds_of_shapes(agrees, random, left, right):
    a, b = random(*left), random(*right)
    agrees(flambeau.matmul(a, b), a.numpy() @ b.numpy())
    agrees(a @ b, a.numpy() @ b.numpy())
    agrees(a.matmul(b), a.numpy() @ b.numpy())


def test_matmul_gradients(random):
    for left, right in [
        ((2, 3), (3, 2)),
        ((2, 2, 3), (3, 2)),
        ((2, 1, 2, 3), (2, 3, 2)),
        ((3,), (2, 3, 2)),
        ((2, 3), (3,)),
    ]:
        assert gradcheck(
            flambeau.matmul, (random(*left).requires_grad_(), random(*right).requires_grad_())
        )


def test_matmul_errors_name_the_shapes(random):
    with pytest.raises(RuntimeError, match=r"inner dimensions differ \(3 != 4\)"):
        random(2, 3) @ random(4, 2)
    with pytest.raises(
        RuntimeError,
        match=r"matmul: both operands need 1 dim or more, but they are \(\) and \(2,\)",
    ):
        flambeau.matmul(random(), random(2))
    with pytest.raises(
        RuntimeError,
        match=r"matmul: the operands are float64 \(2, 3\) and float32 \(3, 2\), but a product takes one dtype",
    ):
        flambeau.matmul(random(2, 3), random(3, 2).float())


def test_vectors(agrees, random):
    a, b, m = random(3), random(3), random(2, 3)
    agrees(flambeau.dot(a, b), a.numpy() @ b.numpy())
    agrees(flambeau.mv(m, a), m.numpy() @ a.numpy())
    agrees(flambeau.outer(a, b), numpy.outer(a.numpy(), b.numpy()))
    agrees(flambeau.inner(m, m), numpy.inner(m.numpy(), m.numpy()))
    z, w = random(3, complex=True), random(3, complex=True)
    agrees(flambeau.vdot(z, w), numpy.vdot(z.numpy(), w.numpy()))
    with pytest.raises(RuntimeError, match="dot"):
        flambeau.dot(a, m)


def test_what_beta_0_leaves_out_has_a_gradient_of_zeros():
    for dtype in (flambeau.float32, flambeau.complex64):
        a = flambeau.ones(2, 2, dtype=dtype)
        calls = {
            "addmm": (a, a),
            "addmv": (a, a[0]),
            "addr": (a[0], a[0]),
            "addbmm": (a[None], a[None]),
            "baddbmm": (a[None], a[None]),
        }
        for name, factors in calls.items():
            c = flambeau.full((2,), float("nan"), dtype=dtype, requires_grad=True)
            got = getattr(flambeau, name)(c, *factors, beta=0)
            assert got.isfinite().all(), name
            got.abs().sum().backward()
            assert c.grad.equal(flambeau.zeros(2, dtype=dtype)), name


def test_sums_of_products(agrees, random):
    base, a, b = random(2, 4), random(2, 3), random(3, 4)
    product = a.numpy() @ b.numpy()
    agrees(flambeau.addmm(base, a, b), base.numpy() + product)
    agrees(flambeau.addmm(base, a, b, beta=0.5, alpha=2), 0.5 * base.numpy() + 2 * product)
    nothing = flambeau.full((2, 4), float("nan"), dtype=flambeau.float64)
    agrees(flambeau.addmm(nothing, a, b, beta=0), product)
    agrees(flambeau.addmv(random(2), a, b[:, 0], beta=0), product[:, 0])
    x, y = random(5, 2, 3), random(5, 3, 4)
    agrees(flambeau.addbmm(base, x, y), base.numpy() + (x.numpy() @ y.numpy()).sum(0))
    agrees(flambeau.baddbmm(base, x, y), base.numpy() + x.numpy() @ y.numpy())
    agrees(
        flambeau.addr(base, a[:, 0], b[0]),
        base.numpy() + numpy.outer(a.numpy()[:, 0], b.numpy()[0]),
    )
    expected = base.numpy() + product
    base.addmm_(a, b)
    agrees(base, expected)


def test_chains_and_powers(agrees, random):
    a, b, c = random(3, 4), random(4, 5), random(5)
    agrees(
        flambeau.linalg.multi_dot([a, b, c]),
        numpy.linalg.multi_dot([a.numpy(), b.numpy(), c.numpy()]),
    )
    agrees(flambeau.chain_matmul(a, b), a.numpy() @ b.numpy())
    m = random(3, 3)
    for n in (0, 1, 2, 5):
        agrees(flambeau.matrix_power(m, n), numpy.linalg.matrix_power(m.numpy(), n))


def test_kron_and_cross(agrees, random):
    for left, right in [((2, 3), (4, 5)), ((2,), (3, 2)), ((2, 1, 3), (2,))]:
        a, b = random(*left), random(*right)
        agrees(flambeau.kron(a, b), numpy.kron(a.numpy(), b.numpy()))
    a, b = random(4, 3), random(4, 3)
    agrees(flambeau.cross(a, b, dim=1), numpy.cross(a.numpy(), b.numpy()))
    agrees(flambeau.linalg.cross(a, b[:1]), numpy.cross(a.numpy(), b.numpy()[:1]))
    with pytest.raises(RuntimeError, match="cross: dim 0 has sizes 4 and 4"):
        flambeau.cross(a, b, dim=0)


# The blocked product of float32 and float64: every path of csrc/kernels/gemm/blocked.cpp.

rng = numpy.random.default_rng(0)  # reseeded for each test: conftest.py

SIZES = (1, 2, 3, 4, 5, 7, 13, 16, 17, 33, 48, 65, 97, 130, 260, 400)


def matrix(layout, rows, columns, dtype):
    """A tensor (rows, columns) in a layout, and the same values as a float64 array."""

    def numbers(*shape):
        # Products of these are exact in float64.
        return flambeau.from_numpy(rng.standard_normal(shape).astype("float32").astype(dtype))

    tensor = matrix_in(layout, rows, columns, numbers)
    return tensor, tensor.numpy().astype("float64")


def assert_close_sums(result, expected, magnitude, depth):
    """Within the bound of a sum of `depth` products added in any order (Higham, 2002, section 3.1)."""
    unit = numpy.finfo(result.numpy().dtype).eps / 2
    error = numpy.abs(result.numpy().astype("float64") - expected)
    assert (error <= (depth + 4) * unit * magnitude + 1e-300).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("layout", MATRICES)
def test_products_of_any_sizes_and_layouts(dtype, layout):
    for _ in range(60):
        m, n, k = (int(size) for size in rng.choice(SIZES, 3))
        a, exact_a = matrix(layout, m, k, dtype)
        b, exact_b = matrix(rng.choice(MATRICES), k, n, dtype)
        expected, magnitude = exact_a @ exact_b, numpy.abs(exact_a) @ numpy.abs(exact_b)
        assert_close_sums(a @ b, expected, magnitude, k)
        assert_close_sums(b.t() @ a.t(), expected.T, magnitude.T, k)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("m, k", [(1, 40), (9, 65), (33, 300), (100, 130), (300, 600)])
def test_results_of_any_width(m, k, dtype):
    """Columns that fill the last vector, half of it, or some lanes, beside numbers that must stay."""
    for n in [*range(1, 36), 40, 56, 63, 72, 200]:
        a, exact_a = matrix("plain", m, k, dtype)
        for layout in ("plain", "transposed"):
            b, exact_b = matrix(layout, k, n, dtype)
            expected, magnitude = exact_a @ exact_b, numpy.abs(exact_a) @ numpy.abs(exact_b)
            room = flambeau.full((m * n + 64,), 7.0, dtype=getattr(flambeau, dtype))
            out = room[32 : 32 + m * n].view(m, n)
            out.zero_().addmm_(a, b)
            assert_close_sums(out, expected, magnitude, k)
            assert (room[:32] == 7).all()
            assert (room[32 + m * n :] == 7).all()
            assert_close_sums(a @ b, expected, magnitude, k)


@pytest.mark.parametrize(
    "m, n, k",
    [
        (600, 500, 400),  # panels of B shared by all rows
        (200, 600, 900),  # B packed group by group
        (20, 1100, 700),  # B read in place, a few rows at a time
        (3, 40000, 20),
        (40000, 3, 20),
        (1, 5000, 300),
        (5000, 1, 300),
        (40, 30, 20000),  # slices of K
        (9000, 17, 40),  # more rows than one copy of A holds
        (30, 9000, 33),
    ],
)
def test_large_products(m, n, k):
    for left in ("plain", "transposed", "stepped"):
        for right in ("plain", "transposed"):
            a, exact_a = matrix(left, m, k, "float32")
            b, exact_b = matrix(right, k, n, "float32")
            assert_close_sums(a @ b, exact_a @ exact_b, numpy.abs(exact_a) @ numpy.abs(exact_b), k)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_scaled_sums_with_products(dtype):
    for m, n, k in [(5, 6, 7), (64, 50, 33), (70, 300, 500), (300, 40, 20), (1, 40, 9), (40, 1, 9)]:
        for beta, alpha in [(1, 1), (0.5, 2), (0, -1.5), (-1, 0.25)]:
            a, exact_a = matrix("plain", m, k, dtype)
            b, exact_b = matrix("transposed", k, n, dtype)
            for shape in [(m, n), (n,), (m, 1), (1,), ()]:
                base = flambeau.from_numpy(rng.standard_normal(shape).astype(dtype))
                exact_base = base.numpy().astype("float64")
                assert_close_sums(
                    flambeau.addmm(base, a, b, beta=beta, alpha=alpha),
                    beta * exact_base + alpha * (exact_a @ exact_b),
                    abs(beta * exact_base) + abs(alpha) * (numpy.abs(exact_a) @ numpy.abs(exact_b)),
                    k + 2,
                )


def test_sums_with_products_gradients(random):
    for operator, shapes in [
        (flambeau.addmm, ((2, 4), (2, 3), (3, 4))),
        (flambeau.addmm, ((4,), (2, 3), (3, 4))),
        (flambeau.addmm, ((2, 1), (2, 3), (3, 4))),
        (flambeau.baddbmm, ((2, 2, 4), (2, 2, 3), (2, 3, 4))),
        (flambeau.baddbmm, ((2, 1), (2, 2, 3), (2, 3, 4))),
        (flambeau.addmv, ((2,), (2, 3), (3,))),
        (flambeau.addbmm, ((2, 4), (2, 2, 3), (2, 3, 4))),
    ]:
        inputs = tuple(random(*shape).requires_grad_() for shape in shapes)
        assert gradcheck(lambda *x, f=operator: f(*x, beta=0.5, alpha=2), inputs)
        assert gradgradcheck(lambda *x, f=operator: f(*x, beta=0.5, alpha=2), inputs)


def test_stacks_that_broadcast(agrees, random):
    for left, right in [
        ((4, 3, 2, 5), (3, 5, 2)),
        ((3, 2, 5), (4, 1, 5, 2)),
        ((4, 1, 2, 5), (1, 3, 5, 2)),
        ((2, 1, 3, 2, 5), (4, 1, 5, 2)),
        ((2, 5), (4, 3, 5, 2)),
        ((0, 3, 2, 5), (3, 5, 2)),
    ]:
        a, b = random(*left), random(*right)
        agrees(a @ b, a.numpy() @ b.numpy())
        agrees(a.mT.contiguous().mT @ b, a.numpy() @ b.numpy())
        assert gradcheck(flambeau.matmul, (a.requires_grad_(), b.requires_grad_()))
    with pytest.raises(
        RuntimeError,
        match=r"matmul: stacks of 4 and 3 matrices do not broadcast: input \(2, 4, 2, 5\) @ other \(3, 5, 2\)",
    ):
        random(2, 4, 2, 5) @ random(3, 5, 2)


def test_a_bias_broadcasts_or_raises(random):
    with pytest.raises(RuntimeError, match=r"addmm: input .* does not broadcast"):
        flambeau.addmm(random(3), random(2, 3), random(3, 4))
    with pytest.raises(RuntimeError, match="addmm: input is float32"):
        flambeau.addmm(random(4).float(), random(2, 3), random(3, 4))


def test_products_without_depth_are_zero():
    for m, n in [(3, 4), (1, 1), (0, 4), (300, 300)]:
        a, b = flambeau.empty(m, 0), flambeau.empty(0, n)
        assert (a @ b).equal(flambeau.zeros(m, n))
        assert flambeau.addmm(flambeau.ones(m, n), a, b, beta=2).equal(flambeau.full((m, n), 2.0))


@pytest.mark.parametrize("m, n, k", [(3, 5, 4), (40, 60, 30), (300, 200, 100), (1, 300, 300)])
def test_nan_and_infinity_stay_in_their_rows_and_columns(m, n, k):
    a, b = matrix("plain", m, k, "float32")[0], matrix("plain", k, n, "float32")[0]
    a[m // 2, k - 1] = float("nan")
    b[0, n // 2] = float("inf")
    for result in (a @ b, a @ b.t().contiguous().t(), a.t().contiguous().t() @ b):
        bad = ~flambeau.isfinite(result)
        assert bad[m // 2].all()
        assert bad[:, n // 2].all()
        assert bad.sum() == m + n - 1
    # What beta = 0 multiplies is not read.
    nothing = flambeau.full((m, n), float("nan"))
    a, b = flambeau.ones(m, k), flambeau.ones(k, n)
    assert flambeau.addmm(nothing, a, b, beta=0).equal(flambeau.full((m, n), float(k)))


@pytest.mark.parametrize(
    "m, n, k",
    [
        (300, 300, 300),
        (64, 2000, 700),
        (5, 3000, 500),
        (8, 8, 40000),
        (128, 128, 128),
        (4096, 64, 3),
        (40_000, 4, 3),
        (40_000, 1, 3),
        (457, 200, 500),
        (1, 1000, 900),
    ],
)
def test_products_are_the_same_bits_for_any_number_of_threads(m, n, k):
    before = flambeau.get_num_threads()
    for left in ("plain", "transposed"):
        for right in ("plain", "transposed"):
            a = matrix(left, m, k, "float32")[0]
            b = matrix(right, k, n, "float32")[0]
            results = []
            try:
                for threads in (1, 2, 3, 16):
                    flambeau.set_num_threads(threads)
                    results.append(a @ b)
            finally:
                flambeau.set_num_threads(before)
            assert all(results[0].equal(other) for other in results[1:])


@at_lower_levels
def test_products_of_lower_instruction_sets(level):
    program = """
import numpy, flambeau
rng = numpy.random.default_rng(0)
for m, n, k in [(1, 1, 9), (3, 70, 33), (50, 70, 33), (300, 200, 400), (7, 600, 900), (70, 3, 50), (9, 2, 3), (200, 1, 2), (200, 4, 10)]:
    for dtype in ("float32", "float64"):
        a, b = rng.standard_normal((m, k)).astype(dtype), rng.standard_normal((k, n)).astype(dtype)
        bound = (k + 4) * numpy.finfo(dtype).eps * (abs(a).astype("float64") @ abs(b).astype("float64"))
        exact = a.astype("float64") @ b.astype("float64")
        bt = flambeau.from_numpy(numpy.ascontiguousarray(b.T)).t()
        at = flambeau.from_numpy(numpy.ascontiguousarray(a.T)).t()
        for x in (flambeau.from_numpy(a), at):
            for y in (flambeau.from_numpy(b), bt):
                assert (abs((x @ y).numpy() - exact) <= bound).all(), (m, n, k, dtype)
"""
    run_at_level(level, program)


@pytest.mark.parametrize("dtype", [flambeau.float32, flambeau.float64, flambeau.float16])
def test_products_beyond_the_range_that_alpha_brings_back(dtype):
    large = flambeau.finfo(dtype).max / 2
    a, b = flambeau.full((2, 4), large, dtype=dtype), flambeau.ones(4, 3, dtype=dtype)
    zero = flambeau.zeros(2, 3, dtype=dtype)
    for result in (
        flambeau.addmm(zero, a, b, alpha=0.25),
        flambeau.addbmm(zero, a[None], b[None], alpha=0.25),
        flambeau.baddbmm(zero[None], a[None], b[None], alpha=0.25)[0],
        flambeau.addmv(zero[:, 0], a, b[:, 0], alpha=0.25).unsqueeze(1).expand(2, 3),
    ):
        assert (result == large).all()


def test_factors_of_another_kind_are_refused():
    a, v = flambeau.ones(2, 2), flambeau.ones(2)
    with pytest.raises(RuntimeError, match="addmm: beta=1j is complex"):
        flambeau.addmm(a, a, a, beta=1j)
    with pytest.raises(RuntimeError, match="addr: alpha=True is for bool tensors"):
        flambeau.addr(a, v, v, alpha=True)
    with pytest.raises(RuntimeError, match="addr: beta=0.5 would be cut"):
        flambeau.addr(a.int(), v.int(), v.int(), beta=0.5)


def test_addmm_of_complex_numbers_has_conjugated_gradients():
    flambeau.manual_seed(0)
    for shape in ((3, 3), (2, 3, 3)):
        operator = flambeau.addmm if len(shape) == 2 else flambeau.baddbmm
        operands = [
            flambeau.randn(shape, dtype=flambeau.complex128, requires_grad=True) for _ in range(3)
        ]
        scaled = lambda x, a, b: operator(x, a, b, beta=0.5, alpha=2.0)
        assert gradcheck(scaled, operands)


@pytest.mark.parametrize("k", [1, 2, 3, 17, 65, 129, 257])
@pytest.mark.parametrize("n", [63, 64, 65, 1025])
def test_few_rows_and_terms_of_transposed_operands(agrees, random, k, n):
    """Which are packed, and deeper ones met by dots."""
    for rows in (1, 2, 3, 4):
        a, b, bias = random(rows, k), random(n, k), random(n)
        agrees(a @ b.T, a.numpy() @ b.numpy().T)
        agrees(flambeau.nn.functional.linear(a, b, bias), a.numpy() @ b.numpy().T + bias.numpy())
        agrees(b @ a.T, b.numpy() @ a.numpy().T)


def test_bfloat16_results_keep_denormal_numbers():
    """The instruction that rounds makes them 0."""
    bias = flambeau.tensor([1e-40, -1e-39, 0.0, 2.0, 1.5] * 14).bfloat16()
    none = flambeau.zeros(70, 70).bfloat16()
    found = flambeau.nn.functional.linear(none, none, bias)
    assert found.equal(bias.expand(70, 70)) and (found[:, :2] != 0).all()


@pytest.mark.parametrize("m, n", [(1, 64), (7, 65), (100, 257), (33, 1024), (1025, 100)])
@pytest.mark.parametrize("dtype", [flambeau.float32, flambeau.float64])
def test_a_column_times_a_row_is_their_outer_product(m, n, dtype):
    column, row = flambeau.randn(m, 3, dtype=dtype)[:, 1:2], flambeau.randn(1, n, dtype=dtype)
    column[0, 0] = -0.0
    expected = column.numpy() * row.numpy()
    found = (column @ row).numpy()
    numpy.testing.assert_array_equal(found, expected)
    assert not numpy.signbit(found[0]).any()  # a sum that begins with 0
    numpy.testing.assert_array_equal(
        flambeau.addmm(flambeau.ones(n, dtype=dtype), column, row), expected + 1
    )
    row[0, 3], column[m - 1, 0] = float("inf"), 0.0
    assert flambeau.isnan(column @ row)[m - 1, 3]


@pytest.mark.parametrize("name, front", [("addmm", ()), ("baddbmm", (3,))])
@pytest.mark.parametrize("dtype", [flambeau.float32, flambeau.float64, flambeau.int64])
def test_sums_with_products_in_place_are_those_out_of_place(name, front, dtype):
    for M, K, N in ((5, 7, 9), (1, 0, 3), (0, 2, 2), (65, 33, 40)):
        x, a, b = (
            (flambeau.randn(*front, *sizes) * 9).to(dtype) for sizes in ((M, N), (M, K), (N, K))
        )
        b = b.mT
        wanted = getattr(flambeau, name)(x, a, b)
        version = x._version
        assert getattr(x, name + "_")(a, b) is x and x._version == version + 1
        assert flambeau.equal(x, wanted)


def test_sums_with_products_in_place_refuse_and_copy():
    x = flambeau.arange(9.0).reshape(3, 3)
    wanted = flambeau.addmm(x, x, x.t())
    assert flambeau.equal(x.clone().t().addmm_(x, x.t()), flambeau.addmm(x.t(), x, x.t()))
    assert flambeau.equal(x.addmm_(x, x.t()), wanted)
    for arguments in (((x, x),), (x[:2], x), (x, x[None]), (x.double(), x)):
        with pytest.raises((RuntimeError, TypeError)):
            x.addmm_(*arguments)
    with pytest.raises(RuntimeError):
        flambeau.zeros(3).addmm_(x, x)  # the result has more dims
    leaf = flambeau.ones(3, 3, requires_grad=True)
    with pytest.raises(RuntimeError):
        leaf.addmm_(x, x)
    (leaf * 1).addmm_(leaf, x).sum().backward()
    assert flambeau.equal(leaf.grad, 1 + x.sum(1).expand(3, 3))


@pytest.mark.parametrize("dtype", [flambeau.float32, flambeau.float64])
@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
def test_many_rows_times_a_few_columns(n, dtype):
    tolerance = 1e-5 if dtype is flambeau.float32 else 1e-14
    for k in (1, 2, 3, 5, 10, 11, 17, 40, 41):
        for m in (9, 2001):
            a, b = flambeau.randn(m, k + 2, dtype=dtype)[:, 1:-1], flambeau.randn(k, n, dtype=dtype)
            c, column, row = (flambeau.randn(*s, dtype=dtype) for s in ((m, n), (m, 1), (n,)))
            plain = (a.double().unsqueeze(2) * b.double()).sum(1)
            for left in (a, a.contiguous(), a.mT.contiguous().mT):
                for right in (b, b.mT.contiguous().mT):
                    results = [
                        (left @ right, plain),
                        ((right.mT @ left.mT).mT, plain),
                        (flambeau.nn.functional.linear(left, right.mT, row), plain + row.double()),
                        (flambeau.addmm(c, left, right, beta=2, alpha=0.5), 2 * c + plain / 2),
                        (flambeau.addmm(column, left, right), column + plain),
                    ]
                    for got, expected in results:
                        assert (got.double() - expected).abs().max() <= tolerance * (k + 3)


def test_sums_of_few_products_have_no_minus_zero_and_keep_nan_in_its_row():
    for k in range(1, 12):
        a = flambeau.full((100, k), -0.0)
        a[3, 0] = flambeau.nan
        for n in (1, 2, 4):
            result = a @ flambeau.ones(k, n)
            assert result[3].isnan().all() and result.isnan().sum() == n
            assert not result[:3].signbit().any() and not result[4:].signbit().any()


@pytest.mark.parametrize("n", [0, 1, 7, 31, 32, 33, 1025, 40_001, 100_000])
def test_dots_of_float16_are_summed_in_float32(n):
    x, y = flambeau.randn(n).half(), flambeau.randn(2 * n).half()[::2]
    products = x.double() * y.double()
    results = []
    before = flambeau.get_num_threads()
    for threads in (1, 2, 16):
        flambeau.set_num_threads(threads)
        results += [flambeau.dot(x, y), flambeau.dot(x, y.contiguous())]
    flambeau.set_num_threads(before)
    bound = 2.0**-11 * products.sum().abs() + 2.0**-20 * (products.abs().sum() + 1)
    assert all((result.double() - products.sum()).abs() <= bound for result in results)
    assert all(flambeau.equal(result, results[k % 2]) for k, result in enumerate(results))
    if n:
        x[n // 2] = flambeau.inf
        y[n // 2] = 0
        assert flambeau.dot(x, y).isnan()


@pytest.mark.parametrize("dtype", [flambeau.float32, flambeau.float64])
def test_sums_with_products_of_one_term(dtype):
    for shape in ((20, 30, 40), (70, 80), (3, 1500, 1)):
        a = flambeau.randn(*shape[:-1], 1, dtype=dtype, requires_grad=True)
        b = flambeau.randn(*shape[:-2], 1, shape[-1], dtype=dtype, requires_grad=True)
        add = flambeau.addmm if len(shape) == 2 else flambeau.baddbmm
        for size in (shape, shape[-1:], (shape[-2], 1), (1,) * len(shape)):
            input = flambeau.randn(*size, dtype=dtype, requires_grad=True)
            got = add(input, a, b)
            assert got.shape == shape and flambeau.allclose(got, input + a * b, atol=1e-5)
            grads = flambeau.autograd.grad(got.sum(), (input, a, b))
            expected = flambeau.autograd.grad((input + a * b).sum(), (input, a, b))
            assert all(
                flambeau.allclose(x, y, rtol=1e-4, atol=1e-4)
                for x, y in zip(grads, expected, strict=True)
            )


@pytest.mark.parametrize("dtype", [flambeau.complex64, flambeau.complex128, flambeau.float32])
def test_a_vector_plus_a_matrix_times_a_vector(dtype):
    for m, k in ((1, 1), (5, 3), (1000, 4), (1000, 10), (3, 70), (300, 11)):
        for a in (flambeau.randn(m, k, dtype=dtype), flambeau.randn(k, m, dtype=dtype).mT):
            v, c = flambeau.randn(k, dtype=dtype), flambeau.randn(m, dtype=dtype)
            product = (a * v).sum(1)
            for input in (c, c[:1], c[0]):
                assert flambeau.allclose(flambeau.addmv(input, a, v), input + product, atol=1e-4)
            got = flambeau.addmv(c, a, v, beta=2, alpha=3)
            assert flambeau.allclose(got, 2 * c + 3 * product, atol=1e-4)


@pytest.mark.parametrize("with_sum", [False, True])
@pytest.mark.parametrize("dtype", [flambeau.float64, flambeau.complex128])
@pytest.mark.parametrize("rows, inner, columns", [(5, 7, 3), (5, 7, 1), (1, 7, 3), (40, 1, 30)])
def test_gradients_of_transposed_factors_are_contiguous(rows, inner, columns, dtype, with_sum):
    a = flambeau.randn(inner, rows, dtype=dtype, requires_grad=True)
    b = flambeau.randn(columns, inner, dtype=dtype, requires_grad=True)
    weights = flambeau.randn(rows, columns, dtype=dtype)

    def product(a, b):
        if with_sum:
            return flambeau.addmm(weights, a.t(), b.t(), beta=2, alpha=3)
        return a.t() @ b.t()

    gradients = flambeau.autograd.grad(product(a, b), (a, b), weights)
    assert all(gradient.is_contiguous() for gradient in gradients)
    flambeau.autograd.gradcheck(product, (a, b))
    flambeau.autograd.gradgradcheck(product, (a, b))


@pytest.mark.parametrize("shape", [(257, 1), (30, 4), (2, 30, 4), (1, 2, 30, 4)])
def test_gradients_of_distances_by_products_are_contiguous(shape):
    a, b = (flambeau.randn(*shape, requires_grad=True) for _ in range(2))
    gradients = flambeau.autograd.grad(flambeau.cdist(a, b).sum(), (a, b))
    assert all(gradient.is_contiguous() for gradient in gradients)
