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


@pytest.mark.parametrize("dims", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (1, 0, 2)])
def test_parts_that_lie_alike_are_joined_as_they_lie(dims):
    x = flambeau.arange(60.0).reshape(3, 4, 5).permute(dims)
    y = x + 0.5
    z = flambeau.complex(x, y)
    assert z.stride() == x.stride()
    assert z.real.equal(x) and z.imag.equal(y)
    w = flambeau.complex(x, y.contiguous())  # the first decides
    assert w.stride() == x.stride() and w.equal(z)
    assert flambeau.complex(x.contiguous(), y).is_contiguous()
    for part in (z[:, ::2], z[1:1], z[:1]):  # strides that leave room, none, one
        a, b = part.real.contiguous(), part.imag
        assert flambeau.complex(part.real, b).equal(flambeau.complex(a, b.contiguous()))
    by_rows = flambeau.vmap(flambeau.complex, 1, 1)(x, y)
    assert by_rows.equal(z)
    out = flambeau.empty(x.shape, dtype=z.dtype)
    assert flambeau.complex(x, y, out=out) is out and out.equal(z) and out.is_contiguous()
    x, y = x.clone().requires_grad_(), y.clone().requires_grad_()
    flambeau.complex(x, y).abs().square().sum().backward()
    flambeau.testing.assert_close(x.grad, 2 * x.detach())
    flambeau.testing.assert_close(y.grad, 2 * y.detach())
    wide = flambeau.ones(1, 4, 1).expand(3, 4, 5)
    assert flambeau.complex(wide, wide).equal(flambeau.full((3, 4, 5), 1 + 1j))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_parts_of_any_layout_and_their_slopes(dtype):
    """Turned, broadcast and empty parts; the order of the result in memory is theirs."""
    rng = numpy.random.default_rng(0)
    for shape, other in [((), ()), ((0,), (0,)), ((65,), (1,)), ((257, 3), (3,)), ((3, 1), (1, 5))]:
        a, b = rng.random(shape).astype(dtype), rng.random(other).astype(dtype)
        x, y = (flambeau.tensor(v, requires_grad=True) for v in (a, b))
        z = flambeau.complex(x, y)
        numpy.testing.assert_array_equal(z.detach().numpy(), a + 1j * b)
        (z.real * 2 + z.imag * 3).sum().backward()
        assert x.grad.dtype is x.dtype and (x.grad == 2 * z.numel() / max(x.numel(), 1)).all()
        assert (y.grad == 3 * z.numel() / max(y.numel(), 1)).all()
        numpy.testing.assert_allclose(
            flambeau.polar(x, y).detach().numpy(), a * numpy.exp(1j * b), 1e-6
        )
    turned = flambeau.rand(3, 5).t()
    assert flambeau.complex(turned, turned).stride() == turned.stride()
    inf, nan = float("inf"), float("nan")
    z = flambeau.complex(flambeau.tensor([inf, nan, 1.0]), flambeau.tensor([1.0, inf, nan]))
    assert [str(v) for v in z.tolist()] == ["(inf+1j)", "(nan+infj)", "(1+nanj)"]
