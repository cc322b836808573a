"""nn.utils: clipping, vectors, packed sequences, parametrizations, normalizations."""

import copy
import math

import numpy as np
import pytest

import flambeau as torch
from flambeau import nn
from flambeau.nn import utils
from flambeau.nn.utils import parametrizations, parametrize, rnn


def parameters():
    a, b = nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(1))
    a.grad, b.grad = torch.tensor([3.0, 0.0]), torch.tensor([4.0])
    return [a, b]


def test_clip_grad_norm():
    params = parameters()
    assert utils.clip_grad_norm_(params, 1.0).item() == 5.0
    np.testing.assert_allclose(params[0].grad.numpy(), [0.6, 0], rtol=1e-5)
    assert utils.clip_grad_norm_(parameters(), 10.0, norm_type=math.inf).item() == 4.0
    assert utils.clip_grad_norm_([], 1.0).item() == 0
    empty = nn.Parameter(torch.zeros(0))
    empty.grad = torch.zeros(0)
    for norm_type in (math.inf, 2, 1, -math.inf, 0):
        assert utils.clip_grad_norm_([empty], 1.0, norm_type=norm_type).item() == 0
    assert utils.clip_grad_norm_([empty, *parameters()], 10.0, norm_type=math.inf).item() == 4.0
    params[0].grad[0] = math.nan
    with pytest.raises(
        RuntimeError,
        match=r"clip_grad_norm_: the norm of order 2\.0 of the gradients is infinite or NaN",
    ):
        utils.clip_grad_norm_(params, 1.0, error_if_nonfinite=True)


def test_clip_grad_value():
    params = parameters()
    utils.clip_grad_value_(params, 3.5)
    assert params[1].grad.item() == 3.5 and params[0].grad[0].item() == 3.0


def test_parameters_as_a_vector():
    params = parameters()
    vector = utils.parameters_to_vector(params)
    assert vector.shape == (3,)
    utils.vector_to_parameters(torch.tensor([1.0, 2.0, 3.0]), params)
    assert params[0].tolist() == [1.0, 2.0] and params[1].tolist() == [3.0]


def test_packing_round_trip():
    sequences = [torch.arange(n).float() for n in (2, 4, 3)]
    packed = rnn.pack_sequence(sequences, enforce_sorted=False)
    assert packed.batch_sizes.tolist() == [3, 3, 2, 1]
    assert packed.data.tolist() == [0.0] * 3 + [1.0] * 3 + [2.0] * 2 + [3.0]
    padded, lengths = rnn.pad_packed_sequence(packed, batch_first=True, padding_value=-1)
    assert padded.tolist()[0] == [0, 1, -1, -1] and lengths.tolist() == [2, 4, 3]
    for back, sequence in zip(rnn.unpack_sequence(packed), sequences, strict=True):
        assert back.tolist() == sequence.tolist()
    with pytest.raises(
        RuntimeError, match="pack_padded_sequence: lengths must fall from the first to the last"
    ):
        rnn.pack_sequence(sequences)
    left = rnn.pad_sequence(sequences, batch_first=True, padding_side="left")
    assert left.tolist()[0] == [0, 0, 0, 1]


def test_packed_lstm_equals_each_sequence_alone():
    lstm = nn.LSTM(2, 3, num_layers=2, bidirectional=True)
    sequences = [torch.randn(n, 2) for n in (2, 5, 3)]
    out, (h, _) = lstm(rnn.pack_sequence(sequences, enforce_sorted=False))
    padded, lengths = rnn.pad_packed_sequence(out)
    for i, sequence in enumerate(sequences):
        alone, (h_alone, _) = lstm(sequence)
        part = padded[: int(lengths[i]), i]
        np.testing.assert_allclose(
            part.detach().numpy(), alone.detach().numpy(), rtol=1e-4, atol=1e-6
        )
        np.testing.assert_allclose(
            h[:, i].detach().numpy(), h_alone.detach().numpy(), rtol=1e-4, atol=1e-6
        )


class Symmetric(nn.Module):
    def forward(self, x):
        return x.triu() + x.triu(1).transpose(-1, -2)


