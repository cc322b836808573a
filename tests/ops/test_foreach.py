"""torch._foreach_*: one operator over lists of tensors."""

import pytest

import flambeau as torch
from flambeau.ops.foreach import UNARY


def lists():
    """Two lists whose tensors differ in shape, dtype and layout."""
    first = [
        torch.rand(3) + 0.1,
        torch.rand(2, 4, dtype=torch.float64) + 0.1,
        torch.rand(4, 3).t() + 0.1,
    ]
    return first, [torch.rand_like(one) + 0.1 for one in first]


def same(got, expected):
    assert len(got) == len(expected)
    for one, other in zip(got, expected):
        assert one.dtype is other.dtype and torch.equal(one.nan_to_num(), other.nan_to_num())


@pytest.mark.parametrize("name", UNARY)
def test_unary(name):
    x, _ = lists()
    expected = [getattr(torch, name)(one) for one in x]
    got = getattr(torch, f"_foreach_{name}")(x)
    assert type(got) is tuple
    same(got, expected)
    assert getattr(torch, f"_foreach_{name}_")(x) is x
    same(x, expected)


BINARY = {"add": "add", "sub": "sub", "mul": "mul", "div": "div", "maximum": "clamp_min", "minimum": "clamp_max",
          "clamp_min": "clamp_min", "clamp_max": "clamp_max", "pow": "pow"}  # fmt: skip


@pytest.mark.parametrize("name", BINARY)
def test_binary_with_a_number_numbers_and_tensors(name):
    x, y = lists()
    run, inplace = getattr(torch, f"_foreach_{name}"), getattr(torch, f"_foreach_{name}_")
    operator = getattr(torch, BINARY[name])
    for other, column in ((0.5, [0.5] * 3), ([1, 2.0, 0.5], [1, 2.0, 0.5]), (y, y)):
        expected = [operator(one, two) for one, two in zip(x, column)]
        same(run(x, other), expected)
        changed = [one.clone() for one in x]
        assert inplace(changed, other) is changed
        same(changed, expected)


def test_factors_and_tensors_without_dims():
    x, y = lists()
    two = torch.tensor(2.0)
    same(torch._foreach_add(x, y, alpha=3), [torch.add(a, b, alpha=3) for a, b in zip(x, y)])
    same(torch._foreach_sub(x, y, alpha=3), [torch.sub(a, b, alpha=3) for a, b in zip(x, y)])
    same(torch._foreach_add(x, two, alpha=3), [a + 6 for a in x])
    same(torch._foreach_mul(x, two), [a * 2 for a in x])
    same(torch._foreach_div(x, two), [a / 2 for a in x])
    same(torch._foreach_add(x, scalar=1), [a + 1 for a in x])
    same(torch._foreach_add(x, scalars=[1, 2, 3]), [a + i for i, a in enumerate(x, 1)])


def test_a_number_to_the_power_of_each():
    x, _ = lists()
    same(torch._foreach_pow(x, torch.tensor(2.0)), [one**2 for one in x])
    same(torch._foreach_maximum(x, torch.tensor(0.5)), [one.clamp(min=0.5) for one in x])
    same(torch._foreach_pow(2.0, x), [torch.pow(2.0, one) for one in x])


def test_three_lists():
    x, y = lists()
    z = [one + 1 for one in y]
    for name, operator in (("addcmul", torch.addcmul), ("addcdiv", torch.addcdiv)):
        run, inplace = getattr(torch, f"_foreach_{name}"), getattr(torch, f"_foreach_{name}_")
        for value, column in (
            (2, [2] * 3),
            ([1, 2, 3], [1, 2, 3]),
            (torch.tensor([1.0, 2.0, 3.0]), [1, 2, 3]),
        ):
            expected = [operator(*row[:3], value=row[3]) for row in zip(x, y, z, column)]
            same(run(x, y, z, value), expected)
            changed = [one.clone() for one in x]
            inplace(changed, y, z, value)
            same(changed, expected)
    for weight, column in ((0.3, [0.3] * 3), ([0.1, 0.2, 0.9], [0.1, 0.2, 0.9]), (z, z)):
        same(torch._foreach_lerp(x, y, weight), [torch.lerp(*row) for row in zip(x, y, column)])


def test_norms_sums_of_powers_and_largest():
    x, _ = lists()
    for ord in (1, 2, 3, float("inf")):
        same(torch._foreach_norm(x, ord), [torch.linalg.vector_norm(one, ord) for one in x])
    assert torch._foreach_norm(x, 2, dtype=torch.float64)[0].dtype is torch.float64
    same(torch._foreach_powsum(x, 3), [(one**3).sum() for one in x])
    same(torch._foreach_max(x), [one.max() for one in x])
    with pytest.raises(RuntimeError, match="_foreach_max: tensor 1 has no elements"):
        torch._foreach_max([torch.ones(1), torch.ones(0)])


