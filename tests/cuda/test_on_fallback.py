"""What has no kernel on a GPU runs on the CPU, with copies there and back."""

import warnings

import pytest

import flambeau as torch

F = torch.nn.functional


@pytest.fixture(autouse=True)
def quietly():
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*has no kernel on cuda.*")
        yield


def same_as_on_cpu(function, *tensors):
    """The value and the gradients of function(*tensors) are those of the CPU."""
    here = [t.clone().requires_grad_() for t in tensors]
    there = [t.cuda().requires_grad_() for t in tensors]
    expected, found = function(*here), function(*there)
    assert found.is_cuda
    torch.testing.assert_close(found.cpu(), expected)
    expected.sum().backward()
    found.sum().backward()
    for a, b in zip(here, there):
        torch.testing.assert_close(b.grad.cpu(), a.grad)


def test_a_warning_once_for_each_operator():
    x = torch.ones(3, 3, device="cuda")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        torch.linalg.eigvals(x), torch.linalg.eigvals(2 * x)
    assert len(told) == 1 and "has no kernel on cuda:0" in str(told[0].message)


def test_what_overlaps_itself_is_not_written():
    x = torch.ones(4, device="cuda").as_strided((3, 2), (1, 1))
    with pytest.raises(RuntimeError, match="share memory"):
        torch.linalg.inv(torch.eye(2, device="cuda"), out=x[:2])
    with pytest.raises(RuntimeError, match="share memory"):
        x.renorm_(1, 0, 0.5)


def test_arguments_that_are_no_single_run_in_memory():
    b = torch.randn(4, 4)
    same_as_on_cpu(lambda a: torch.linalg.solve(a.mT + 5 * torch.eye(4).to(a.device), a), b)
    same_as_on_cpu(lambda a: torch.linalg.solve(a.mT[::2, ::2] @ a[::2, ::2], a[:2, 1::2]), b)


def test_factors_from_numpy():
    a = torch.randn(3, 3) + 3 * torch.eye(3)
    same_as_on_cpu(lambda a: torch.linalg.lu(a)[2], a)
    same_as_on_cpu(lambda a: torch.linalg.lu_solve(*torch.linalg.lu_factor(a), a), a)
    same_as_on_cpu(lambda a: torch.lu_unpack(*torch.linalg.lu_factor(a))[0] @ a, a)


def test_ctc_loss_with_targets_on_either_device():
    x, labels = torch.randn(5, 2, 4), torch.tensor([[1, 2], [3, 1]])
    lengths = torch.tensor([5, 5]), torch.tensor([2, 2])
    for device in ("cpu", "cuda"):
        same_as_on_cpu(lambda x: F.ctc_loss(x.log_softmax(2), labels.to(device), *lengths), x)


def test_long_work_that_finds_no_elements_names_its_operator():
    x = torch.randn(10, 116, device="cuda").unfold(1, 16, 4)  # frames that overlap
    torch.testing.assert_close(torch.fft.rfft(x).cpu(), torch.fft.rfft(x.cpu()))