def test_parametrization():
    layer = nn.Linear(3, 3)
    parametrize.register_parametrization(layer, "weight", Symmetric())
    assert repr(layer).startswith("ParametrizedLinear(")
    assert list(layer.state_dict()) == ["bias", "parametrizations.weight.original"]
    assert bool((layer.weight == layer.weight.t()).all())
    layer(torch.ones(1, 3)).sum().backward()
    original = layer.parametrizations.weight.original
    assert original.grad is not None and parametrize.is_parametrized(layer, "weight")
    other = copy.deepcopy(layer)
    with torch.no_grad():
        other.parametrizations.weight.original.zero_()
    assert bool((other.weight == 0).all()) and bool((layer.weight != 0).any())
    with parametrize.cached():
        assert layer.weight is layer.weight
    parametrize.remove_parametrizations(layer, "weight")
    assert type(layer) is nn.Linear and isinstance(layer.weight, nn.Parameter)
    assert bool((layer.weight == layer.weight.t()).all())


@pytest.mark.parametrize("make", [parametrizations.weight_norm, utils.weight_norm])
def test_weight_norm_keeps_the_function_and_learns_norms(make):
    layer = nn.Linear(4, 3)
    x = torch.randn(2, 4)
    before = layer(x)
    make(layer)
    np.testing.assert_allclose(layer(x).detach().numpy(), before.detach().numpy(), rtol=1e-5)
    layer(x).sum().backward()
    shapes = sorted(tuple(p.shape) for p in layer.parameters())
    assert shapes == [(3,), (3, 1), (3, 4)]
    assert all(p.grad is not None for p in layer.parameters())


def test_weight_norm_is_removed():
    layer = utils.weight_norm(nn.Linear(4, 3))
    assert list(layer.state_dict()) == ["bias", "weight_g", "weight_v"]
    utils.remove_weight_norm(layer)
    assert set(layer.state_dict()) == {"weight", "bias"}
    with pytest.raises(ValueError, match="weight_norm: there is none of 'weight' in Linear"):
        utils.remove_weight_norm(layer)


@pytest.mark.parametrize("make", [parametrizations.spectral_norm, utils.spectral_norm])
def test_spectral_norm_is_one(make):
    layer = make(nn.Linear(5, 4))
    for _ in range(50):
        layer(torch.zeros(1, 5))
    largest = np.linalg.norm(layer.weight.detach().numpy(), 2)
    assert abs(largest - 1) < 1e-3


@pytest.mark.parametrize("steps", [1, 3])
def test_steps_of_spectral_norm_begin_where_pytorch_s_do(steps):
    rng = np.random.default_rng(0)
    matrix, u, v = (rng.standard_normal(sizes).astype(np.float32) for sizes in ((4, 3), 4, 3))
    layer = parametrizations.spectral_norm(nn.Linear(3, 4), n_power_iterations=steps)
    old = utils.spectral_norm(nn.Linear(3, 4), n_power_iterations=steps)
    norm = layer.parametrizations.weight[0]
    with torch.no_grad():
        for place in (layer.parametrizations.weight.original, old.weight_orig):
            place.copy_(torch.from_numpy(matrix))
        for place in (norm._u, old.weight_u):
            place.copy_(torch.from_numpy(u))
        for place in (norm._v, old.weight_v):
            place.copy_(torch.from_numpy(v))
    layer.weight, old(torch.zeros(1, 3))
    new_v, new_u, old_v, old_u = v, u, v, u
    for _ in range(steps):
        new_u = matrix @ new_v / np.linalg.norm(matrix @ new_v)
        new_v = new_u @ matrix / np.linalg.norm(new_u @ matrix)
        old_v = old_u @ matrix / np.linalg.norm(old_u @ matrix)
        old_u = matrix @ old_v / np.linalg.norm(matrix @ old_v)
    np.testing.assert_allclose(norm._u.numpy(), new_u, rtol=1e-5)
    np.testing.assert_allclose(norm._v.numpy(), new_v, rtol=1e-5)
    np.testing.assert_allclose(old.weight_u.numpy(), old_u, rtol=1e-5)
    np.testing.assert_allclose(old.weight_v.numpy(), old_v, rtol=1e-5)


def test_functional_call():
    layer = nn.Linear(2, 1)
    weight = torch.ones(1, 2, requires_grad=True)
    given = {"weight": weight, "bias": torch.zeros(1)}
    own = layer.weight
    out = utils.stateless.functional_call(layer, given, torch.tensor([[2.0, 3.0]]))
    assert out.item() == 5.0 and layer.weight is own
    out.backward()
    assert weight.grad.tolist() == [[2.0, 3.0]]


