"""Transforms: inverses, volume changes, shapes; and registries from constraints to them."""

import copy
import pickle

import pytest

import flambeau as torch
from flambeau import distributions as D
from flambeau.distributions import constraints, transforms


def t(*values):
    return torch.tensor(values, dtype=torch.float64)


TRANSFORMS = {
    "exp": (D.ExpTransform(), ()),
    "power": (D.PowerTransform(t(2.5)), (1,)),
    "sigmoid": (D.SigmoidTransform(), ()),
    "softplus": (D.SoftplusTransform(), ()),
    "tanh": (D.TanhTransform(), ()),
    "affine": (D.AffineTransform(t(1.0, -1.0), t(-2.0, 0.5)), (2,)),
    "affine of vectors": (D.AffineTransform(0.5, -3.0, event_dim=1), (4,)),
    "composed": (D.ComposeTransform([D.AffineTransform(0.1, 0.5), D.SigmoidTransform()]), ()),
    "independent": (D.IndependentTransform(D.ExpTransform(), 1), (3,)),
    "reshape": (D.ReshapeTransform((2, 3), (6,)), (2, 3)),
    "stick breaking": (D.StickBreakingTransform(), (4,)),
    "lower cholesky": (D.LowerCholeskyTransform(), (3, 3)),
    "correlation": (D.CorrCholeskyTransform(), (6,)),
    "stack": (D.StackTransform([D.ExpTransform(), D.TanhTransform()], 0), (2,)),
    "cat": (D.CatTransform([D.ExpTransform(), D.TanhTransform()], 0, [2, 3]), (5,)),
    "quantiles": (D.CumulativeDistributionTransform(D.Normal(t(0.5), t(2.0))), (1,)),
    "inverse": (D.ExpTransform().inv, ()),
}
POSITIVE = ("power", "inverse")


def example(name, *batch):
    transform, event = TRANSFORMS[name]
    x = torch.randn(*batch, *event, dtype=torch.float64)
    x = x.exp() if name in POSITIVE else x
    return transform, x.tril() if name == "lower cholesky" else x


@pytest.mark.parametrize("name", TRANSFORMS)
def test_the_inverse_leads_back(name):
    transform, x = example(name)
    y = transform(x)
    assert transform.codomain.check(y).all()
    back = transform.inv(y)
    assert torch.allclose(back, x, rtol=1e-8, atol=1e-8)
    assert torch.allclose(transform(back), y, rtol=1e-8, atol=1e-10)
    assert transform.inv.inv is transform and transform.bijective
    assert tuple(transform.forward_shape(x.shape)) == tuple(y.shape)
    assert tuple(transform.inverse_shape(y.shape)) == tuple(x.shape)


def free(name, value):
    """The independent coordinates of an event, flat."""
    if name == "stick breaking" and value.size(-1) == 5:
        return value[..., :-1]
    if name in ("lower cholesky",):
        return D.utils.tril_matrix_to_vec(value)
    if name == "correlation" and value.dim() >= 2:
        return D.utils.tril_matrix_to_vec(value, -1)
    return value.reshape(-1)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_the_volume_change_is_the_jacobians_determinant(name):
    transform, x = example(name)
    got = transform.log_abs_det_jacobian(x, transform(x))
    if name == "lower cholesky":
        vector = D.utils.tril_matrix_to_vec(x)
        jacobian = torch.func.jacrev(
            lambda v: free(name, transform(D.utils.vec_to_tril_matrix(v)))
        )(vector)
    else:
        jacobian = torch.func.jacrev(lambda v: free(name, transform(v.view(x.shape))))(
            x.reshape(-1)
        )
    wanted = torch.linalg.slogdet(jacobian.reshape(-1, jacobian.size(-1))).logabsdet
    assert torch.allclose(got.sum(), wanted, rtol=1e-7, atol=1e-8)
    assert torch.allclose(transform.inv.log_abs_det_jacobian(transform(x), x), -got, rtol=1e-6)


def test_what_has_no_inverse_in_the_strict_sense():
    x = torch.randn(3, 4)
    assert torch.equal(D.AbsTransform().inv(D.AbsTransform()(x)), x.abs())
    assert torch.allclose(
        D.SoftmaxTransform()(D.SoftmaxTransform().inv(x.softmax(-1))), x.softmax(-1)
    )
    matrix = D.PositiveDefiniteTransform()(torch.randn(3, 3))
    assert torch.allclose(
        D.PositiveDefiniteTransform()(D.PositiveDefiniteTransform().inv(matrix)), matrix, atol=1e-4
    )
    assert not D.AbsTransform().bijective and not D.SoftmaxTransform().bijective


