"""Nested tensors: each operator gives what the sequences give one by one."""

import pickle

import pytest

import flambeau as torch
from flambeau import nested, nn
from flambeau.nn import functional as F

LENGTHS = (3, 1, 4)


@pytest.fixture
def parts():
    torch.manual_seed(0)
    return [torch.randn(n, 4) for n in LENGTHS]


@pytest.fixture
def x(parts):
    return nested.nested_tensor(parts, layout=torch.jagged)


def same(result, wanted):
    assert result.is_nested
    found = result.unbind()
    assert len(found) == len(wanted)
    for one, two in zip(found, wanted):
        torch.testing.assert_close(one, two)


def test_what_it_says_of_itself(x):
    assert x.is_nested and x.layout is torch.jagged and len(x) == 3 and x.dim() == x.ndim == 3
    assert x.size(0) == 3 and x.shape[2] == x.size(-1) == 4 and x.size(1) == (x * 2).size(1) != 4
    assert (
        x.offsets().tolist() == [0, 3, 4, 8] and x.values().shape == (8, 4) and x.lengths() is None
    )
    assert x.dtype == torch.float32 and x.numel() == 32 and "NestedTensor(size=(3, j" in repr(x)
    assert nested.nested_tensor([[1, 2], [3]]).layout is torch.strided


def test_ways_to_make_one(parts, x):
    same(nested.nested_tensor_from_jagged(x.values(), offsets=x.offsets()), parts)
    same(nested.nested_tensor_from_jagged(x.values(), lengths=torch.tensor(LENGTHS)), parts)
    same(nested.as_nested_tensor(torch.ones(2, 3, 4)), [torch.ones(3, 4)] * 2)
    same(nested.narrow(torch.arange(8.0).view(2, 4), 1, torch.tensor([0, 1]), torch.tensor([3, 2]), layout=torch.jagged),
         [torch.tensor([0.0, 1, 2]), torch.tensor([5.0, 6])])  # fmt: skip
    mask = torch.tensor([[True, False, True], [False, False, True]])
    same(
        nested.masked_select(torch.arange(6.0).view(2, 3), mask),
        [torch.tensor([0.0, 2]), torch.tensor([5.0])],
    )
    same(pickle.loads(pickle.dumps(x)), parts)


def test_padding(parts, x):
    padded = x.to_padded_tensor(-1.0)
    assert (
        padded.shape == (3, 4, 4)
        and (padded[1, 1:] == -1).all()
        and torch.equal(padded[2], parts[2])
    )
    assert nested.to_padded_tensor(x, 0.0, (3, 6, 4)).shape == (3, 6, 4)
    with pytest.raises(RuntimeError, match="has 4 elements"):
        x.to_padded_tensor(0.0, (3, 2, 4))


@pytest.mark.parametrize(
    "function",
    [
        lambda t: t * 2 + 1, torch.exp, lambda t: 1 - t, lambda t: t / (t.abs() + 1), F.gelu, F.relu, lambda t: t > 0,
        lambda t: torch.where(t > 0, t, 0.0), lambda t: t.clamp(min=0), lambda t: t.double(), lambda t: -t + t.detach(),
        lambda t: F.linear(t, torch.ones(2, 4), torch.ones(2)), lambda t: t @ torch.ones(4, 3),
        lambda t: F.layer_norm(t, (4,)), lambda t: F.rms_norm(t, (4,)), lambda t: t * torch.arange(4.0),
        lambda t: t.softmax(-1), lambda t: t.log_softmax(-1), lambda t: t.unflatten(-1, (2, 2)).sum(-1),
        lambda t: t.unsqueeze(-1).squeeze(-1), lambda t: t.chunk(2, -1)[1], lambda t: torch.cat([t, t * 2], -1),
        lambda t: t.sum(-1), lambda t: t.mean(-1, keepdim=True), lambda t: t.amax(-1), lambda t: t.clone(),
    ],
)  # fmt: skip
def test_operators_on_elements_and_rows(function, parts, x):
    same(function(x), [function(p) for p in parts])


@pytest.mark.parametrize("function", [torch.sum, torch.mean])
def test_sums_over_the_sequences(function, parts, x):
    torch.testing.assert_close(function(x, 1), torch.stack([function(p, 0) for p in parts]))
    torch.testing.assert_close(function(x, (1, 2)), torch.stack([function(p) for p in parts]))
    torch.testing.assert_close(function(x), function(torch.cat(parts)))
    torch.testing.assert_close(x.amax(1), torch.stack([p.amax(0) for p in parts]))
    torch.testing.assert_close(x.amin(1), torch.stack([p.amin(0) for p in parts]))


def test_softmax_over_the_sequences(parts, x):
    same(x.softmax(1), [p.softmax(0) for p in parts])
    same(F.log_softmax(x, 1), [p.log_softmax(0) for p in parts])


