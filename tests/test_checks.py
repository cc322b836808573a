"""torch._check and its kin."""

import pytest

import flambeau as torch


@pytest.mark.parametrize(
    "check, error",
    [
        (torch._check, RuntimeError),
        (torch._check_index, IndexError),
        (torch._check_value, ValueError),
        (torch._check_type, TypeError),
        (torch._check_not_implemented, NotImplementedError),
    ],
)
def test_conditions(check, error):
    assert check(True) is None
    with pytest.raises(error, match="does not hold"):
        check(False)
    with pytest.raises(error, match="because 3"):
        check(False, lambda: f"because {3}")
    with pytest.raises(TypeError, match="cond must be a bool"):
        check(torch.ones(1))
    with pytest.raises(TypeError, match="function"):
        check(False, "text")


def test_conditions_of_tensors():
    torch._check_tensor_all(torch.tensor([True, True]))
    with pytest.raises(RuntimeError, match="does not hold"):
        torch._check_tensor_all(torch.tensor([True, False]))
    for bad in (True, torch.ones(2)):
        with pytest.raises(TypeError):
            torch._check_tensor_all(bad)
    torch._assert_async(torch.tensor(0.1))
    with pytest.raises(RuntimeError, match="zero"):
        torch._assert_async(torch.tensor(0j))
    with pytest.raises(RuntimeError):
        torch._assert_async(torch.tensor([0, 1]))
    torch._check_is_size(3, max=3)
    with pytest.raises(RuntimeError):
        torch._check_is_size(-1)


def test_overlap_within_a_tensor():
    overlap = torch._debug_has_internal_overlap
    assert overlap(torch.ones(3, 3).t()) == 0 and overlap(torch.ones(1, 3).expand(4, 3)) == 1
    assert overlap(torch.ones(10).as_strided((2, 5), (2, 1))) == 2