CONSTRAINTS = {
    "real": (constraints.real, (5,)), "real vector": (constraints.real_vector, (5,)),
    "positive": (constraints.positive, (5,)), "nonnegative": (constraints.nonnegative, (5,)),
    "above": (constraints.greater_than(t(1.0)), (5,)), "below": (constraints.less_than(-2.0), (5,)),
    "unit": (constraints.unit_interval, (5,)), "interval": (constraints.interval(-1.0, t(3.0)), (5,)),
    "half open": (constraints.half_open_interval(-1.0, 2.0), (5,)),
    "simplex": (constraints.simplex, (5,)), "lower cholesky": (constraints.lower_cholesky, (3, 3)),
    "positive definite": (constraints.positive_definite, (3, 3)),
    "correlation": (constraints.corr_cholesky, (6,)),
    "cat": (constraints.cat([constraints.positive, constraints.real], 0, [2, 3]), (5,)),
    "stack": (constraints.stack([constraints.positive, constraints.unit_interval]), (2,)),
    "independent": (constraints.independent(constraints.positive, 1), (5,)),
}  # fmt: skip


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_registries_lead_into_the_set(name):
    constraint, shape = CONSTRAINTS[name]
    x = torch.randn(*shape, dtype=torch.float64)
    y = D.transform_to(constraint)(x)
    assert constraint.check(y).all()
    if name == "positive definite":
        with pytest.raises(NotImplementedError, match="_PositiveDefinite constraints"):
            D.biject_to(constraint)
        return
    bijection = D.biject_to(constraint)
    y = bijection(x)
    assert bijection.bijective and constraint.check(y).all()
    # Above the diagonal of a matrix nothing is kept.
    assert torch.allclose(bijection(bijection.inv(y)), y)


def test_registering_a_constraint_of_ones_own():
    class Even(constraints.Constraint):
        pass

    registry = D.constraint_registry.ConstraintRegistry()
    with pytest.raises(NotImplementedError, match="no transform to Even constraints is known"):
        registry(Even())

    @registry.register(Even())
    def _(constraint):
        return D.AffineTransform(0, 2)

    assert registry(Even())(torch.tensor(3)) == 6
    with pytest.raises(TypeError, match="takes a Constraint"):
        registry.register(int)


def test_caches_and_equality():
    transform = D.ExpTransform(cache_size=1)
    x = torch.randn(3)
    y = transform(x)
    assert transform.inv(y) is x and transform(x) is y
    assert D.ExpTransform() == D.ExpTransform() and D.ExpTransform() != D.TanhTransform()
    assert D.AffineTransform(1, 2) == D.AffineTransform(1.0, 2.0) != D.AffineTransform(1, 3)
    assert D.ExpTransform().inv == D.ExpTransform().inv
    assert D.AffineTransform(1, 2).with_cache()._cache_size == 1
    with pytest.raises(ValueError, match="cache_size is 2"):
        D.ExpTransform(cache_size=2)
    for again in (copy.deepcopy(transform), pickle.loads(pickle.dumps(transform))):
        assert torch.equal(again(x), y)
    assert isinstance(D.ExpTransform().inv, transforms._InverseTransform)


def test_flows_have_normalized_densities():
    base = D.Normal(t(0.0), t(1.0))
    flow = D.TransformedDistribution(base, [D.AffineTransform(0.3, -0.7), D.SigmoidTransform()])
    grid = torch.linspace(0, 1, 20002, dtype=torch.float64)[1:-1]
    assert (flow.log_prob(grid).exp().mean() - 1).abs() < 1e-3
    u = torch.linspace(0.05, 0.95, 7, dtype=torch.float64)
    assert torch.allclose(flow.cdf(flow.icdf(u)), u)
    x = flow.sample((4000,))
    assert ((x <= 0.5).double().mean() - flow.cdf(t(0.5))).abs() < 0.05
    vectors = D.TransformedDistribution(
        D.Normal(torch.zeros(4, 3), 1.0), D.StickBreakingTransform()
    )
    assert vectors.batch_shape == (4,) and vectors.event_shape == (4,)
    assert vectors.log_prob(vectors.rsample((2,))).shape == (2, 4)
    wide = D.TransformedDistribution(base, D.AffineTransform(torch.zeros(5), 1.0))
    assert wide.batch_shape == (5,) and wide.expand((2, 5)).sample().shape == (2, 5)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="differ in their number of elements"):
        D.ReshapeTransform((2, 3), (5,))
    with pytest.raises(ValueError, match="do not fill the triangle"):
        D.CorrCholeskyTransform().forward_shape((4,))
    with pytest.raises(ValueError, match="fewer than the 1 dims"):
        D.TransformedDistribution(D.Normal(0.0, 1.0), D.StickBreakingTransform())
    with pytest.raises(ValueError, match="must be a Transform or a list"):
        D.TransformedDistribution(D.Normal(0.0, 1.0), [3])
    with pytest.raises(ValueError, match="depends on an instance"):
        constraints.dependent.check(torch.zeros(2))
    assert constraints.is_dependent(D.Uniform.support) and D.Uniform.support.event_dim == 0
    with pytest.raises(NotImplementedError, match="ask an instance"):
        _ = D.MixtureSameFamily.support.event_dim


def test_triangles_and_vectors():
    for diag in (-2, -1, 0, 1):
        matrix = torch.randn(2, 4, 4).tril(diag)
        vector = D.utils.tril_matrix_to_vec(matrix, diag)
        if diag <= 0:
            assert torch.equal(D.utils.vec_to_tril_matrix(vector, diag), matrix)
    with pytest.raises(ValueError, match="4 elements do not fill"):
        D.utils.vec_to_tril_matrix(torch.zeros(4))
