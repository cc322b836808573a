"""Complex tensors made of pairs of real ones."""

import numpy
import pytest

import flambeau
from flambeau.autograd import gradcheck


def test_complex_and_polar(agrees, random):
    a, b = random(3), random(3)
    agrees(flambeau.complex(a, b), a.numpy() + 1j * b.numpy())
    agrees(flambeau.polar(a, b), a.numpy() * numpy.exp(1j * b.numpy()))
    assert flambeau.complex(a.float(), b.float()).dtype == flambeau.complex64
    a.requires_grad_(), b.requires_grad_()
    assert gradcheck(flambeau.complex, (a, b))
    assert gradcheck(flambeau.polar, (a, b))
    with pytest.raises(RuntimeError, match="must be the same"):
        flambeau.complex(a, b.float())
