"""What the tests of fused recurrent sequences share: they agree with their steps, and have the derivatives of what they compute."""

import itertools

import flambeau
from flambeau.autograd import gradcheck, gradgradcheck


def results(function, given, counts, backwards):
    """The output, the states and the gradients of all that is given."""
    given = [t.clone().requires_grad_() for t in given]
    output, h, *others = function(*given, counts=counts, backwards=backwards)
    weights = flambeau.arange(output.numel(), dtype=output.dtype).reshape(output.shape).cos()
    loss = (output * weights).sum() + (h * h).sum()
    for state in others:
        loss = loss + state.sin().sum()
    loss.backward()
    return [t.detach() for t in (output, h, *others)] + [t.grad for t in given]


def check_steps(operands, fused, stepwise, units):
    """Padded and packed batches, with and without bias, both ways, in two dtypes."""
    cases = [(None, 1, 5), (None, 65, 2), (None, 7, 3), ([5, 5, 3, 1], 5, 0), ([2, 1], 2, 0)]
    for (counts, batch, steps), bias, backwards in itertools.product(
        cases, (True, False), (True, False)
    ):
        for dtype, tolerance in (("float64", 1e-10), ("float32", 2e-4)):
            given = operands(counts or [batch] * steps, batch, units, bias, dtype)
            got = results(fused, given, counts, backwards)
            expected = results(stepwise, given, counts, backwards)
            for value, wanted in zip(got, expected, strict=True):
                assert value.shape == wanted.shape and value.dtype == wanted.dtype
                limit = tolerance * max(1.0, wanted.abs().max().item())
                assert ((value - wanted).abs() <= limit).all()


def check_derivatives(operands, fused, counts, backwards):
    given = operands(counts or [3, 3], 3, 2, True, "float64")
    given = [t.requires_grad_() for t in given]

    def sequence(*given):
        return fused(*given, counts=counts, backwards=backwards)

    assert gradcheck(sequence, given)
    assert gradgradcheck(sequence, given)
