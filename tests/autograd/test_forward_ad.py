"""forward_ad: tangents of duals, against Jacobians and against PyTorch's rules for levels."""

import pytest

import flambeau as torch
from flambeau.autograd import forward_ad as fwd


def pushed(f, x, v):
    with fwd.dual_level():
        return fwd.unpack_dual(f(fwd.make_dual(x, v)))


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x.exp() * x.sin(),
        lambda x: x @ x.T,
        lambda x: x.softmax(-1).cumsum(0),
        lambda x: torch.linalg.inv(x + 3 * torch.eye(3, dtype=x.dtype)),
        lambda x: x.view(-1)[2:5].clone().mul_(2),
        lambda x: torch.nn.functional.conv1d(x[None], x[:, None, :2], groups=3),
    ],
)
def test_a_tangent_is_the_jacobian_times_the_vector(f):
    x, v = torch.rand(3, 3, dtype=torch.float64), torch.rand(3, 3, dtype=torch.float64)
    primal, tangent = pushed(f, x, v)
    expected = torch.autograd.functional.jacobian(f, x).flatten(-2) @ v.flatten()
    torch.testing.assert_close(tangent, expected)
    torch.testing.assert_close(primal, f(x))
    assert not primal.requires_grad and not tangent.requires_grad


def test_several_duals_add_up():
    with fwd.dual_level():
        x = fwd.make_dual(torch.tensor([2.0]), torch.tensor([1.0]))
        y = fwd.make_dual(torch.tensor([5.0]), torch.tensor([10.0]))
        assert fwd.unpack_dual(x * y).tangent.item() == 1 * 5 + 10 * 2
        assert fwd.unpack_dual(x).tangent.item() == 1


def test_what_does_not_depend_on_a_dual_has_no_tangent():
    with fwd.dual_level():
        fwd.make_dual(torch.ones(1), torch.ones(1))
        other = torch.ones(1, requires_grad=True)
        assert fwd.unpack_dual(other * 2).tangent is None
        assert fwd.unpack_dual(torch.ones(1)).tangent is None


def test_a_tangent_can_be_differentiated():
    x = torch.tensor([2.0], requires_grad=True)
    primal, tangent = pushed(lambda t: t**3, x, torch.ones(1))
    assert tangent.item() == 12
    assert torch.autograd.grad(tangent, x)[0].item() == 12  # d (3 x**2) / dx = 6 x


def test_levels_open_and_close():
    with pytest.raises(RuntimeError, match="make_dual: no level is open"):
        fwd.make_dual(torch.ones(1), torch.ones(1))
    with fwd.dual_level():
        dual = fwd.make_dual(torch.ones(1), torch.ones(1))
        with pytest.raises(
            RuntimeError, match="enter_dual_level: a level is open, and levels do not nest"
        ):
            fwd.enter_dual_level()
        with pytest.raises(
            RuntimeError,
            match=r"make_dual: tangent \(2,\) must have the shape of the primal, \(1,\)",
        ):
            fwd.make_dual(torch.ones(1), torch.ones(2))
        with pytest.raises(ValueError, match="floating"):
            fwd.make_dual(torch.ones(1).long(), torch.ones(1))
    assert fwd.unpack_dual(dual).tangent is None
    with pytest.raises(RuntimeError, match="no level"):
        fwd.exit_dual_level()


def test_duals_may_be_written_in_place():
    x, v = torch.tensor([1.0, 2.0]), torch.tensor([10.0, 20.0])
    with fwd.dual_level():
        dual = fwd.make_dual(x, v)
        assert fwd.unpack_dual(dual).tangent is v
        dual.mul_(3)
        dual[0] = 0
        primal, tangent = fwd.unpack_dual(dual)
        assert primal.tolist() == [0, 6] and tangent.tolist() == [0, 60]
        assert x.tolist() == [0, 6]
        plain = torch.ones(2)
        plain.mul_(dual)
        assert fwd.unpack_dual(plain).tangent.tolist() == [0, 60]


