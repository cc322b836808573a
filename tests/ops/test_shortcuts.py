"""Native short ways: the same results, errors and histories as the operators they lead into."""

import itertools

import pytest

import flambeau

REDUCTIONS = ("amax", "amin", "argmax", "argmin", "prod", "any", "all", "count_nonzero")
MOMENTS = ("var", "std", "norm", "logsumexp")


def variants(x):
    yield x
    yield x.mT
    yield x[:, ::2]
    yield x[1:]
    yield x.unsqueeze(1).expand(-1, 3, -1)


@pytest.mark.parametrize("name", REDUCTIONS + MOMENTS)
def test_shortcut_agrees_with_a_recorded_call(name):
    """A recorded call goes to the operator written in Python."""
    function = getattr(flambeau, name)
    x = flambeau.randn(6, 8)
    for t in variants(x):
        recorded = t.detach().requires_grad_(True)
        for dim in range(t.dim()):
            args = (2, dim) if name == "norm" else (dim,)
            ours, theirs = function(t, *args), function(recorded, *args)
            assert ours.shape == theirs.shape and ours.dtype == theirs.dtype
            assert flambeau.allclose(ours, theirs.detach(), rtol=1e-5)


@pytest.mark.parametrize("name", ("max", "min"))
def test_shortcut_gives_named_pairs(name):
    pair = getattr(flambeau, name)(flambeau.tensor([[1.0, 3.0], [2.0, 0.0]]), 1)
    assert type(pair).__name__ == name and pair._fields == ("values", "indices")
    assert pair.indices.dtype is flambeau.int64


def test_shortcut_takes_keepdim_and_tuples():
    x = flambeau.randn(2, 3, 4)
    for keepdim, dim in itertools.product((False, True), ((0, 1), (2, 0), (1, 2))):
        assert flambeau.equal(
            flambeau.amax(x, dim, keepdim),
            flambeau.amax(x.clone().requires_grad_(), list(dim), keepdim=keepdim).detach(),
        )


@pytest.mark.parametrize("name", ("amax", "argmax", "prod", "var", "logsumexp"))
def test_shortcut_leaves_errors_to_the_operator(name):
    function = getattr(flambeau, name)
    with pytest.raises(IndexError, match="out of range"):
        function(flambeau.ones(2, 3), 2)
    with pytest.raises(TypeError):
        function([1.0, 2.0], 0)
    with pytest.raises(TypeError):
        function(flambeau.ones(2), 0, nonsense=1)


def test_shortcut_of_small_integers_and_bools():
    x = flambeau.tensor([[3, -1], [2, 5]], dtype=flambeau.int8)
    assert flambeau.prod(x).dtype is flambeau.int64 and flambeau.prod(x).item() == -30
    assert flambeau.amax(x, 0).tolist() == [3, 5] and flambeau.amax(x).dtype is flambeau.int8
    assert flambeau.any(x.to(flambeau.uint8)).dtype is flambeau.uint8
    with pytest.raises(NotImplementedError):
        flambeau.argmax(x > 0)
