"""Negative log likelihood against NumPy: shapes, weights, ignored classes, gradients of any order."""

import numpy as np
import pytest

import flambeau
from flambeau.autograd import gradcheck, gradgradcheck

F = flambeau.nn.functional
rng = np.random.default_rng(8)


def expected(scores, target, weight, ignored, reduction):
    """The definition, element by element, in float64."""
    moved = np.moveaxis(scores, 1, -1).reshape(-1, scores.shape[1]).astype("float64")
    flat = target.reshape(-1)
    share = np.array([0.0 if t == ignored else weight[t] for t in flat])
    terms = np.array([0.0 if t == ignored else -row[t] * weight[t] for row, t in zip(moved, flat)])
    if reduction == "none":
        return terms.reshape(target.shape)
    return terms.sum() / (share.sum() if reduction == "mean" else 1)


@pytest.mark.parametrize("dtype", ("float32", "float64", "float16"))
@pytest.mark.parametrize("reduction", ("none", "mean", "sum"))
@pytest.mark.parametrize("shape", ((5, 4), (3, 4, 6), (2, 4, 3, 5), (40000, 4)))
def test_nll_loss_is_its_definition(shape, reduction, dtype):
    scores = rng.normal(size=shape).astype(dtype)
    target = rng.integers(0, 4, (shape[0], *shape[2:]))
    for weight, ignored in ((np.ones(4), -100), (np.array([0.5, 1, 2, 0.25]), 1)):
        want = expected(scores, target, weight, ignored, reduction)
        given = None if ignored < 0 else flambeau.tensor(weight.astype(dtype))
        for x in (flambeau.from_numpy(scores), flambeau.from_numpy(scores).mT.contiguous().mT):
            got = F.nll_loss(
                x, flambeau.from_numpy(target), given, ignore_index=ignored, reduction=reduction
            )
            tolerance = 2e-3 if dtype == "float16" else 1e-6
            np.testing.assert_allclose(
                got.numpy().astype("float64"), want, rtol=tolerance, atol=tolerance
            )


@pytest.mark.parametrize("reduction", ("none", "mean", "sum"))
@pytest.mark.parametrize("shape", ((3, 4, 2), (6, 4)))
def test_nll_loss_gradients(shape, reduction):
    x = flambeau.randn(*shape, dtype=flambeau.float64, requires_grad=True)
    target = flambeau.tensor([[0, 3], [2, 2], [1, 0]]).view(shape[0], *shape[2:])
    weight = flambeau.tensor([0.5, 1.0, 2.0, 0.25], dtype=flambeau.float64)

    def loss(x):
        return F.nll_loss(x, target, weight, ignore_index=2, reduction=reduction)

    assert gradcheck(loss, (x,)) and gradgradcheck(loss, (x,))
    weight.requires_grad_()
    assert gradcheck(lambda w: F.nll_loss(x.detach(), target, w, reduction=reduction), (weight,))


def test_scores_that_no_class_has():
    scores, target = flambeau.zeros(3, 0), flambeau.zeros(3, dtype=flambeau.int64)
    for reduction, want in (("none", [0.0] * 3), ("sum", 0.0)):
        got = F.nll_loss(scores, target, ignore_index=0, reduction=reduction)
        assert got.tolist() == want
        with pytest.raises(IndexError):
            F.nll_loss(scores, target, reduction=reduction)


def test_nll_loss_of_one_sample_and_of_none():
    assert F.nll_loss(flambeau.tensor([-1.0, -2.0]), flambeau.tensor(1)).item() == 2
    ignored = F.nll_loss(flambeau.zeros(2, 3), flambeau.tensor([-100, -100]))
    assert ignored.isnan().item()
    x = flambeau.tensor([[float("-inf"), 0.0]], requires_grad=True)
    F.nll_loss(x, flambeau.tensor([0]), ignore_index=0, reduction="sum").backward()
    assert x.grad.tolist() == [[0.0, 0.0]]


def test_a_single_number_is_no_scores():
    with pytest.raises(ValueError, match="nll_loss: input is a single number"):
        F.nll_loss(flambeau.tensor(1.0), flambeau.tensor(0))
    assert F.multilabel_margin_loss(flambeau.tensor(1.0), flambeau.tensor([0])).shape == ()


@pytest.mark.parametrize("smoothing", (0.0, 0.1))
@pytest.mark.parametrize("shape", ((3, 4), (2, 4, 3), (4,)))
def test_a_mean_of_ignored_classes_has_no_gradient(shape, smoothing):
    x = flambeau.from_numpy(rng.normal(size=shape)).requires_grad_()
    target = flambeau.zeros(shape[:1] + shape[2:] if len(shape) > 1 else (), dtype=flambeau.int64)
    for weight in (None, flambeau.tensor([1.0, 2, 0.5, 3], dtype=flambeau.float64)):
        losses = [
            F.cross_entropy(x, target, weight, ignore_index=0, label_smoothing=smoothing),
            F.nll_loss(x, target, weight, ignore_index=0),
        ]
        for loss in losses:
            assert loss.isnan()
            for recorded in (False, True):
                (grad,) = flambeau.autograd.grad(loss, x, create_graph=recorded, retain_graph=True)
                assert not grad.any()
            if grad.requires_grad:
                (second,) = flambeau.autograd.grad(grad.sum(), x, materialize_grads=True)
                assert not second.any()


def test_infinite_scores_of_ignored_classes_are_left_out():
    scores = flambeau.tensor([[-np.inf, 1.0, 2.0], [1.0, 2.0, 3.0]])
    target = flambeau.tensor([0, 1])
    want = F.cross_entropy(scores[1:], target[1:], label_smoothing=0.1)
    got = F.cross_entropy(scores[..., None], target[:, None], ignore_index=0, label_smoothing=0.1)
    flambeau.testing.assert_close(got, want)
