"""Variable, as programs from before 2018 write it."""

import pytest

import flambeau
from flambeau.autograd import Variable


def test_variable_is_a_tensor_with_a_graph_of_its_own():
    x = flambeau.ones(2, 2)
    v = Variable(x, requires_grad=True)
    assert isinstance(v, Variable)
    assert isinstance(v, flambeau.Tensor)
    assert isinstance(x, Variable)
    assert not isinstance(3, Variable)
    assert v.requires_grad and not x.requires_grad
    assert v.data_ptr() == x.data_ptr()
    (v * v).sum().backward()
    assert v.grad.tolist() == [[2, 2], [2, 2]]


def test_volatile_warns():
    with pytest.warns(UserWarning, match="volatile"):
        assert not Variable(flambeau.ones(1), volatile=True).requires_grad