@pytest.mark.parametrize("causal", [False, True])
def test_attention(causal, parts, x):
    def heads(t, at):
        return t.unflatten(-1, (2, 2)).transpose(at, at + 1)

    q = heads(x, 1)
    out = F.scaled_dot_product_attention(q, heads(x * 2, 1), heads(x + 1, 1), is_causal=causal)
    wanted = [
        F.scaled_dot_product_attention(
            heads(p, 0), heads(p * 2, 0), heads(p + 1, 0), is_causal=causal
        )
        for p in parts
    ]
    same(out.transpose(1, 2).flatten(-2), [w.transpose(0, 1).flatten(-2) for w in wanted])


def test_rows_against_sequences(parts, x):
    rows = torch.arange(12.0).view(3, 1, 4)
    same(x + rows, [p + r for p, r in zip(parts, rows)])
    same(x - x.mean(1, keepdim=True), [p - p.mean(0, keepdim=True) for p in parts])


def test_gradients():
    parts = [torch.randn(n, 4, dtype=torch.float64, requires_grad=True) for n in LENGTHS]
    layer = nn.Linear(4, 3).double()

    def function(*parts):
        x = nested.as_nested_tensor(list(parts), layout=torch.jagged)
        y = F.layer_norm(layer(x).tanh(), (3,)).softmax(1)
        return y.sum(1), y.to_padded_tensor(0.0)

    assert torch.autograd.gradcheck(function, parts)
    leaf = nested.nested_tensor(parts, layout=torch.jagged, requires_grad=True)
    (leaf * leaf).values().sum().backward()
    same(leaf.grad, [2 * p.detach() for p in parts])
    assert layer.weight.grad is None


def test_a_model_of_sequences(parts, x):
    model = nn.Sequential(
        nn.LayerNorm(4), nn.Linear(4, 8), nn.GELU(), nn.Dropout(0.0), nn.Linear(8, 2)
    )
    same(model(x), [model(p) for p in parts])
    ids = nested.nested_tensor([[1, 2, 0], [2]], layout=torch.jagged)
    embedding = nn.Embedding(3, 4)
    same(embedding(ids), [embedding(torch.tensor(p)) for p in ([1, 2, 0], [2])])


def test_what_is_refused(x):
    with pytest.raises(NotImplementedError, match="einsum: not offered for nested"):
        torch.einsum("bjk->bj", x)
    with pytest.raises(NotImplementedError, match="only the first dim"):
        nested.nested_tensor([torch.ones(2, 3), torch.ones(2, 4)])
    with pytest.raises(RuntimeError, match="other lengths"):
        x + nested.nested_tensor([torch.ones(n, 4) for n in (1, 2, 5)])
    with pytest.raises(RuntimeError, match="ascend from 0 to 8"):
        nested.nested_tensor_from_jagged(torch.ones(8, 2), offsets=torch.tensor([0, 5, 9]))
    with pytest.raises(NotImplementedError, match="over the batch"):
        x.sum(0)
    with pytest.raises(RuntimeError, match="does not broadcast"):
        x + torch.ones(3, 4, 4)


def test_copies_and_files_keep_lengths():
    import copy
    import io

    parts = [torch.randn(n, 3) for n in (2, 4, 1)]
    x = nested.nested_tensor(parts, layout=torch.jagged, requires_grad=True)
    for other in (copy.deepcopy(x), copy.copy(x)):
        same(other, parts)
        assert other.requires_grad and other.is_leaf and other.layout is torch.jagged
    assert copy.deepcopy(x).values().data_ptr() != x.values().data_ptr()
    with pytest.raises(RuntimeError, match="deepcopy: this nested tensor was computed"):
        copy.deepcopy(x * 2)
    file = io.BytesIO()
    torch.save({"x": x, "turned": x.detach().transpose(1, 2)}, file)
    file.seek(0)
    loaded = torch.load(file)
    same(loaded["x"], parts)
    assert loaded["x"].requires_grad and loaded["turned"].values().shape == (3, 7)
    same(loaded["turned"].transpose(1, 2), parts)
    reference = pytest.importorskip("torch")
    file.seek(0)
    theirs = reference.load(file, weights_only=False)
    assert theirs["x"].offsets().tolist() == [0, 2, 6, 7]
    theirs_file = io.BytesIO()
    reference.save(theirs["x"].detach(), theirs_file)
    theirs_file.seek(0)
    same(torch.load(theirs_file), parts)


