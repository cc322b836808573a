"""torch.masked.MaskedTensor: values, of which a mask says which there are."""

import pytest

import flambeau as torch
from flambeau.masked import MaskedTensor, as_masked_tensor, is_masked_tensor, masked_tensor

MASK = torch.tensor([[True, False, True], [False, False, True]])


def data():
    return torch.arange(6.0).reshape(2, 3)


def made(**options):
    return masked_tensor(data(), MASK, **options)


def listed(x):
    """Values with None where there is no element."""

    def pairs(value, mask):
        if isinstance(value, list):
            return [pairs(v, m) for v, m in zip(value, mask, strict=True)]
        return value if mask else None

    assert is_masked_tensor(x) and x.shape == x.get_mask().shape
    return pairs(x.get_data().tolist(), x.get_mask().tolist())


@pytest.mark.parametrize(
    "compute, expected",
    [
        (lambda x: x + 1, [[1, None, 3], [None, None, 6]]),
        (lambda x: 1 - x, [[1, None, -1], [None, None, -4]]),
        (lambda x: x * data(), [[0, None, 4], [None, None, 25]]),
        (lambda x: x + x, [[0, None, 4], [None, None, 10]]),
        (lambda x: -x, [[0, None, -2], [None, None, -5]]),
        (lambda x: x**2, [[0, None, 4], [None, None, 25]]),
        (lambda x: x > 1, [[False, None, True], [None, None, True]]),
        (lambda x: torch.square(x), [[0, None, 4], [None, None, 25]]),
        (lambda x: x.sum(), 7),
        (lambda x: x.sum(0), [0, None, 7]),
        (lambda x: torch.sum(x, 1), [2, 5]),
        (lambda x: x.sum(0, keepdim=True), [[0, None, 7]]),
        (lambda x: x.mean((0, 1)), pytest.approx(7 / 3)),
        (lambda x: x.prod(0), [0, None, 10]),
        (lambda x: x.amax(1), [2, 5]),
        (lambda x: x.argmin(1), [0, 2]),
        (lambda x: x.norm(2, 1), [2, 5]),
        (lambda x: x.all(), False),
        (lambda x: x.any(1), [True, True]),
        (lambda x: x.t(), [[0, None], [None, None], [2, 5]]),
        (lambda x: x.reshape(6), [0, None, 2, None, None, 5]),
        (lambda x: x[:, 1:], [[None, 2], [None, 5]]),
        (lambda x: x[1], [None, None, 5]),
        (lambda x: x.split(1)[1], [[None, None, 5]]),
        (lambda x: torch.cat([x, x], 1)[0], [0, None, 2, 0, None, 2]),
        (lambda x: torch.cat([x[0:1], data()[0:1]]), [[0, None, 2], [0, 1, 2]]),
        (lambda x: x.clone().add_(1), [[1, None, 3], [None, None, 6]]),
        (lambda x: torch.where(MASK, x, x + 1), [[0, None, 2], [None, None, 5]]),
        (lambda x: x.int(), [[0, None, 2], [None, None, 5]]),
    ],
)
def test_what_computes(compute, expected):
    assert listed(compute(made())) == expected


def test_softmax_leaves_out_what_is_masked():
    got = made().softmax(1)
    assert torch.allclose(got.to_tensor(0).sum(1), torch.ones(2)) and listed(got)[1] == [
        None,
        None,
        1,
    ]


def test_gradients_are_masked():
    x = made(requires_grad=True)
    x.exp().mean(0).sum().backward()
    assert is_masked_tensor(x.grad)
    torch.testing.assert_close(
        x.grad.to_tensor(0)[0], torch.tensor([1.0, 0.0, torch.tensor(2.0).exp() / 2])
    )
    assert listed(x.grad)[0][1] is None
    x.grad = None
    assert x.grad is None


def test_gradients_pass_to_the_data():
    source = torch.tensor([1.0, -1.0], requires_grad=True)
    as_masked_tensor(source, torch.tensor([True, False])).log().sum().backward()
    assert source.grad.tolist() == [1, 0]


def test_sharing_and_copying():
    source = data()
    shared, copied = as_masked_tensor(source, MASK), masked_tensor(source, MASK)
    source[0, 0] = 9
    assert listed(shared)[0][0] == 9 and listed(copied)[0][0] == 0
    assert type(made().get_data()) is torch.Tensor
    assert made().to_tensor(-1).tolist() == [[0, -1, 2], [-1, -1, 5]]


def test_text():
    assert repr(made()) == (
        "MaskedTensor(\n  [\n    [  0.0000,       --,   2.0000],\n    [      --,       --,   5.0000]\n  ]\n)"
    )
    assert repr(made()[0, 1]) == "MaskedTensor(--, False)"
    assert made()[0, 2].item() == 2 and bool(made().sum())


def other_mask(x):
    return x + masked_tensor(data(), ~MASK)


@pytest.mark.parametrize(
    "call, error, message",
    [
        (other_mask, ValueError, "the masks of the operands differ"),
        (lambda x: x @ x.t(), TypeError, "matmul is not offered"),
        (lambda x: torch.sort(x), TypeError, "sort is not offered"),
        (lambda x: x[0, 1].item(), ValueError, "item: the element is masked"),
        (lambda x: masked_tensor(x, MASK), TypeError, "data must be an ordinary Tensor"),
        (lambda x: masked_tensor(data(), MASK.float()), TypeError, "mask must be bool"),
        (lambda x: MaskedTensor(data(), MASK[0]), ValueError, "must have the shape of data"),
        (lambda x: torch.where(x > 0, x, x), ValueError, "where takes an ordinary condition"),
    ],
)
def test_what_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call(made())
