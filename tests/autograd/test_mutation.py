"""allow_mutation_on_saved_tensors: old values survive a write in place."""

import pytest

import flambeau as torch
from flambeau import optim
from flambeau.autograd.graph import allow_mutation_on_saved_tensors


def leaf(*values):
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


WRITES = {
    "method": lambda b, c: b.sin_(),
    "view": lambda b, c: c.mul_(10),
    "subscript": lambda b, c: b.__setitem__(0, 7.0),
    "operator": lambda b, c: b.__imul__(2),
}


@pytest.mark.parametrize("write", WRITES)
def test_gradients_are_those_of_the_old_values(write):
    a = leaf(1, 2)
    with allow_mutation_on_saved_tensors() as context:
        b = a.clone()
        c = b[:1]
        out = (b**2).sum()
        WRITES[write](b, c)
        assert len(context.cloned) == 1
        out.backward()
        assert len(context.cloned) == 0
    assert a.grad.tolist() == [2, 4]


def test_one_copy_for_each_version():
    with allow_mutation_on_saved_tensors() as context:
        a = leaf(1.0).clone()
        first, second = a**2, a**2
        a.sin_()
        third = a**2
        a.sin_()
        assert len(context.cloned) == 2
        del first, second
        assert len(context.cloned) == 1
        del third
        assert len(context.cloned) == 0


def test_writes_that_are_not_seen_are_errors():
    with allow_mutation_on_saved_tensors():
        a = torch.ones(2, requires_grad=True)
        out = (a * a).sum()
        a.grad = torch.ones(2)
        optim.SGD([a], lr=0.1).step()
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            out.backward()


def test_contexts_do_not_nest_and_backward_runs_inside():
    with allow_mutation_on_saved_tensors():
        with pytest.raises(RuntimeError, match="nest"), allow_mutation_on_saved_tensors():
            pass
        out = (leaf(1.0) ** 2).sum()
    with pytest.raises(AssertionError, match="outside"):
        out.backward()
