"""fill_ and zero_ of expanded tensors with history: the one place behind many elements is written."""

import pytest

import flambeau

FILLS = {
    "fill_": (lambda y: y.fill_(7), [0, 1, 2]),
    "zero_": (lambda y: y.zero_(), [0, 1, 2]),
    "a row": (lambda y: y[0].fill_(7), [0]),
    "some columns": (lambda y: y[:, :2].fill_(7), [0, 1, 2]),
    "a transpose": (lambda y: y.t().fill_(7), [0, 1, 2]),
    "an unexpanded row": (lambda y: y[1:2, :1].fill_(7), [1]),
}


@pytest.mark.parametrize("name", FILLS)
@pytest.mark.parametrize("sizes", [(3, 4), (2, 3, 4)])
def test_what_is_filled_has_no_gradient(name, sizes):
    fill, rows = FILLS[name]
    x = flambeau.tensor([[1.0], [2.0], [3.0]], requires_grad=True)
    base = x * 2
    before = (base * 1).sum()
    y = base.expand(sizes)
    fill(y if len(sizes) == 2 else y[0])
    (before + (y * base).sum()).backward()
    number = 0 if name == "zero_" else 7
    kept = [2.0 * (i + 1) for i in range(3)]
    for i in rows:
        kept[i] = number
    repeats = y.numel() // 3
    assert base.flatten().tolist() == kept
    assert y.tolist() == base.detach().expand(sizes).tolist()
    assert x.grad.flatten().tolist() == [
        2.0 if i in rows else 2 + 2 * repeats * 2 * kept[i] for i in range(3)
    ]


def test_copy_of_an_expansion_to_itself_changes_nothing():
    x = flambeau.ones(3, 1, requires_grad=True)
    y = (x * 2).expand(3, 4)
    assert y.copy_(y) is y
    y.sum().backward()
    assert x.grad.tolist() == [[8.0]] * 3
    plain = flambeau.ones(3, 1).expand(3, 4)
    assert plain.copy_(plain).tolist() == [[1.0] * 4] * 3
    with pytest.raises(RuntimeError, match="share memory"):
        plain.copy_(flambeau.ones(3, 4))


def test_expansions_of_leaves_are_refused():
    x = flambeau.ones(3, 1, requires_grad=True)
    with pytest.raises(RuntimeError, match="view of a leaf"):
        x.expand(3, 4).fill_(1)
    with flambeau.no_grad():
        x.expand(3, 4).fill_(5)
    assert x.tolist() == [[5.0]] * 3
