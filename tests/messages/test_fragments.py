"""The words that programs search for in messages; docs/differences.md says who does."""

import re
import warnings

import numpy
import pytest

import flambeau as torch
from flambeau import nn


def leaf(*sizes):
    return torch.ones(sizes, requires_grad=True)


def test_state_dicts():
    with pytest.raises(RuntimeError) as caught:
        state = nn.Linear(3, 3, bias=False).state_dict() | {"other": torch.zeros(1)}
        nn.Linear(2, 2).load_state_dict(state)
    text = str(caught.value)
    assert text.startswith("Error(s) in loading state_dict for Linear:\n\t")
    assert 'Missing key(s) in state_dict: "bias"' in text
    assert 'Unexpected key(s) in state_dict: "other"' in text
    assert "size mismatch for weight" in text


def test_files(tmp_path):
    torch.save(re.compile("a"), tmp_path / "file")
    with pytest.raises(Exception, match="Weights only load failed"):
        torch.load(tmp_path / "file")


def test_memory():
    with pytest.raises(torch.OutOfMemoryError, match="out of memory"):
        torch.empty(2**62, dtype=torch.uint8)


def test_gradients():
    y = leaf(2).exp()
    y.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()
    with pytest.raises(RuntimeError, match="does not require grad"):
        torch.zeros(()).backward()
    with pytest.raises(RuntimeError, match="does not require grad"):
        torch.autograd.grad(leaf(1).sum(), torch.zeros(1))
    y = leaf(2).exp().sum()
    y.backward()
    with pytest.raises(RuntimeError, match="second time"):
        y.backward()


def test_devices():
    with pytest.raises(RuntimeError, match="not compiled with CUDA enabled"):
        torch.cuda.current_device()


def test_comparisons():
    with pytest.raises(AssertionError, match="Tensor-likes are not close"):
        torch.testing.assert_close(torch.zeros(2), torch.ones(2))
    with pytest.raises(AssertionError, match="Scalars are not close"):
        torch.testing.assert_close(torch.tensor(0.0), torch.tensor(1.0))
    with pytest.raises(AssertionError, match="Scalars are not close"):
        torch.testing.assert_close(0.0, 1.0)


@pytest.mark.parametrize(
    "beginning",
    [
        "Detected call of `lr_scheduler.step()` before `optimizer.step()`",
        "To copy construct from a tensor",
        "The given NumPy array is not writable",
        "An output with one or more elements was resized",
        "This overload of add_ is deprecated",
    ],
)
def test_warnings_can_be_filtered_by_how_they_begin(beginning):
    def steps():
        optimizer = torch.optim.SGD([leaf(2)], lr=0.1)
        torch.optim.lr_scheduler.StepLR(optimizer, 1).step()
        torch.tensor(torch.zeros(1))
        array = numpy.zeros(2)
        array.setflags(write=False)
        torch.from_numpy(array)
        torch.exp(torch.zeros(3), out=torch.zeros(2))
        torch.zeros(2).add_(2, torch.zeros(2))

    with warnings.catch_warnings(record=True) as before:
        warnings.simplefilter("always")
        steps()
        warnings.filterwarnings("ignore", message=re.escape(beginning))
        count = len(before)
        steps()
    assert count == 5 and len(before) == count + 4
