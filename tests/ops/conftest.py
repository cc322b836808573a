"""What the tests of operators share: comparison with NumPy, and with PyTorch where it is installed."""

import numpy
import pytest

import flambeau


def _array(value):
    return value.detach().numpy() if hasattr(value, "detach") else numpy.asarray(value)


def _compare(got, expected):
    if isinstance(expected, (tuple, list)):
        assert len(got) == len(expected)
        for one, other in zip(got, expected):
            _compare(one, other)
        return
    got, expected = _array(got), _array(expected)
    assert got.shape == expected.shape
    precise = expected.dtype in (numpy.float64, numpy.complex128)
    numpy.testing.assert_allclose(
        got, expected, rtol=1e-10 if precise else 1e-5, atol=1e-12 if precise else 1e-6
    )


@pytest.fixture
def agrees():
    """agrees(tensors, arrays): same structure, shapes and, nearly, values."""
    return _compare


@pytest.fixture
def random():
    """random(2, 3): a float64 tensor of normal numbers; random(2, 3, complex=True) a complex128 one."""
    generator = numpy.random.default_rng(0)

    def make(*shape, complex=False):
        values = generator.standard_normal(shape)
        if complex:
            values = values + 1j * generator.standard_normal(shape)
        return flambeau.tensor(values)

    return make


def _leaves(result):
    return (
        [leaf for part in result for leaf in _leaves(part)]
        if isinstance(result, (tuple, list))
        else [result]
    )


@pytest.fixture
def as_pytorch():
    """as_pytorch(call, *arrays): call(flambeau, *tensors) does what call(torch, *tensors) does.

    Values, dtypes, shapes and the gradients of all floating arrays are compared; or, where PyTorch
    raises, the type of the exception.
    """
    torch = pytest.importorskip("torch")

    def run(module, call, arrays):
        inputs = [module.tensor(array) for array in arrays]
        for x in inputs:
            if x.dtype.is_floating_point or x.dtype.is_complex:
                x.requires_grad_()
        results = [
            leaf for leaf in _leaves(call(module, *inputs)) if hasattr(leaf, "requires_grad")
        ]
        differentiable = [leaf for leaf in results if leaf.requires_grad]
        if differentiable:
            total = sum(
                (leaf * leaf.detach().cos().conj()).real.sum()
                if leaf.dtype.is_complex
                else (leaf * leaf.detach().cos()).sum()
                for leaf in differentiable
            )
            total.backward()
        return results, [x.grad for x in inputs]

    def compare(call, *arrays):
        try:
            expected, expected_grads = run(torch, call, arrays)
        except Exception as error:
            with pytest.raises(type(error)):
                run(flambeau, call, arrays)
            return
        got, grads = run(flambeau, call, arrays)
        assert [str(leaf.dtype) for leaf in got] == [str(leaf.dtype) for leaf in expected]
        _compare(got, expected)
        for mine, reference in zip(grads, expected_grads):
            if reference is not None:
                _compare(flambeau.zeros(reference.shape) if mine is None else mine, reference)

    return compare
