"""CTC: against the sum over every alignment, and finite differences."""

import itertools

import numpy as np
import pytest

import flambeau as torch
from flambeau.autograd import gradcheck

rng = np.random.default_rng(0)


def by_enumeration(log_probs, target, blank=0):
    """-log of the probability of all paths that read as `target` once repeats and blanks are dropped."""
    total = 0.0
    for path in itertools.product(range(log_probs.shape[1]), repeat=len(log_probs)):
        read = [c for c, _ in itertools.groupby(path) if c != blank]
        if read == list(target):
            total += np.exp(sum(log_probs[t, c] for t, c in enumerate(path)))
    return -np.log(total)


SCORES = rng.standard_normal((5, 3, 4))
TARGETS = [[1, 1], [2, 3], [3, 0]]
INPUT_LENGTHS, TARGET_LENGTHS = (5, 4, 5), (2, 2, 1)


def test_loss_is_the_sum_over_alignments():
    log_probs = torch.from_numpy(SCORES).log_softmax(2)
    loss = torch.nn.functional.ctc_loss(
        log_probs, torch.tensor(TARGETS), INPUT_LENGTHS, TARGET_LENGTHS, reduction="none"
    )
    want = [
        by_enumeration(log_probs[:n, i].numpy(), TARGETS[i][:length])
        for i, (n, length) in enumerate(zip(INPUT_LENGTHS, TARGET_LENGTHS, strict=True))
    ]
    np.testing.assert_allclose(loss.numpy(), want, rtol=1e-10)
    joined = torch.tensor([1, 1, 2, 3, 3])
    mean = torch.nn.functional.ctc_loss(log_probs, joined, INPUT_LENGTHS, TARGET_LENGTHS)
    np.testing.assert_allclose(mean.item(), np.mean(np.array(want) / TARGET_LENGTHS), rtol=1e-10)


def test_gradient_behind_log_softmax():
    scores = torch.from_numpy(SCORES).requires_grad_()

    def loss(scores):
        return torch.nn.functional.ctc_loss(
            scores.log_softmax(2), torch.tensor(TARGETS), INPUT_LENGTHS, TARGET_LENGTHS
        )

    assert gradcheck(loss, (scores,))


def test_impossible_targets():
    log_probs = torch.from_numpy(SCORES[:2]).log_softmax(2).requires_grad_()
    arguments = (torch.tensor([[1, 1]] * 3), (2, 2, 2), (2, 2, 2))
    assert torch.nn.functional.ctc_loss(log_probs, *arguments).isinf()
    loss = torch.nn.functional.ctc_loss(log_probs, *arguments, zero_infinity=True)
    loss.backward()
    assert loss.item() == 0 and (log_probs.grad == 0).all()
    with pytest.raises(RuntimeError, match="input_lengths"):
        torch.nn.functional.ctc_loss(log_probs, arguments[0], (3, 2, 2), (2, 2, 2))


def test_a_blank_among_the_labels_is_one_of_them():
    # It may follow another label at once, as any label may: in two steps there is one way.
    log_probs = torch.from_numpy(SCORES[:2, :1]).log_softmax(2)
    loss = torch.nn.functional.ctc_loss(
        log_probs, torch.tensor([[2, 0]]), (2,), (2,), reduction="none"
    )
    want = -(log_probs[0, 0, 2] + log_probs[1, 0, 0])
    np.testing.assert_allclose(loss.numpy(), [want.item()], rtol=1e-10)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_any_number_of_threads_gives_the_same_bits(dtype):
    batch, steps, classes = 40, 60, 12
    scores = torch.from_numpy(rng.standard_normal((steps, batch, classes))).to(dtype)
    labels = torch.from_numpy(rng.integers(1, classes, (batch, 20)))
    inputs = rng.integers(40, steps + 1, batch).tolist()
    targets = rng.integers(0, 21, batch).tolist()

    def loss_and_gradient():
        leaf = scores.detach().clone().requires_grad_()
        loss = torch.nn.functional.ctc_loss(leaf.log_softmax(2), labels, inputs, targets)
        loss.backward()
        return loss.item(), leaf.grad.numpy().tobytes()

    had = torch.get_num_threads()
    try:
        results = set()
        for n in (1, 2, 3, 16):
            torch.set_num_threads(n)
            results.add(loss_and_gradient())
    finally:
        torch.set_num_threads(had)
    assert len(results) == 1


def test_samples_without_steps_or_labels():
    log_probs = torch.from_numpy(SCORES).log_softmax(2)
    loss = torch.nn.functional.ctc_loss(
        log_probs, torch.tensor(TARGETS), (0, 0, 5), (0, 2, 0), reduction="none"
    )
    want = [0, np.inf, -log_probs[:, 2, 0].sum().item()]
    np.testing.assert_allclose(loss.numpy(), want, rtol=1e-12)


def test_a_class_of_no_probability_has_no_number_for_a_gradient():
    log_probs = torch.tensor([[[0.0, -np.inf, np.log(0.5)]]] * 2).log_softmax(2).requires_grad_()
    torch.nn.functional.ctc_loss(log_probs, torch.tensor([[2]]), (2,), (1,)).backward()
    assert log_probs.grad[:, 0, 1].isnan().all() and log_probs.grad[:, 0, 0].isfinite().all()
