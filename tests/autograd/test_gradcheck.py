"""gradcheck believes right gradients and finds wrong ones."""

import pytest

import flambeau
from flambeau.autograd import gradcheck, gradgradcheck
from flambeau.autograd.gradcheck import GradcheckError
from tests.autograd.functions import Doubled, Same, doubled_with


def doubles(*shape):
    return flambeau.randn(*shape, dtype=flambeau.float64, requires_grad=True)


@doubled_with
def WrongFactor(ctx, grad_output):
    return grad_output * 3


@doubled_with
def IgnoresGrad(ctx, grad_output):
    return flambeau.full_like(grad_output, 2)


def test_right_gradients_pass():
    x, y = doubles(3, 2), doubles(2)

    def f(x, y):
        return (x * y).sin(), (x * x).sum(0)

    assert gradcheck(f, (x, y))
    assert gradcheck(f, (x, y), fast_mode=True)
    assert gradgradcheck(f, (x, y))
    assert gradgradcheck(f, (x, y), gen_non_contig_grad_outputs=True)


def test_complex_gradients_pass():
    z = flambeau.randn(3, dtype=flambeau.complex128, requires_grad=True)
    assert gradcheck(lambda z: z * z.conj() * z, (z,))
    assert gradcheck(lambda z: z.abs(), (z,))
    assert gradgradcheck(lambda z: z * z.abs(), (z,))


@pytest.mark.parametrize("fast_mode", [False, True])
def test_wrong_gradients_fail(fast_mode):
    x = doubles(3)
    with pytest.raises(
        GradcheckError, match="gradcheck: the derivative of output 0 by input 0 is wrong"
    ):
        gradcheck(WrongFactor.apply, (x,), fast_mode=fast_mode)
    assert gradcheck(WrongFactor.apply, (x,), raise_exception=False, fast_mode=fast_mode) is False
    with pytest.raises(
        GradcheckError, match="gradcheck: backward gives a gradient where grad_output is zero"
    ):
        gradcheck(IgnoresGrad.apply, (x,), fast_mode=fast_mode)


def test_inputs_are_left_as_they_were():
    x = doubles(3)
    before = x.tolist()
    gradcheck(lambda x: x.exp(), (x,))
    assert x.tolist() == before
    assert x.grad is None


def test_inputs_must_require_grad_and_be_precise():
    with pytest.raises(
        ValueError, match="gradcheck: no input requires grad, so there is nothing to check"
    ):
        gradcheck(lambda x: x, (flambeau.ones(2),))
    with pytest.warns(
        UserWarning,
        match="gradcheck: input 0 is not float64 or complex128, and differences in lower precision rarely",
    ):
        gradcheck(
            lambda x: x * 2, (flambeau.ones(2, requires_grad=True),), atol=1, raise_exception=False
        )


def test_a_function_cut_from_the_graph_is_found():
    with pytest.raises(GradcheckError):
        gradcheck(lambda x: x.detach() * 2, (doubles(2),))


def test_forward_mode_and_batches_are_checked():
    x = flambeau.rand(3, 2, dtype=flambeau.float64, requires_grad=True)
    flags = {"check_forward_ad": True, "check_batched_grad": True}
    assert gradcheck(lambda t: (t.sin() * t, t.cumsum(0)), (x,), **flags)
    assert gradgradcheck(lambda t: t**3, (x,), check_fwd_over_rev=True, check_batched_grad=True)

    with pytest.raises(
        GradcheckError,
        match="gradcheck: the forward-mode derivative of output 0 is wrong along one direction",
    ):
        gradcheck(WrongFactor.apply, (x,), check_forward_ad=True, check_backward_ad=False)


@pytest.mark.parametrize("fast_mode", [False, True])
def test_a_backward_that_is_not_repeated_fails(fast_mode):
    class Jitter(Same):
        @staticmethod
        def backward(ctx, g):
            return g * (1 + 1e-6 * flambeau.rand_like(g))

    x = flambeau.randn(3, dtype=flambeau.float64, requires_grad=True)
    with pytest.raises(RuntimeError, match="two runs of backward"):
        gradcheck(Jitter.apply, x, fast_mode=fast_mode)
    assert gradcheck(Jitter.apply, x, fast_mode=fast_mode, nondet_tol=1e-5)


@pytest.mark.parametrize("fast_mode", [False, True])
@pytest.mark.parametrize("change", [lambda x: flambeau.cat([x, x]), lambda x: x.float()])
def test_outputs_must_keep_their_form(change, fast_mode):
    x = flambeau.ones(1, dtype=flambeau.float64, requires_grad=True)
    with pytest.raises(AssertionError, match="must not depend on values"):
        gradcheck(lambda x: change(x) if bool((x >= 1).all()) else x, x, fast_mode=fast_mode)


@pytest.mark.parametrize("bad", ["jvp", "backward"])
def test_only_what_is_asked_for_is_checked(bad):
    class Twice(Doubled):
        @staticmethod
        def backward(ctx, g):
            return g * (3 if bad == "backward" else 2)

        @staticmethod
        def jvp(ctx, t):
            return t * (3 if bad == "jvp" else 2)

    x = flambeau.randn(3, dtype=flambeau.float64, requires_grad=True)
    only_forward = {"check_backward_ad": False, "check_forward_ad": True}
    if bad == "backward":
        assert gradcheck(Twice.apply, x, **only_forward)
        with pytest.raises(GradcheckError, match="by backward"):
            gradcheck(Twice.apply, x)
    else:
        assert gradcheck(Twice.apply, x)
        with pytest.raises(GradcheckError, match="forward-mode"):
            gradcheck(Twice.apply, x, **only_forward)
    with pytest.raises(AssertionError, match="nothing to check"):
        gradcheck(Twice.apply, x, check_backward_ad=False)


class Pushed(Doubled):
    @staticmethod
    def jvp(ctx, t):
        return t * 2


def test_forward_mode_calls_the_function_with_tensors_that_need_no_gradient():
    seen = []

    class Twice(Pushed):
        @staticmethod
        def forward(ctx, x):
            seen.append(x.requires_grad)
            return x * 2

    x = doubles(3)
    assert gradcheck(Twice.apply, x, check_backward_ad=False, check_forward_ad=True)
    assert False in seen
    assert gradgradcheck(Twice.apply, x, check_fwd_over_rev=True)


def test_tangents_under_vmap():
    class Noisy(Pushed):
        @staticmethod
        def jvp(ctx, t):
            flambeau.randn_like(t)
            return t * 2

    x = flambeau.rand(2, dtype=flambeau.float64, requires_grad=True)
    options = {"check_forward_ad": True, "check_batched_forward_grad": True}
    assert flambeau.autograd.gradcheck(lambda a, b: (a.clone(), a * b), (x, 2.0), **options)
    assert flambeau.autograd.gradcheck(Noisy.apply, (x,), check_forward_ad=True)
    with pytest.raises(RuntimeError, match="all slices at once"):
        flambeau.autograd.gradcheck(Noisy.apply, (x,), **options)


def test_gradients_that_cannot_be_computed_in_a_batch_are_wrong():
    class Once(Doubled):
        @staticmethod
        def backward(ctx, grad):
            grad.sum().item()  # which a batch cannot be asked
            return grad * 2

    x = flambeau.ones(2, dtype=flambeau.float64, requires_grad=True)
    assert gradcheck(Once.apply, x)
    assert not gradcheck(Once.apply, x, check_batched_grad=True, raise_exception=False)
    with pytest.raises(GradcheckError, match="output 0 cannot be computed in a batch"):
        gradcheck(Once.apply, x, check_batched_grad=True)