def test_operators_along_dims_are_those_of_the_sequences():
    torch.manual_seed(0)
    parts = [torch.randn(n, 3) for n in (2, 4, 3)]
    x = nested.nested_tensor(parts, layout=torch.jagged)
    for name in ("std", "prod", "logsumexp", "argmax", "amax", "norm", "median"):
        function = getattr(torch, name)
        first = (lambda r: r[0]) if name == "median" else lambda r: r
        inner, over = first(function(x, dim=2)), first(function(x, dim=1))
        same(inner, [first(function(p, dim=1)) for p in parts])
        assert torch.equal(over, torch.stack([first(function(p, dim=0)) for p in parts]))
    for name in ("cumsum", "argsort", "logcumsumexp"):
        function = getattr(torch, name)
        same(function(x, dim=1), [function(p, dim=0) for p in parts])
        same(function(x, dim=2), [function(p, dim=1) for p in parts])
    values, places = x.max(1)
    assert torch.equal(values, torch.stack([p.max(0)[0] for p in parts])) and places.shape == (3, 3)
    same(torch.max(x, x.neg()), [p.abs() for p in parts])
    same(x.topk(2, 2).values, [p.topk(2, 1).values for p in parts])
    same(
        torch.nn.functional.normalize(x, dim=-1), [torch.nn.functional.normalize(p) for p in parts]
    )
    loss = torch.nn.functional.mse_loss(x, x * 2)
    assert torch.allclose(loss, torch.cat(parts).square().mean())
    with pytest.raises(NotImplementedError, match="argmax: of a nested tensor needs a dim"):
        x.argmax()


def test_sequences_are_taken_apart_and_put_together():
    parts = [torch.randn(n, 2, 3) for n in (2, 4, 3)]
    x = nested.nested_tensor(parts, layout=torch.jagged)
    same(x[1:], parts[1:])
    same(x[torch.tensor([2, 0])], [parts[2], parts[0]])
    same(x[..., 1], [p[..., 1] for p in parts])
    same(x[:, :, 0, 1:], [p[:, 0, 1:] for p in parts])
    assert torch.equal(x[0, 1], parts[0][1])
    same(x.index_select(0, torch.tensor([1])), parts[1:2])
    same(x.select(2, 1), [p[:, 1] for p in parts])
    same(x.narrow(3, 1, 2), [p[..., 1:] for p in parts])
    first, rest = x.split([1, 2])
    same(torch.cat([rest, first]), [*parts[1:], parts[0]])
    turned = x.permute(0, 2, 1, 3)
    assert turned.shape[2] == x.shape[1] and torch.equal(turned.movedim(2, 1).values(), x.values())
    same(
        x.unsqueeze(-1).expand(3, -1, 2, 3, 5), [p.unsqueeze(-1).expand(-1, 2, 3, 5) for p in parts]
    )
    y = x[:, :, 0]
    products = y.transpose(1, 2) @ y
    assert torch.allclose(products, torch.stack([p[:, 0].T @ p[:, 0] for p in parts]))
    weights = torch.randn(3, 3, 4)
    same(y @ weights, [p[:, 0] @ w for p, w in zip(parts, weights, strict=True)])
    assert y.tolist()[0] == parts[0][:, 0].tolist() and torch.equal(y, y.clone())
    with pytest.raises(NotImplementedError, match="__getitem__: of a nested tensor"):
        x[:, 0]


def test_gradients_can_be_set():
    x = nested.nested_tensor(
        [torch.ones(2), torch.ones(1)], layout=torch.jagged, requires_grad=True
    )
    (x * 3).values().sum().backward()
    same(x.grad, [torch.full((2,), 3.0), torch.full((1,), 3.0)])
    x.grad = None
    assert x.grad is None
    x.grad = x.detach() * 2
    same(x.grad, [torch.full((2,), 2.0), torch.full((1,), 2.0)])


def test_from_a_mask_of_padding():
    x = torch.arange(12.0).view(2, 3, 2)
    mask = torch.tensor([[True, False, False], [True, True, True]])
    made = torch._nested_tensor_from_mask(x, mask)
    assert made.is_nested and [row.shape[0] for row in made.unbind()] == [1, 3]
    assert torch.equal(made.to_padded_tensor(0.0), x * mask[..., None])
    assert torch._nested_tensor_from_mask_left_aligned(x, mask)
    assert not torch._nested_tensor_from_mask_left_aligned(x, ~mask)
    for bad in (mask.float(), mask[:, :2], mask[None], ~mask):
        with pytest.raises(RuntimeError, match="^_nested_tensor_from_mask: "):
            torch._nested_tensor_from_mask(x, bad)


def test_multihead_attention_refuses_them():
    x = nested.nested_tensor([torch.ones(3, 4), torch.ones(2, 4)])
    with pytest.raises(AssertionError, match="MultiheadAttention: takes no nested tensors"):
        nn.MultiheadAttention(4, 2, batch_first=True)(x, x, x)


def test_of_no_sequences():
    for make in (nested.nested_tensor, nested.as_nested_tensor):
        x = make([], dtype=torch.float64)
        assert x.is_nested and x.size(0) == 0 and x.numel() == 0 and x.dtype is torch.float64
        assert x.unbind() == () and (x * 2).to_padded_tensor(0.0).shape == (0,)
        with pytest.raises(RuntimeError, match="the list is empty"):
            make([], layout=torch.jagged)
