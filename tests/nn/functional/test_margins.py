"""Margins between classes: the loop beside their definition, and its gradients of any order."""

import numpy as np
import pytest

import flambeau
from tests.on_threads import on_threads

F = flambeau.nn.functional
RANDOM = np.random.default_rng(3)


def _class_losses(x, target, p, margin, weight):
    """By the definition, one sample after the other."""
    losses = []
    for row, t in zip(x, target):
        with np.errstate(invalid="ignore"):
            above = np.where(margin - row[t] + row > 0, margin - row[t] + row, 0) ** p
        above[t] = 0
        losses.append(above.sum() * (1 if weight is None else weight[t]) / len(row))
    return np.array(losses)


def _label_losses(x, target):
    losses = []
    for row, labels in zip(x, target):
        listed = labels[: np.argmax(np.append(labels, -1) < 0)]
        others = np.delete(row, listed)
        with np.errstate(invalid="ignore"):
            gaps = 1 - row[listed][:, None] + others
        losses.append(np.where(gaps > 0, gaps, 0).sum() / len(row))
    return np.array(losses)


def _scores(n, classes, dtype):
    x = RANDOM.standard_normal((n, classes))
    if n > 3:
        x[1, 0], x[2, classes - 1] = np.nan, -np.inf
    return x.astype(dtype)


def _both(x, weight, p, margin):
    """(loss of flambeau tensors, losses by definition) of each kind."""
    n, classes = x.shape
    of_class = RANDOM.integers(0, classes, n)
    lists = np.where(RANDOM.random(x.shape) < 0.8, RANDOM.integers(0, classes, x.shape), -1)
    w = None if weight is None else flambeau.tensor(weight)
    wide = x.astype("float64")
    yield (
        lambda t, how: F.multi_margin_loss(t, flambeau.tensor(of_class), p, margin, w, reduction=how),
        _class_losses(wide, of_class, p, margin, weight),
    )  # fmt: skip
    yield (
        lambda t, how: F.multilabel_margin_loss(t, flambeau.tensor(lists), reduction=how),
        _label_losses(wide, lists),
    )


@pytest.mark.parametrize("dtype, tolerance", [("float32", 1e-5), ("float64", 1e-12)])
@pytest.mark.parametrize("n, classes", [(1, 1), (4, 5), (9, 33), (200, 70), (3, 1025)])
def test_losses_are_those_of_the_definition(n, classes, dtype, tolerance):
    x = _scores(n, classes, dtype)
    weight = RANDOM.random(classes).astype(dtype)
    for p, margin, w in ((1, 1.0, None), (2, 0.5, weight), (1, -0.2, weight)):
        for loss, expected in _both(x, w, p, margin):
            for t in (flambeau.tensor(x), flambeau.tensor(x.T.copy()).T):
                np.testing.assert_allclose(loss(t, "none").numpy(), expected, rtol=tolerance)
                np.testing.assert_allclose(loss(t, "sum").numpy(), expected.sum(), rtol=tolerance)
                np.testing.assert_allclose(loss(t, "mean").numpy(), expected.mean(), rtol=tolerance)


@pytest.mark.parametrize("p", [1, 2])
def test_gradients_of_margins(p):
    x = flambeau.randn(4, 9, dtype=flambeau.float64).T.requires_grad_()  # (9, 4), by columns
    weight = RANDOM.random(4)
    for loss, _ in _both(x.detach().numpy(), weight, p, 1.0):
        for how in ("mean", "sum", "none"):
            assert flambeau.autograd.gradcheck(lambda t: loss(t, how), (x,))
            assert flambeau.autograd.gradgradcheck(lambda t: loss(t, how), (x,))
            # The loop's gradient is that of the operators which are differentiated again.
            once = flambeau.autograd.grad(loss(x, how).sum(), x)[0]
            again = flambeau.autograd.grad(loss(x, how).sum(), x, create_graph=True)[0]
            np.testing.assert_allclose(once.numpy(), again.detach().numpy(), atol=1e-14)


def test_margins_with_any_number_of_threads():
    x = _scores(500, 300, "float32")

    def results(loss):
        t = flambeau.tensor(x, requires_grad=True)
        value = loss(t, "mean")
        value.backward()
        return value.item(), t.grad.numpy().tobytes()

    for loss, _ in list(_both(x, None, 1, 1.0)):
        found = on_threads(lambda loss=loss: results(loss))
        np.testing.assert_equal(found, [found[0]] * 4)


def test_many_classes_take_no_memory_for_their_pairs():
    """Every list against every class was a tensor: of 40 x 40,000 that is 64e9 numbers."""
    x = flambeau.zeros(40, 40000)
    lists = flambeau.full((40, 40000), -1)
    lists[:, :2] = flambeau.tensor([7, 3])
    value = F.multilabel_margin_loss(x, lists)
    assert abs(value.item() - 2 * 39998 / 40000) < 1e-6


def test_targets_that_are_no_classes_are_refused():
    x = flambeau.zeros(2, 3)
    for bad in (3, -1):
        with pytest.raises(
            RuntimeError, match="multi_margin_loss: target holds classes outside of 0 to 2"
        ):
            F.multi_margin_loss(x, flambeau.tensor([0, bad]))
    for bad in (3, -2):
        with pytest.raises(RuntimeError, match="outside of -1 to 2"):
            F.multilabel_margin_loss(x, flambeau.tensor([[0, 1, 2], [0, bad, -1]]))
