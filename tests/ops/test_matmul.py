"""Products of vectors and matrices."""

import numpy
import pytest

import flambeau
from flambeau.autograd import gradcheck


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
    with pytest.raises(RuntimeError, match="at least 1 dimension"):
        flambeau.matmul(random(), random(2))
    with pytest.raises(RuntimeError, match="dtypes differ"):
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
    with pytest.raises(RuntimeError, match="length 3"):
        flambeau.cross(a, b, dim=0)
