"""detect_nan: the first result that is not finite, and where it was made."""

import pytest

import flambeau as torch
from flambeau import nn
from flambeau.utils.nonfinite import NonFiniteError, detect_nan


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(2, 2)
        self.rest = nn.Sequential(nn.ReLU(), Log())

    def forward(self, x):
        return self.rest(self.first(x) * 0 - 1)


class Log(nn.Module):
    def forward(self, x):
        return torch.log(x - 1)


def test_it_names_operator_module_and_line():
    with detect_nan(), pytest.raises(NonFiniteError, match=r"^log: .* a NaN at \(0, 0\)") as caught:
        Net()(torch.ones(3, 2))
    error = caught.value
    assert (error.operator, error.module, error.backward) == ("log", "rest.1", False)
    assert error.file == __file__ and "torch.log(x - 1)" in str(error)


def test_a_gradient_names_its_forward_call():
    x = torch.zeros(2, requires_grad=True)
    with detect_nan(), pytest.raises(NonFiniteError, match="SqrtBackward0") as caught:
        y = x.sqrt()
        y.sum().backward()
    assert caught.value.backward and caught.value.file == __file__
    assert "y = x.sqrt()" in str(caught.value)


def test_views_and_what_is_told_to_be_infinite_pass():
    mask = torch.tensor([True, False])
    with detect_nan():
        x = torch.zeros(2).masked_fill(mask, float("-inf"))
        assert x.softmax(0).tolist() == [0.0, 1.0]
        assert x[:1].clone().view(1, 1).contiguous().item() == float("-inf")
        torch.full((2,), float("nan")).add_(1)


def test_what_is_written_in_place_is_looked_at():
    x = torch.zeros(2)
    with detect_nan(), pytest.raises(NonFiniteError, match="log_: .* an infinity"):
        x.log_()
    out = torch.empty(2)
    with detect_nan(), pytest.raises(NonFiniteError, match="reciprocal"):
        torch.reciprocal(torch.zeros(2), out=out)


def test_infinities_may_be_let_through():
    with detect_nan(inf=False):
        assert torch.log(torch.zeros(1)).item() == float("-inf")
        with pytest.raises(NonFiniteError):
            torch.log(-torch.ones(1))


@pytest.mark.parametrize("dtype", (torch.float64, torch.bfloat16, torch.float16, torch.complex64))
def test_all_dtypes(dtype):
    x = torch.zeros(3, 4, dtype=dtype)
    with detect_nan(), pytest.raises(NonFiniteError):
        (x.mT / x.mT).sum()


def test_nothing_is_looked_at_afterwards():
    with detect_nan():
        pass
    assert torch.log(torch.zeros(1)).item() == float("-inf")
