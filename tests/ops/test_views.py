"""Views under further names, and those that change a tensor's own layout in place."""

import numpy
import pytest

import flambeau


def test_transposed_properties(agrees, random):
    x = random(2, 3, 4)
    agrees(x.mT, x.numpy().swapaxes(-1, -2))
    agrees(x[0].T, x.numpy()[0].T)
    z = random(2, 3, complex=True)
    agrees(z.mH, z.numpy().conj().T)
    agrees(z.H, z.numpy().conj().T)
    agrees(z.adjoint(), z.numpy().conj().T)
    agrees(x.swapaxes(0, 2), x.numpy().swapaxes(0, 2))
    with pytest.raises(RuntimeError):
        random(3).mT
    with pytest.raises(RuntimeError):
        x.H


def test_views_after_another_tensor(random):
    x = random(2, 6)
    assert x.view_as(random(3, 4)).shape == (3, 4)
    assert random(1, 3).expand_as(random(2, 3)).shape == (2, 3)
    assert x.t().reshape_as(random(4, 3)).shape == (4, 3)


def test_views_in_place():
    x = flambeau.arange(6.0).view(2, 3)
    pointer = x.data_ptr()
    assert x.t_() is x
    assert x.shape == (3, 2) and x.data_ptr() == pointer
    assert x.unsqueeze_(0).shape == (1, 3, 2)
    assert x.transpose_(0, 1).squeeze_().tolist() == [[0, 3], [1, 4], [2, 5]]


def test_views_in_place_keep_the_history():
    leaf = flambeau.ones(2, 3, requires_grad=True)
    y = leaf * 2
    y.t_()
    (y * flambeau.arange(6.0).view(3, 2)).sum().backward()
    assert leaf.grad.tolist() == [[0, 4, 8], [2, 6, 10]]


@pytest.mark.parametrize("shape", [(3, 3), (2, 4), (7, 3), (3, 3, 3)])
@pytest.mark.parametrize("wrap", [False, True])
def test_fill_diagonal(shape, wrap):
    x = flambeau.zeros(shape)
    expected = numpy.zeros(shape)
    numpy.fill_diagonal(expected, 5, wrap=wrap)
    assert x.fill_diagonal_(5, wrap).tolist() == expected.tolist()


@pytest.mark.parametrize("part", [slice(4, None), slice(None, 6), slice(None, None, 2)])
def test_as_strided_beyond_its_input_gives_gradients_to_the_input_alone(part):
    # Its layout counts from the start of the memory: it shows elements that the input does not,
    # and gradients of those once were written outside of the input's own.
    x = flambeau.arange(10.0, requires_grad=True)
    y = x * 2
    whole = y[part].as_strided((10,), (1,), 0)
    (grad,) = flambeau.autograd.grad((whole**2).sum(), x, create_graph=True)
    shown = flambeau.zeros(10)
    shown[part] = 1
    assert whole.tolist() == y.tolist()
    assert grad.tolist() == (8 * x * shown).tolist()
    (second,) = flambeau.autograd.grad(grad.sum(), x)
    assert second.tolist() == (8 * shown).tolist()


def test_a_copy_that_reshape_made_is_no_view():
    x = flambeau.ones(2, 3, requires_grad=True)
    flat = x.t().reshape(-1)
    assert not flat._is_view() and flat._base is None and x.reshape(-1)._base is x
    flat.mul_(flambeau.arange(6.0))
    flat.sum().backward()
    assert x.grad.tolist() == [[0, 2, 4], [1, 3, 5]]


def test_expanded_dimensions_of_one_have_the_strides_of_unsqueeze():
    x = flambeau.ones(5)
    assert x.expand(1, 1, 5).stride() == x[None, None].stride() == (5, 5, 1)
    assert x.expand(2, 1, 5).stride() == (0, 5, 1)
    assert flambeau.ones(()).expand(1, 3, 1).stride() == (0, 0, 1)
    assert flambeau.ones(0, 3).expand(2, 1, 0, 3).shape == (2, 1, 0, 3)


def test_resizing_takes_formats():
    x = flambeau.empty(0).resize_((2, 3, 4, 5), memory_format=flambeau.channels_last)
    assert x.is_contiguous(memory_format=flambeau.channels_last) and x.stride() == (60, 1, 15, 3)
    y = flambeau.empty(0).resize_as_(x, memory_format=flambeau.preserve_format)
    assert y.stride() == x.stride() and flambeau.empty(0).resize_as_(x).is_contiguous()
    assert flambeau.empty(0).resize_((0, 3, 4, 5)).numel() == 0
    with pytest.raises(RuntimeError, match="dimensions"):
        x.resize_((2, 3), memory_format=flambeau.channels_last)
    with pytest.raises(RuntimeError, match="negative"):
        x.resize_(-2)


def test_narrow_beyond_every_size():
    with pytest.raises(RuntimeError, match="narrow"):
        flambeau.ones(3).narrow(0, 1, 2**63 - 1)


def test_a_python_type_stands_for_a_dtype():
    x = flambeau.arange(4.0)
    assert flambeau.equal(x.view(float), x.view(flambeau.float64))
    assert flambeau.equal(flambeau.view_copy(x, int), x.view(flambeau.int64))
    with pytest.raises(TypeError, match="view: dtype must be"):
        x.view(str)


@pytest.mark.parametrize("sizes", [(1, 3, 2), (3, 1, 2), (1, 1, 2), (1, 2)])
def test_pairs_in_an_array_with_odd_steps_of_single_places_are_complex(sizes):
    # A copy that NumPy makes of such an array steps by one number where there is one place.
    pairs = numpy.arange(numpy.prod(sizes), dtype=numpy.float32)
    steps = [4 if size == 1 else step for size, step in zip(sizes, pairs.reshape(sizes).strides)]
    array = numpy.lib.stride_tricks.as_strided(pairs, sizes, steps)
    seen = flambeau.view_as_complex(flambeau.from_numpy(array))
    assert seen.tolist() == pairs.view(numpy.complex64).reshape(sizes[:-1]).tolist()
    x = flambeau.zeros(sizes[:-1], dtype=flambeau.complex64, requires_grad=True)
    flambeau.view_as_real(x).backward(flambeau.from_numpy(array))
    assert flambeau.equal(x.grad, seen)


def test_pairs_with_odd_steps_are_not_complex():
    with pytest.raises(RuntimeError, match="not all even"):
        flambeau.view_as_complex(flambeau.zeros(9).as_strided((2, 2), (3, 1)))