def test_fused_batch_norm_computes_the_same():
    conv, norm = nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3)
    norm(conv(torch.randn(4, 2, 5, 5)))
    conv.eval(), norm.eval()
    x = torch.randn(1, 2, 5, 5)
    fused = utils.fuse_conv_bn_eval(conv, norm)
    np.testing.assert_allclose(
        fused(x).detach().numpy(), norm(conv(x)).detach().numpy(), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("trivialized", [True, False])
@pytest.mark.parametrize("orthogonal_map", ["matrix_exp", "cayley", "householder"])
@pytest.mark.parametrize("sizes", [(4, 4), (5, 3), (3, 5)])
def test_orthogonal_weight_stays_orthogonal_and_is_pytorchs(sizes, orthogonal_map, trivialized):
    pytorch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    values, slopes, change = rng.normal(size=(3, *sizes))
    change *= 0.1 * (1 - np.eye(*sizes))
    base = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    weights, gradients = [], []
    for T in (torch, pytorch):
        layer = T.nn.Linear(sizes[1], sizes[0], bias=False, dtype=T.float64)
        with T.no_grad():
            layer.weight.copy_(T.from_numpy(values))
        T.nn.utils.parametrizations.orthogonal(
            layer, "weight", orthogonal_map, use_trivialization=trivialized
        )
        made = layer.parametrizations.weight
        with T.no_grad():
            if trivialized and sizes[0] != sizes[1]:  # its last columns were drawn
                made[0].base.copy_(T.from_numpy(base))
            made.original.add_(T.from_numpy(change))
        (layer.weight * T.from_numpy(slopes)).sum().backward()
        weights.append(layer.weight.detach().numpy())
        gradients.append(made.original.grad.numpy())
    q = weights[0] if sizes[0] >= sizes[1] else weights[0].T
    np.testing.assert_allclose(q.T @ q, np.eye(q.shape[1]), atol=1e-12)
    np.testing.assert_allclose(*weights, atol=1e-12)
    np.testing.assert_allclose(*gradients, atol=1e-11)


def test_orthogonal_weight_can_be_assigned():
    for orthogonal_map in ("matrix_exp", "cayley", "householder"):
        layer = parametrizations.orthogonal(nn.Linear(4, 3), orthogonal_map=orthogonal_map)
        rows = torch.linalg.qr(torch.randn(4, 3)).Q.mT
        layer.weight = rows
        assert torch.allclose(layer.weight, rows, atol=1e-5)
    square = parametrizations.orthogonal(
        nn.Linear(4, 4), orthogonal_map="householder", use_trivialization=False
    )
    q = torch.linalg.qr(torch.randn(4, 4)).Q
    square.weight = q
    assert torch.allclose(square.weight, q, atol=1e-5)
    with pytest.raises(ValueError, match="orthogonal: orthogonal_map is 'qr'"):
        parametrizations.orthogonal(nn.Linear(2, 2), orthogonal_map="qr")
    with pytest.raises(
        ValueError, match=r"orthogonal: 'bias' \(2,\) must be a matrix or a stack of them"
    ):
        parametrizations.orthogonal(nn.Linear(2, 2), "bias")


def test_skip_init_draws_nothing():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    layer = utils.skip_init(nn.Linear, 5, 2, device="cpu")
    assert layer.weight.shape == (2, 5)
    assert torch.equal(torch.get_rng_state(), before)
    with pytest.raises(RuntimeError, match="Module"):
        utils.skip_init(dict)


def test_spectral_norm_reads_files_that_hold_the_weight_in_place_of_v():
    torch.manual_seed(0)
    layer = torch.nn.utils.spectral_norm(nn.Linear(3, 5))
    x = torch.rand(2, 3)
    layer(x)
    state = copy.deepcopy(layer.state_dict())
    assert state._metadata[""]["spectral_norm"] == {"weight.version": 1}
    old = copy.deepcopy(state)
    del old._metadata[""]["spectral_norm"]
    del old["weight_v"]
    old["weight"] = layer.weight.detach().clone()
    expected = layer.eval()(x)
    fresh = torch.nn.utils.spectral_norm(nn.Linear(3, 5)).eval()
    fresh.load_state_dict(old)
    torch.testing.assert_close(fresh(x), expected)
    with pytest.raises(RuntimeError, match="weight_u"):
        fresh.load_state_dict({k: v for k, v in state.items() if k != "weight_u"})
    torch.nn.utils.remove_spectral_norm(layer)
    assert not layer._load_state_dict_pre_hooks and not layer._state_dict_hooks
