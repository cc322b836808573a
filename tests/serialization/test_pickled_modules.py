"""Whole modules, functions and named results in files: ours open in PyTorch, and PyTorch's here."""

import importlib.util
import io

import numpy as np
import pytest

import flambeau

pytestmark = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs PyTorch")

SAVED = {
    "layers": lambda nn: nn.Sequential(nn.Linear(4, 3), nn.GELU(), nn.LayerNorm(3), nn.PReLU()),
    "images": lambda nn: nn.Sequential(nn.Unflatten(1, (1, 2, 2)), nn.Conv2d(1, 2, 2), nn.BatchNorm2d(2), nn.Flatten()),
    "lstm": lambda nn: nn.LSTM(4, 3, 2, bidirectional=True),
    "gru": lambda nn: nn.GRU(4, 3, batch_first=True),
    "attention": lambda nn: nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8, 0.0), 1, enable_nested_tensor=False),
    "lists": lambda nn: nn.ModuleDict({"a": nn.ModuleList([nn.Linear(4, 2)])}),
}  # fmt: skip
FUNCTIONS = "sigmoid add einsum stack linalg.inv fft.fft special.zeta nn.functional.relu nn.functional.linear nn.functional.gelu nn.functional.conv2d nn.init.xavier_uniform_".split()


def _passed_on(one, other, obj):
    file = io.BytesIO()
    one.save(obj, file)
    file.seek(0)
    return other.load(file, weights_only=False)


def _both_ways():
    import torch

    return [(flambeau, torch), (torch, flambeau), (flambeau, flambeau)]


def _output(library, module):
    module.eval()
    x = library.tensor([[0.5, -1.0, 2.0, 0.25], [1.0, 0.0, -3.0, 1.5]])
    if isinstance(module, library.nn.ModuleDict):
        module = module["a"][0]
    result = module(x)
    return (result[0] if isinstance(result, tuple) else result).detach().numpy()


@pytest.mark.parametrize("name", SAVED)
def test_a_module_computes_the_same_where_it_is_opened(name):
    for one, other in _both_ways():
        module = SAVED[name](one.nn)
        opened = _passed_on(one, other, module)
        assert type(opened) is getattr(other.nn, type(module).__name__)
        np.testing.assert_allclose(_output(other, opened), _output(one, module), atol=1e-5)
        assert opened.state_dict().keys() == module.state_dict().keys()
        opened.train().to(other.float64).requires_grad_(False)
        assert repr(opened) == repr(module)


def _double(module, args, output):
    return output * 2


def test_hooks_go_along():
    import torch

    for one, other in _both_ways():
        module = one.nn.Linear(4, 2)
        module.register_forward_hook(_double)
        opened = _passed_on(one, other, module)
        np.testing.assert_allclose(_output(other, opened), _output(one, module), rtol=1e-5)
        if other is torch:
            continue  # which gives a new hook the number of a loaded one
        opened.register_forward_hook(_double)
        np.testing.assert_allclose(_output(other, opened), 2 * _output(one, module), rtol=1e-5)


def _attribute(library, path):
    for name in path.split("."):
        library = getattr(library, name)
    return library


def test_functions_are_found_by_their_public_names():
    for one, other in _both_ways():
        for path in FUNCTIONS:
            assert _passed_on(one, other, _attribute(one, path)) == _attribute(other, path), path


@pytest.mark.filterwarnings("ignore:Seems like")  # PyTorch's own, of its pickled schedules too
def test_optimizers_schedules_distributions_and_named_results():
    for one, other in _both_ways():
        parameters = list(one.nn.Linear(2, 2).parameters())
        schedule = one.optim.lr_scheduler.StepLR(one.optim.AdamW(parameters), 2)
        opened = _passed_on(one, other, schedule)
        assert type(opened.optimizer) is other.optim.AdamW
        opened.optimizer.step()
        opened.step()
        normal = one.distributions.Normal(one.zeros(2), one.ones(2))
        assert _passed_on(one, other, normal).sample().shape == (2,)
        largest = _passed_on(one, other, one.ones(2, 3).max(1))
        assert type(largest) is other.return_types.max and largest.indices.tolist() == [0, 0]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("layout", ["jagged", "strided"])
def test_nested_tensors_of_pytorch_open_here(layout):
    import torch

    rows = [torch.arange(6.0).view(2, 3), torch.ones(1, 3)]
    nested = torch.nested.nested_tensor(rows, layout=getattr(torch, layout))
    file = io.BytesIO()
    torch.save(nested, file)
    file.seek(0)
    opened = flambeau.load(file)  # with weights_only
    assert opened.is_nested and opened.layout is getattr(flambeau, layout)
    for row, expected in zip(opened.unbind(), rows, strict=True):
        assert row.tolist() == expected.tolist()
