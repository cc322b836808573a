"""assert_close and make_tensor."""

import pytest

import flambeau as torch
from flambeau.testing import assert_close, make_tensor


def test_close_things_pass():
    x = torch.tensor([1.0, 2.0])
    assert_close(x, x + 1e-7)
    assert_close({"a": [x, 1]}, {"a": [x.clone(), 1]})
    assert_close(1.0, 1.0 + 1e-9)
    assert_close(torch.tensor(float("nan")), torch.tensor(float("nan")), equal_nan=True)
    assert_close(x, x.double(), check_dtype=False)


@pytest.mark.parametrize(
    "actual, expected, text",
    [
        (
            torch.ones(2),
            torch.tensor([1.0, 1.1]),
            r"assert_close: Tensor-likes are not close: 1 of 2 elements \(50\.0%\) differ",
        ),
        (torch.ones(2), torch.ones(3), "shape"),
        (torch.ones(2), torch.ones(2).double(), "dtype"),
        (torch.tensor([1, 2]), torch.tensor([1, 3]), "not equal"),
        ([torch.ones(1), 1], [torch.ones(1), 2], r"item \[1\]"),
        ({"a": 1}, {"b": 1}, "keys"),
        (float("nan"), float("nan"), "not close"),
    ],
)
def test_others_fail_and_say_where(actual, expected, text):
    with pytest.raises(AssertionError, match=text):
        assert_close(actual, expected)


def test_wrong_calls():
    with pytest.raises(ValueError, match="both"):
        assert_close(1.0, 1.0, rtol=1e-3)
    with pytest.raises(TypeError):
        assert_close(torch.ones(1), "x")


def test_make_tensor():
    for dtype in (
        torch.float32,
        torch.bfloat16,
        torch.complex64,
        torch.int8,
        torch.bool,
        torch.uint8,
    ):
        x = make_tensor(3, 4, dtype=dtype)
        assert x.shape == (3, 4) and x.dtype is dtype
    x = make_tensor(
        (5, 6), dtype=torch.float64, low=2, high=3, noncontiguous=True, requires_grad=True
    )
    assert not x.is_contiguous() and ((x >= 2) & (x < 3)).all() and x.requires_grad


def test_pairs_of_one_s_own():
    from flambeau.testing import _comparison

    class Halved(_comparison.TensorLikePair):
        """Compares the halves of tensors."""

        def compare(self):
            self._compare_values(*self._equalize_attributes(self.actual // 2, self.expected // 2))

    options = {"pair_types": (_comparison.NonePair, Halved), "rtol": 0, "atol": 0}
    both = [torch.tensor([2, 4]), None], [torch.tensor([3, 5]), None]
    assert _comparison.not_close_error_metas(*both, **options) == []
    (found,) = _comparison.not_close_error_metas(both[0], [torch.tensor([3, 6]), None], **options)
    assert found.id == (0,) and isinstance(found.to_error(), AssertionError)
    assert str(found.to_error("short")) == "short"
    with pytest.raises(TypeError, match="cannot compare int with Tensor"):
        _comparison.not_close_error_metas([1], [torch.ones(1)], **options)
    assert _comparison.default_tolerances(torch.float32, torch.ones(1).half()) == (1e-3, 1e-5)


def test_sequences_of_any_kind_and_equal_bounds():
    assert_close(b"abc", b"abc")
    assert_close(range(3), [0, 1, 2])
    with pytest.raises(AssertionError, match=r"item \[1\]"):
        assert_close(b"abc", b"axc")
    assert make_tensor(2, dtype=torch.float32, low=3, high=3).tolist() == [3, 3]
    assert make_tensor(2, dtype=torch.uint8, low=255, high=256).tolist() == [255, 255]
    with pytest.raises(ValueError, match="low must be below high"):
        make_tensor(2, dtype=torch.int64, low=3, high=3)
