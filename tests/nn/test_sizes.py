"""Layers and losses whose long dimension has 0, 1 and more elements than small tests reach, as PyTorch."""

import importlib.util
import warnings

import numpy as np
import pytest

import flambeau

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="needs PyTorch to compare with"
)


def plain(module, x):
    return module(x)


def for_class_0(torch, *shape):
    """The call of a loss with class 0 as each target."""
    return lambda module, x: module(x, torch.zeros(*shape, dtype=torch.int64))


# name -> function of flambeau or PyTorch and of the size: (module, its call, the shape of its input).
CASES = {
    "RNN": lambda torch, size: (
        torch.nn.RNN(2, 3, bidirectional=True),
        lambda m, x: m(x)[0],
        (size, 2, 2),
    ),
    "LSTM": lambda torch, size: (
        torch.nn.LSTM(2, 3, num_layers=2, batch_first=True),
        lambda m, x: m(x)[0],
        (2, size, 2),
    ),
    "GRU": lambda torch, size: (torch.nn.GRU(2, 3), lambda m, x: m(x)[0], (size, 1, 2)),
    "Enc": lambda torch, size: (
        torch.nn.TransformerEncoderLayer(4, 2, 8, 0.0, batch_first=True),
        plain,
        (1, size, 4),
    ),
    "Dec": lambda torch, size: (
        torch.nn.TransformerDecoderLayer(4, 2, 8, 0.0),
        lambda m, x: m(x, x),
        (size, 1, 4),
    ),
    "MHA": lambda torch, size: (
        torch.nn.MultiheadAttention(4, 2),
        lambda m, x: m(x, x, x)[0],
        (size, 1, 4),
    ),
    "Bag": lambda torch, size: (
        torch.nn.EmbeddingBag(7, 3),
        lambda m, x: m((x[:, 0].abs() * 3).long().clamp(0, 6), torch.tensor([0])),
        (size, 1),
    ),
    "BagMax": lambda torch, size: (
        torch.nn.EmbeddingBag(7, 3, mode="max"),
        lambda m, x: m((x[:, 0].abs() * 3).long().clamp(0, 6), torch.tensor([0, size // 2])),
        (size, 1),
    ),
    "BagSum": lambda torch, size: (
        torch.nn.EmbeddingBag(size if size else 1, 3, mode="sum"),
        lambda m, x: m(
            torch.arange(size).reshape(-1, 1) if size else torch.zeros(0, 1, dtype=torch.int64)
        ),
        (1,),
    ),
    "Emb": lambda torch, size: (
        torch.nn.Embedding(5, size),
        lambda m, x: m(torch.tensor([0, 4, 4])),
        (1,),
    ),
    "Linear": lambda torch, size: (torch.nn.Linear(size, 3), plain, (2, size)),
    "LinOut": lambda torch, size: (torch.nn.Linear(3, size), plain, (2, 3)),
    "Bilinear": lambda torch, size: (
        torch.nn.Bilinear(size, 2, 3),
        lambda m, x: m(x, x[:, :1].expand(2, 2) if size else torch.zeros(2, 2)),
        (2, size),
    ),
    "Conv1d": lambda torch, size: (torch.nn.Conv1d(2, 3, 3, padding=1), plain, (2, 2, size)),
    "ConvC": lambda torch, size: (
        torch.nn.Conv2d(max(size, 1), 2, 3, padding=1),
        plain,
        (1, max(size, 1), 3, 3),
    ),
    "ConvT": lambda torch, size: (
        torch.nn.ConvTranspose1d(2, 3, 3, stride=2),
        plain,
        (2, 2, size),
    ),
    "dwconv": lambda torch, size: (
        torch.nn.Conv1d(max(size, 1), max(size, 1), 3, padding=1, groups=max(size, 1)),
        plain,
        (1, max(size, 1), 4),
    ),
    "LN": lambda torch, size: (torch.nn.LayerNorm(size), plain, (3, size)),
    "RMS": lambda torch, size: (torch.nn.RMSNorm(size), plain, (3, size)),
    "GN": lambda torch, size: (torch.nn.GroupNorm(1, max(size, 1)), plain, (2, max(size, 1), 3)),
    "BN": lambda torch, size: (torch.nn.BatchNorm1d(size), plain, (4, size)),
    "BNb": lambda torch, size: (torch.nn.BatchNorm1d(3), plain, (size, 3)),
    "IN": lambda torch, size: (torch.nn.InstanceNorm1d(3, affine=True), plain, (2, 3, size)),
    "MaxPool": lambda torch, size: (torch.nn.MaxPool1d(3, 2, 1), plain, (2, 3, size)),
    "AvgPool": lambda torch, size: (torch.nn.AvgPool1d(3, 2, 1), plain, (2, 3, size)),
    "AdAvg": lambda torch, size: (torch.nn.AdaptiveAvgPool1d(5), plain, (2, 3, size)),
    "AdMax": lambda torch, size: (torch.nn.AdaptiveMaxPool1d(5), plain, (2, 3, size)),
    "LP": lambda torch, size: (torch.nn.LPPool1d(2.0, 3), plain, (2, 3, size)),
    "Up": lambda torch, size: (
        torch.nn.Upsample(scale_factor=1.5, mode="linear"),
        plain,
        (2, 3, size),
    ),
    "UpN": lambda torch, size: (torch.nn.Upsample(scale_factor=2), plain, (2, 3, size)),
    "PadR": lambda torch, size: (torch.nn.ReflectionPad1d(1), plain, (2, 3, size)),
    "PadC": lambda torch, size: (torch.nn.CircularPad1d(1), plain, (2, 3, size)),
    "PadRep": lambda torch, size: (torch.nn.ReplicationPad1d(2), plain, (2, 3, size)),
    "PS": lambda torch, size: (torch.nn.PixelShuffle(2), plain, (1, 4, size, 2)),
    "Fold": lambda torch, size: (torch.nn.Unfold((1, 2)), plain, (1, 2, 2, size)),
    "Softmax": lambda torch, size: (torch.nn.Softmax(1), plain, (2, size)),
    "LogSoftmax0": lambda torch, size: (torch.nn.LogSoftmax(0), plain, (size, 2)),
    "GLU": lambda torch, size: (torch.nn.GLU(), plain, (2, size * 2)),
    "CE": lambda torch, size: (torch.nn.CrossEntropyLoss(), for_class_0(torch, 2), (2, size)),
    "CEb": lambda torch, size: (
        torch.nn.CrossEntropyLoss(reduction="sum"),
        for_class_0(torch, size),
        (size, 3),
    ),
    "NLL": lambda torch, size: (torch.nn.NLLLoss(), for_class_0(torch, size, 2), (size, 3, 2)),
    "CTC": lambda torch, size: (
        torch.nn.CTCLoss(),
        lambda m, x: m(
            x.log_softmax(2),
            torch.ones(1, min(size, 30) // 2, dtype=torch.int64),
            torch.tensor([size]),
            torch.tensor([min(size, 30) // 2]),
        ),
        (size, 1, 4),
    ),
    "MLM": lambda torch, size: (
        torch.nn.MultiLabelMarginLoss(),
        for_class_0(torch, 2, size),
        (2, size),
    ),
    "MM": lambda torch, size: (torch.nn.MultiMarginLoss(), for_class_0(torch, 2), (2, size)),
    "KL": lambda torch, size: (
        torch.nn.KLDivLoss(reduction="batchmean"),
        lambda m, x: m(x, x.detach().exp()),
        (size, 3),
    ),
    "Huber": lambda torch, size: (torch.nn.HuberLoss(), lambda m, x: m(x, x.detach() * 2), (size,)),
    "Cos": lambda torch, size: (
        torch.nn.CosineSimilarity(),
        lambda m, x: m(x, x.detach() * 2 + 1),
        (2, size),
    ),
    "PD": lambda torch, size: (
        torch.nn.PairwiseDistance(),
        lambda m, x: m(x, x.detach() * 2 + 1),
        (2, size),
    ),
    "Adaptive": lambda torch, size: (
        torch.nn.AdaptiveLogSoftmaxWithLoss(3, max(size, 4), [2]),
        lambda m, x: m(x, torch.zeros(4, dtype=torch.int64))[1],
        (4, 3),
    ),
    "PReLU": lambda torch, size: (torch.nn.PReLU(max(size, 1)), plain, (2, max(size, 1))),
    "LRN": lambda torch, size: (torch.nn.LocalResponseNorm(3), plain, (1, size, 3)),
    "FracMax": lambda torch, size: (
        torch.nn.FractionalMaxPool2d(1, output_size=1),
        plain,
        (1, 2, size, 3),
    ),
    "Flatten": lambda torch, size: (torch.nn.Flatten(), plain, (2, size, 2)),
    "Cell": lambda torch, size: (torch.nn.LSTMCell(3, 4), lambda m, x: m(x)[0], (size, 3)),
}


def outcome(torch, name, size, state=None):
    """(state, output, gradients), or the exception that came."""
    try:
        module, call, shape = CASES[name](torch, size)
        module.double()
        if state is not None:
            module.load_state_dict({key: torch.tensor(value) for key, value in state.items()})
        state = {key: value.clone().numpy() for key, value in module.state_dict().items()}
        x = torch.tensor(np.random.default_rng(0).normal(size=shape)).requires_grad_()
        y = call(module, x)
        if y.requires_grad:
            y.sum().backward()
        grads = [None if t.grad is None else t.grad.numpy() for t in (x, *module.parameters())]
        return state, y.detach().numpy(), grads
    except Exception as error:
        return error


# Where PyTorch fails by accident and there is an answer: an empty one.
ANSWERED = {("ConvT", 0), ("BN", 0), ("PS", 0)}


@pytest.mark.parametrize("size", [0, 1, 65, 257])
@pytest.mark.parametrize("name", CASES)
def test_as_pytorch(name, size):
    import torch as oracle

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = outcome(oracle, name, size)
        refused = isinstance(wanted, Exception)
        got = outcome(flambeau, name, size, None if refused else wanted[0])
    if (name, size) in ANSWERED:
        assert not isinstance(got, Exception)
    elif refused:
        assert type(got) is type(wanted)
    else:
        np.testing.assert_allclose(got[1], wanted[1], rtol=1e-6, atol=1e-9)
        for ours, theirs in zip(got[2], wanted[2], strict=True):
            assert (ours is None) == (theirs is None)
            if ours is not None:
                np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-8)
