"""Diagonals and triangles of matrices."""

import numpy
import pytest

import flambeau
from flambeau.autograd import gradcheck


def test_diag_both_ways(agrees, random):
    vector, matrix = random(3), random(3, 4)
    for offset in (-2, 0, 1):
        agrees(flambeau.diag(vector, offset), numpy.diag(vector.numpy(), offset))
        agrees(matrix.diag(offset), numpy.diag(matrix.numpy(), offset))
        agrees(flambeau.diagflat(matrix, offset), numpy.diagflat(matrix.numpy(), offset))
    with pytest.raises(RuntimeError, match=r"diag: input \(2, 2, 2\) must have 1 or 2 dims"):
        flambeau.diag(random(2, 2, 2))


def test_diag_embed(random):
    x = random(2, 3)
    out = flambeau.diag_embed(x, 1, 0, 2)
    assert out.shape == (4, 2, 4)
    assert flambeau.equal(out.diagonal(1, 0, 2), x)
    assert out.sum() == pytest.approx(float(x.sum()))
    assert gradcheck(lambda x: flambeau.diag_embed(x, -1) ** 2, (x.requires_grad_(),))


@pytest.mark.parametrize("shape", [(3, 3), (2, 4), (4, 2), (2, 3, 3), (0, 3)])
def test_triangles(agrees, random, shape):
    x = random(*shape)
    for k in (-1, 0, 2):
        agrees(flambeau.tril(x, k), numpy.tril(x.numpy(), k))
        agrees(x.triu(k), numpy.triu(x.numpy(), k))
    y = x.clone()
    assert y.tril_() is y
    agrees(y, numpy.tril(x.numpy()))
    with pytest.raises(RuntimeError):
        flambeau.triu(random(3))


def test_triangle_drops_nan():
    x = flambeau.full((2, 2), float("nan"))
    assert flambeau.tril(x, -2).tolist() == [[0, 0], [0, 0]]


def test_triangle_indices(agrees):
    agrees(flambeau.tril_indices(3, 4, -1), numpy.array(numpy.tril_indices(3, -1, 4)))
    agrees(flambeau.triu_indices(3, 4, 1), numpy.array(numpy.triu_indices(3, 1, 4)))
    assert flambeau.triu_indices(2, 2, dtype=flambeau.int32).dtype == flambeau.int32


def test_trace_and_vander(agrees, random):
    x = random(3, 4)
    agrees(flambeau.trace(x), numpy.trace(x.numpy()))
    v = random(4)
    agrees(flambeau.vander(v), numpy.vander(v.numpy()))
    agrees(flambeau.vander(v, 3, True), numpy.vander(v.numpy(), 3, True))
    agrees(flambeau.linalg.vander(v), numpy.vander(v.numpy(), increasing=True))


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float16", "bfloat16", "complex64"])
def test_triangle_of_every_dtype(dtype):
    # Positions are compared as integers: as float16 they would blur beyond 2048, as bool at once.
    x = flambeau.ones(5, 5, dtype=getattr(flambeau, dtype))
    assert flambeau.tril(x, 1).dtype == x.dtype
    assert flambeau.tril(x, -2).to(flambeau.complex64).real.tolist() == numpy.tri(5, k=-2).tolist()
    wide = flambeau.ones(2, 4100, dtype=getattr(flambeau, dtype))
    assert flambeau.triu(wide, 4098).to(flambeau.complex64).abs().sum() == 3


def test_vander_of_nothing():
    x = flambeau.ones(2, 0, requires_grad=True)
    powers = flambeau.linalg.vander(x, N=4)
    assert powers.shape == (2, 0, 4)
    powers.sum().backward()
    assert x.grad.shape == (2, 0)
    with pytest.raises(RuntimeError, match="N is 1; it must be 2 or more"):
        flambeau.linalg.vander(flambeau.ones(1))


@pytest.mark.parametrize("dtype", ["bool", "uint8", "float16", "float32", "float64", "complex128"])
def test_embedded_diagonals_of_all_sizes(dtype):
    for shape in ((0,), (1,), (65,), (1025,), (300, 7), (3, 0), (0, 4), (2, 3, 40), (4000, 10)):
        x = (flambeau.rand(shape) * 5 - 1).to(getattr(flambeau, dtype))
        for offset in (0, 1, -1, 9, -70):
            n = shape[-1] + abs(offset)
            made = flambeau.diag_embed(x, offset)
            assert made.shape == (*shape[:-1], n, n) and made.dtype == x.dtype
            assert flambeau.equal(made.diagonal(offset, -2, -1), x)
            assert int((made != 0).sum()) == int((x != 0).sum())
            strided = flambeau.stack([x, x], -1)[..., 0]
            assert flambeau.equal(flambeau.diag_embed(strided, offset), made)
    v = flambeau.rand(3, 4, dtype=flambeau.float64, requires_grad=True)
    assert flambeau.autograd.gradcheck(lambda v: flambeau.diag_embed(v, -2) ** 2, [v])


@pytest.mark.parametrize("dtype", ("bool", "int64", "bfloat16", "float32", "complex128"))
def test_triangles_of_any_order_of_memory(agrees, dtype):
    values = numpy.arange(1, 3 * 70 * 41 + 1).reshape(3, 70, 41)
    x = flambeau.from_numpy(values).to(getattr(flambeau, dtype))
    wide = x.to(flambeau.complex128).numpy()
    for t, w in ((x.mT, wide.swapaxes(1, 2)), (x.permute(1, 2, 0), wide.transpose(1, 2, 0))):
        for part, array in ((t, w), (t[..., ::2], w[..., ::2]), (t[:, 1:], w[:, 1:])):
            for k in (-3, 0, 1, 99):
                assert (part.tril(k).to(flambeau.complex128).numpy() == numpy.tril(array, k)).all()
                assert (part.triu(k).to(flambeau.complex128).numpy() == numpy.triu(array, k)).all()


def test_places_of_triangles_are_numpys():
    for rows in (0, 1, 5, 300):
        for columns in (0, 1, 7, 301):
            for offset in (-400, -2, -1, 0, 1, 3, 400):
                lower = numpy.stack(numpy.tril_indices(rows, offset, columns))
                upper = numpy.stack(numpy.triu_indices(rows, offset, columns))
                numpy.testing.assert_array_equal(
                    flambeau.tril_indices(rows, columns, offset).numpy(), lower
                )
                numpy.testing.assert_array_equal(
                    flambeau.triu_indices(rows, columns, offset).numpy(), upper
                )
    assert flambeau.tril_indices(3, 3, dtype=flambeau.int32).dtype == flambeau.int32
    assert flambeau.triu_indices(3, 4, 1, device="meta").shape == (2, 6)


def test_vector_products_of_halves_round_each_product():
    random = numpy.random.default_rng(0)
    for dtype in (flambeau.float16, flambeau.bfloat16):
        for shape, dim in (((3,), 0), ((300, 3), 1), ((3, 300), 0), ((2, 3, 130), 1), ((0, 3), 1)):
            a, b = (flambeau.from_numpy(random.standard_normal(shape)).to(dtype) for _ in range(2))
            x, y = a.roll(-1, dim), a.roll(-2, dim)
            want = x * b.roll(-2, dim) - y * b.roll(-1, dim)
            numpy.testing.assert_array_equal(
                flambeau.linalg.cross(a, b, dim=dim).float().numpy(), want.float().numpy()
            )