def test_a_tangent_lives_as_long_as_what_is_computed_from_its_dual():
    import weakref

    with fwd.dual_level():
        tangent = torch.ones(2)
        gone = weakref.ref(tangent)
        y = fwd.make_dual(torch.ones(2), tangent) * 2
        del tangent
        assert fwd.unpack_dual(y).tangent.tolist() == [2, 2]
        del y
        assert gone() is None


def test_a_tangent_has_no_tangent():
    with fwd.dual_level():
        dual = fwd.make_dual(torch.ones(2), torch.ones(2))
        with pytest.raises(RuntimeError, match="has a tangent at the same level"):
            fwd.make_dual(torch.ones(2), dual)


def test_a_dual_shows_its_tangent():
    x = torch.tensor([1.0, 2.0])
    with fwd.dual_level():
        dual = fwd.make_dual(x, torch.tensor([3.0, 4.0]))
        assert "tangent=tensor([3., 4.])" in repr(dual)
        assert "tangent=tensor([6., 8.])" in repr(dual * 2)
        assert "tangent" not in repr(x)
        assert "tangent" not in repr(fwd.unpack_dual(dual).primal)
    assert "tangent" not in repr(dual)


def test_a_dual_of_a_dual_has_the_new_tangent_alone():
    x = torch.tensor([1.0], requires_grad=True)
    with fwd.dual_level():
        first = fwd.make_dual(x, torch.tensor([1.0])) * 2
        second = fwd.make_dual(first, torch.tensor([10.0])) * 3
        assert fwd.unpack_dual(second).tangent.tolist() == [30]
        assert torch.autograd.grad(second, x)[0].tolist() == [6]


def test_tangents_can_be_switched_off():
    enabled = fwd._is_fwd_grad_enabled
    assert enabled()
    with fwd.dual_level():
        dual = fwd.make_dual(torch.ones(2), torch.ones(2))
        with fwd._set_fwd_grad_enabled(False):
            assert not enabled() and fwd.unpack_dual(dual).tangent is None
            with fwd._set_fwd_grad_enabled(True):
                assert enabled()
            assert not enabled()
        assert fwd.unpack_dual(dual * 2).tangent.tolist() == [2.0, 2.0]
    torch._C._set_fwd_grad_enabled(False)
    try:
        assert not enabled()
    finally:
        torch._C._set_fwd_grad_enabled(True)


def test_a_function_without_any_derivative_refuses_duals():
    class Nothing(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.clone()

    with fwd.dual_level():
        assert Nothing.apply(torch.ones(2)).tolist() == [1.0, 1.0]
        with pytest.raises(RuntimeError, match="Nothing: an argument has a tangent, but"):
            Nothing.apply(fwd.make_dual(torch.ones(2), torch.ones(2)))


def test_running_statistics_have_no_tangents():
    x, mean, var = torch.rand(3, 2, 5), torch.rand(2), torch.rand(2)
    normalize = torch.nn.functional.batch_norm
    with fwd.dual_level():
        dual, moving = (fwd.make_dual(t, torch.ones_like(t)) for t in (x, mean))
        assert fwd.unpack_dual(normalize(dual, mean, var)).tangent is not None
        normalize(x, moving, var)
        with pytest.raises(RuntimeError, match="running_mean and running_var have no derivatives"):
            normalize(dual, moving, var)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.complex128])
def test_a_power_of_0_has_tangents_where_it_has_gradients(dtype):
    x = torch.tensor([0.0, 0.0, 0.0, 2.0], dtype=dtype)
    y = torch.tensor([2.0, 1.0, 0.0, 3.0], dtype=dtype)
    ones = torch.ones_like(x)
    for f, at in ((lambda y: x**y, y), (lambda x: x**y, x), (lambda y: torch.pow(0.0, y), y)):
        (slopes,) = torch.func.vjp(f, at)[1](ones)
        tangent = torch.func.jvp(f, (at,), (ones,))[1]
        assert slopes.isfinite().all()
        assert torch.allclose(tangent, slopes)