def test_copies_zeros_and_products():
    x, y = lists()
    copies = torch._foreach_clone(x)
    same(copies, x)
    assert copies[0].data_ptr() != x[0].data_ptr()
    assert torch._foreach_copy_(x, y) is x
    same(x, y)
    torch._foreach_zero_(x)
    assert not any(one.any() for one in x)
    same(torch._foreach_mm([torch.ones(2, 3)], [torch.ones(3, 2)]), [torch.full((2, 2), 3.0)])


def test_gradients_are_those_of_the_operator():
    x = [torch.rand(2, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    y = [torch.rand(2, dtype=torch.float64, requires_grad=True) for _ in range(2)]

    def f(*tensors):
        made = torch._foreach_mul(tensors[:2], tensors[2:])
        return torch._foreach_sqrt(torch._foreach_add(made, 1))

    assert torch.autograd.gradcheck(f, (*x, *y))
    with pytest.raises(RuntimeError, match="leaf that requires grad"):
        torch._foreach_add_(x, 1)
    with torch.no_grad():
        torch._foreach_add_(x, 1)


def test_modes_and_the_meta_device_see_the_list():
    seen = []

    class Log(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            seen.append(func.__name__)
            return func(*args, **(kwargs or {}))

    with Log():
        torch._foreach_add([torch.ones(1)], 1)
    assert seen[-1] == "_foreach_add" or "_foreach_add" in seen
    made = torch._foreach_mul([torch.ones(2, 3, device="meta")], 2)
    assert made[0].is_meta and made[0].shape == (2, 3)


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda x: torch._foreach_sqrt([]), RuntimeError, "_foreach_sqrt: self is empty"),
        (lambda x: torch._foreach_sqrt(x[0]), TypeError, "must be a list or tuple of Tensors, not Tensor"),
        (lambda x: torch._foreach_sqrt([1]), TypeError, "item 0 of self must be a Tensor, not int"),
        (lambda x: torch._foreach_add(x, x[:1]), RuntimeError, "self has 2 tensors, and other has 1 items"),
        (lambda x: torch._foreach_add(x, [1]), RuntimeError, "self has 2 tensors, and other has 1 items"),
        (lambda x: torch._foreach_add(x, "a"), TypeError, "other must be a number, a list of numbers"),
        (lambda x: torch._foreach_add(x, [1, x[0]]), TypeError, "not a list of Tensor, int"),
        (lambda x: torch._foreach_add(x), TypeError, "give one of other, scalar, scalars, not 0"),
        (lambda x: torch._foreach_add(x, 1, alpha=2), TypeError, "alpha does not go with other of this kind"),
        (lambda x: torch._foreach_mul(x, torch.ones(2)), RuntimeError, r"must have 0 dims .* not \(2,\)"),
        (lambda x: torch._foreach_addcmul(x, x, x, torch.tensor(2.0)), RuntimeError, "must have 1 dim"),
        (lambda x: torch._foreach_addcmul(x, x, x, x), TypeError, "must be numbers"),
        (lambda x: torch._foreach_add(x, [torch.ones(3)] * 2), RuntimeError, "do not broadcast"),
        (lambda x: torch._foreach_sqrt_([torch.tensor([4])]), RuntimeError, "cannot hold"),
    ],
)  # fmt: skip
def test_what_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call([torch.ones(2), torch.ones(2)])


def test_a_scaler_in_one_call():
    grads, found = [torch.tensor([2.0, 4.0]), torch.tensor([6.0])], torch.zeros(1)
    torch._amp_foreach_non_finite_check_and_unscale_(grads, found, torch.tensor([0.5]))
    assert [g.tolist() for g in grads] == [[1, 2], [3]] and found.item() == 0
    grads[1][0] = float("inf")
    torch._amp_foreach_non_finite_check_and_unscale_(grads, found, torch.tensor([1.0]))
    assert found.item() == 1
    scale, tracker = torch.tensor([8.0]), torch.tensor([0], dtype=torch.int32)
    torch._amp_update_scale_(scale, tracker, found, 2.0, 0.5, 2)
    assert scale.item() == 4
    for expected in (4, 8):
        torch._amp_update_scale_(scale, tracker, torch.zeros(1), 2.0, 0.5, 2)
        assert scale.item() == expected
