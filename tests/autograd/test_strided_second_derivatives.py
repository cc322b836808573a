"""Second derivatives for inputs of any layout: what is saved for backward must be the input itself."""

import pytest

import flambeau as torch
import flambeau.nn.functional as F

TARGET = torch.tensor([1, 0, 3])
OPERATORS = {
    "layer_norm": lambda x: F.layer_norm(x, (4,)),
    "layer_norm weight": lambda x: F.layer_norm(x, (4,), torch.arange(1.0, 5).double()),
    "rms_norm": lambda x: F.rms_norm(x, (4,)),
    "group_norm": lambda x: F.group_norm(x, 2),
    "batch_norm": lambda x: F.batch_norm(x, None, None, training=True),
    "cross_entropy": lambda x: F.cross_entropy(x, TARGET),
    "smoothed": lambda x: F.cross_entropy(x, TARGET, label_smoothing=0.2, reduction="none"),
    "nll_loss": lambda x: F.nll_loss(x.log_softmax(1), TARGET),
    "softmax": lambda x: x.softmax(1),
    "conv1d": lambda x: F.conv1d(x[None], x[:, None, :2], groups=3),
    "attention": lambda x: F.scaled_dot_product_attention(x[None], x[None], x[None]),
    "cumprod": lambda x: x.cumprod(1),
    "norm": lambda x: x.norm(dim=1),
    "std": lambda x: x.std(1),
    "logsumexp": lambda x: x.logsumexp(1),
    "pinv": torch.linalg.pinv,
}
LAYOUTS = {
    "transposed": (lambda x: x.T.contiguous(), lambda leaf: leaf.T),
    "stepped": (lambda x: x.repeat_interleave(2, 1), lambda leaf: leaf[:, ::2]),
}


def second(function, x, leaf):
    y = function(x)
    scale = torch.arange(1.0, y.numel() + 1, dtype=y.dtype).view(y.shape)
    (slope,) = torch.autograd.grad((y * y * scale).sum(), x, create_graph=True)
    weights = torch.arange(12.0, dtype=y.dtype).view(3, 4).cos()
    return torch.autograd.grad((slope * weights).sum(), leaf)[0]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("operator", OPERATORS)
def test_layout_changes_no_second_derivative(operator, layout):
    function = OPERATORS[operator]
    values = torch.arange(12.0).double().view(3, 4).mul(1.7).sin()
    contiguous = values.clone().requires_grad_()
    expected = second(function, contiguous, contiguous)
    store, view = LAYOUTS[layout]
    leaf = store(values).requires_grad_()
    found = view(second(function, view(leaf), leaf))
    torch.testing.assert_close(found.contiguous(), expected, rtol=1e-9, atol=1e-9)
    assert expected.abs().max() > 0.01
