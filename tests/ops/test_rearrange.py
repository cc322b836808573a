"""Elements moved or repeated, dimensions moved, split or copied."""

import numpy
import pytest

import flambeau
from flambeau.autograd import gradcheck


def test_movedim(agrees, random):
    x = random(2, 3, 4)
    for source, destination in [(0, 2), (-1, 0), ((0, 1), (2, 0)), ((2,), (0,))]:
        expected = numpy.moveaxis(x.numpy(), source, destination)
        agrees(flambeau.movedim(x, source, destination), expected)
        agrees(x.moveaxis(source, destination), expected)
    with pytest.raises(RuntimeError):
        x.movedim((0, 0), (1, 2))
    with pytest.raises(IndexError):
        x.movedim(3, 0)


def test_turns_and_flips(agrees, random):
    x = random(2, 3, 4)
    for k in range(-1, 5):
        agrees(flambeau.rot90(x, k, (0, 2)), numpy.rot90(x.numpy(), k, (0, 2)))
    agrees(flambeau.fliplr(x), numpy.fliplr(x.numpy()))
    agrees(x.flipud(), numpy.flipud(x.numpy()))
    with pytest.raises(RuntimeError):
        flambeau.fliplr(random(3))


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32", "float64", "complex128"])
def test_flips_of_every_length(dtype):
    for n in (1, 2, 15, 16, 31, 33, 70):
        x = numpy.arange(3 * n).reshape(3, n).astype(dtype)
        for dims in ((1,), (0, 1)):
            assert (flambeau.from_numpy(x).flip(dims).numpy() == numpy.flip(x, dims)).all()


def test_repeat_and_tile(agrees, random):
    x = random(2, 3)
    agrees(x.repeat(2, 1, 3), numpy.tile(x.numpy(), (2, 1, 3)))
    agrees(x.repeat((1, 0)), numpy.tile(x.numpy(), (1, 0)))
    agrees(flambeau.tile(x, (2,)), numpy.tile(x.numpy(), (2,)))
    assert x.repeat(1, 1).data_ptr() != x.data_ptr()
    assert gradcheck(lambda y: y.repeat(2, 2), (x.requires_grad_(),))
    with pytest.raises(
        RuntimeError, match=r"repeat: \(2,\) has fewer numbers than tensor \(2, 3\) has dims"
    ):
        x.repeat(2)


def test_unflatten_and_ravel(random):
    x = random(2, 12)
    assert x.unflatten(1, (3, -1)).shape == (2, 3, 4)
    assert flambeau.unflatten(x, -1, (3, 4)).shape == (2, 3, 4)
    assert x.ravel().shape == (24,)
    with pytest.raises(
        RuntimeError, match=r"unflatten: sizes \[5, -1\] do not multiply to 12, the size of dim 1"
    ):
        x.unflatten(1, (5, -1))
    with pytest.raises(TypeError, match=r"unflatten: sizes are \[\[3\], 4\]; they must be ints"):
        x.unflatten(1, [[3], 4])


def test_unflatten_is_a_view_with_history(random):
    x = random(2, 12)
    part = x.t().unflatten(0, [-1, 4])
    assert part.shape == (3, 4, 2) and part.data_ptr() == x.data_ptr()
    assert part.tolist() == x.t().reshape(3, 4, 2).tolist()
    assert gradcheck(lambda y: y.unflatten(-1, (2, -1, 3)) ** 2, (x.requires_grad_(),))
    empty = flambeau.zeros(2, 0)
    assert empty.unflatten(1, (3, -1)).shape == (2, 3, 0)
    with pytest.raises(RuntimeError, match=r"unflatten: sizes \[0, -1\] do not multiply to 0"):
        empty.unflatten(1, (0, -1))
    with pytest.raises(RuntimeError, match="unflatten: sizes are empty"):
        x.unflatten(1, ())
    with pytest.raises(IndexError):
        flambeau.zeros(()).unflatten(1, (1,))


def test_scatters_copy():
    x = flambeau.zeros(3, 3)
    assert flambeau.select_scatter(x, flambeau.ones(3), 0, 1).tolist() == [
        [0] * 3,
        [1] * 3,
        [0] * 3,
    ]
    assert flambeau.diagonal_scatter(x, flambeau.ones(3)).tolist() == numpy.eye(3).tolist()
    assert flambeau.slice_scatter(x, flambeau.ones(3, 1), 1, 2).sum() == 3
    assert x.sum() == 0
    with pytest.raises(
        RuntimeError,
        match=r"select_scatter: src \(2,\) must have the shape of the part it replaces, \(3,\)",
    ):
        flambeau.select_scatter(x, flambeau.ones(2), 0, 1)


def test_scatters_are_differentiable(random):
    x, row, diagonal = (random(*s).requires_grad_() for s in [(3, 3), (3,), (3,)])
    assert gradcheck(lambda x, row: flambeau.select_scatter(x, row, 0, 1) ** 2, (x, row))
    assert gradcheck(lambda x, d: flambeau.diagonal_scatter(x, d) ** 2, (x, diagonal))
    assert gradcheck(
        lambda x, d: flambeau.slice_scatter(x, d.view(3, 1), 1, 1, 2) ** 2, (x, diagonal)
    )


def test_unravel_index(agrees):
    positions = numpy.array([0, 5, 11])
    expected = numpy.unravel_index(positions, (3, 4))
    agrees(flambeau.unravel_index(flambeau.tensor(positions), (3, 4)), list(expected))


def test_copies_of_views():
    x = flambeau.arange(6).view(2, 3)
    y = flambeau.transpose_copy(x, 0, 1)
    assert y.tolist() == x.t().tolist()
    y.zero_()
    assert x.sum() == 15
    assert [piece.tolist() for piece in flambeau.unbind_copy(x)] == [[0, 1, 2], [3, 4, 5]]


def test_copies_of_views_and_ravel_are_contiguous():
    x = flambeau.randn(2, 3, 4, 5).to(memory_format=flambeau.channels_last)
    for copy in (
        flambeau.slice_copy(x, 0, 0, 2), flambeau.narrow_copy(x, 1, 0, 2), flambeau.alias_copy(x),
        flambeau.arange(9)[::2].ravel(), flambeau.arange(9).as_strided((5,), (2,)).ravel(),
    ):  # fmt: skip
        assert copy.is_contiguous()
    assert x.contiguous().ravel()._base is not None


def test_turns_of_every_second_element():
    """Read forwards and backwards, in blocks and behind the last one; take() of what has gaps, too."""
    for n in (1, 2, 65, 257, 600):
        for dtype in ("uint8", "int16", "float32", "float64", "complex128"):
            wide = numpy.random.default_rng(n).integers(0, 200, (3, 2 * n)).astype(dtype)
            array, x = wide[:, ::2], flambeau.from_numpy(wide)[:, ::2]
            numpy.testing.assert_array_equal(x.flip(0).numpy(), numpy.flip(array, 0))
            numpy.testing.assert_array_equal(x.flip(1).numpy(), numpy.flip(array, 1))
            numpy.testing.assert_array_equal(x.rot90().numpy(), numpy.rot90(array))
            numpy.testing.assert_array_equal(x.roll(3, 1).numpy(), numpy.roll(array, 3, 1))
            places = numpy.random.default_rng(1).integers(-3 * n, 3 * n, 500)
            numpy.testing.assert_array_equal(
                x.take(flambeau.from_numpy(places)).numpy(), array.take(places)
            )
