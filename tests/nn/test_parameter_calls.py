"""Operators take a Parameter as they take any other tensor: by the native way where there is one."""

import gc
import sys

import pytest

import flambeau as torch
from flambeau.nn import functional as F


def python_calls(function):
    """How many Python functions a call enters."""
    entered = []
    gc.disable()  # what other tests left behind is let go of elsewhere
    sys.setprofile(lambda frame, event, _: entered.append(frame) if event == "call" else None)
    try:
        function()
    finally:
        sys.setprofile(None)
        gc.enable()
    return len(entered)


CALLS = {
    "layer_norm": lambda w, v: F.layer_norm(w, (4,), v, v),
    "rms_norm": lambda w, v: F.rms_norm(w, (4,), v),
    "group_norm": lambda w, v: F.group_norm(w, 2, v, v),
    "embedding": lambda w, v: F.embedding(torch.tensor([1, 0, 1]), w),
    "sparse embedding": lambda w, v: F.embedding(torch.tensor([1, 0, 1]), w, sparse=True),
    "index": lambda w, v: w[torch.tensor([2, 0])],
    "softmax": lambda w, v: F.softmax(w, -1),
    "norm": lambda w, v: w.norm(),
    "amax": lambda w, v: w.amax(),
    "argmax": lambda w, v: w.argmax(),
    "max": lambda w, v: w.max(-1).values,
    "gather": lambda w, v: w.gather(0, torch.tensor([[0, 1, 2, 0]])),
    "tril": lambda w, v: w.tril(),
}


@pytest.mark.parametrize("name", CALLS)
def test_parameters_are_taken_as_plain_tensors_are(name):
    call = CALLS[name]
    torch.manual_seed(0)
    w, v = torch.randn(4, 4), torch.randn(4)
    plain = [t.clone().requires_grad_() for t in (w, v)]
    own = [torch.nn.Parameter(t.clone()) for t in (w, v)]

    class Marked(torch.nn.Parameter):
        pass

    more = [Marked(t.clone()) for t in (w, v)]
    expected = call(*plain)
    for given in (own, more):
        got = call(*given)
        assert type(got) is torch.Tensor and torch.equal(got, expected)
        entered = [python_calls(lambda: call(*t)) for t in (plain, given)]
        assert entered[0] == entered[1]
        if expected.requires_grad:
            grads = [
                torch.autograd.grad(call(*t).sum(), t, allow_unused=True) for t in (plain, given)
            ]
            for a, b in zip(*grads, strict=True):
                assert (a is b is None) or torch.equal(a.to_dense(), b.to_dense())


def test_subclasses_that_want_their_class_keep_it():
    class Named(torch.Tensor):
        pass

    w = torch.randn(4, 4).as_subclass(Named)
    v = torch.ones(4)
    for call in CALLS.values():
        assert type(call(w, v)) is Named


@pytest.mark.parametrize("loss", [F.cross_entropy, F.nll_loss])
def test_classes_may_be_a_column(loss):
    """The words at one place of every sentence are not side by side, and cost no other way."""
    torch.manual_seed(0)
    scores = torch.randn(6, 4, requires_grad=True)
    column = torch.randint(0, 4, (6, 5))[:, 2]
    for options in ({}, {"reduction": "sum"}, {"reduction": "none"}, {"ignore_index": 1}):
        told = []
        for target in (column, column.contiguous()):
            made = loss(scores, target, **options)
            assert python_calls(lambda: loss(scores, target, **options)) == 1  # this lambda
            told += [made, *torch.autograd.grad(made.sum(), scores)]
        assert torch.equal(told[0], told[2]) and torch.equal(told[1], told[3])
    bad = torch.full((6, 2), 9)[:, 0]
    with pytest.raises(IndexError):
        loss(scores, bad)
