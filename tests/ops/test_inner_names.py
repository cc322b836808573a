"""Operators that PyTorch keeps under a name with an underscore."""

import pytest

import flambeau as torch


def test_unique_in_its_older_forms():
    x = torch.tensor([3.0, 1.0, 3.0])
    values, inverse = torch._unique(x, return_inverse=True)
    assert values.tolist() == [1.0, 3.0] and inverse.tolist() == [1, 0, 1]
    assert [part.tolist() for part in torch._unique2(x)] == [[1.0, 3.0], [], []]
    assert torch._unique2(x, return_counts=True)[2].tolist() == [1, 2]
    rows = torch._VF.unique_dim(x.reshape(3, 1), 0, return_counts=True)
    assert [part.tolist() for part in rows] == [[[1.0], [3.0]], [], [1, 2]]
    assert torch._VF.relu is torch.relu
    with pytest.raises(AttributeError, match="no operator 'nonsense'"):
        torch._VF.nonsense


def test_softmax_of_halves_in_float32():
    x = torch.tensor([0.0, 1.0], dtype=torch.float16)
    assert torch._softmax(x, 0, True).dtype == torch.float32
    assert torch.equal(torch._log_softmax(x, 0, False), torch.log_softmax(x, 0))


def test_masked_softmax():
    x = torch.rand(2, 3, 4, 4)
    padding = torch.tensor([[False, False, True, True], [False] * 4])
    result = torch._masked_softmax(x, padding, 3, 1)
    assert result[0, ..., 2:].abs().max() == 0
    torch.testing.assert_close(result.sum(3), torch.ones(2, 3, 4))
    causal = torch.ones(4, 4).triu(1).bool()
    assert torch._masked_softmax(x, causal, None, 0)[0, 0, 0].tolist() == [1, 0, 0, 0]
    with pytest.raises(RuntimeError, match="mask_type is 5"):
        torch._masked_softmax(x, causal, None, 5)


def test_add_relu():
    x, y = torch.tensor([1.0, -3.0]), torch.tensor([1.0, 1.0])
    assert torch._VF._add_relu(x, y, alpha=2).tolist() == [3.0, 0.0]
    assert torch._add_relu_(x, y) is x and x.tolist() == [2.0, 0.0]


def test_linear_combinations():
    x, coefficients = torch.rand(3, 2, 2), torch.rand(4, 3)
    expected = torch.einsum("ij,jkl->ikl", coefficients, x)
    torch.testing.assert_close(torch._compute_linear_combination(x, coefficients), expected)
    out = torch.ones(4, 2, 2)
    assert torch._compute_linear_combination(x, coefficients, out=out) is out
    torch.testing.assert_close(out, expected + 1)
    with pytest.raises(RuntimeError, match=r"coefficients \(4, 3\) and input \(\) do not fit"):
        torch._compute_linear_combination(torch.ones(()), coefficients)


def test_the_older_vmap():
    x = torch.rand(3, 2)
    assert torch._vmap_internals._vmap(lambda row: row.sum())(x).tolist() == x.sum(1).tolist()
    mapped = torch._vmap_internals._vmap(lambda row: (None, row * 2), allow_none_pass_through=True)
    nothing, doubled = mapped(x)
    assert nothing is None and torch.equal(doubled, x * 2)


@pytest.mark.parametrize("name", ["addmm", "addmv", "addr", "addbmm", "baddbmm"])
def test_beta_and_alpha_before_the_tensors(name):
    stacked, vector = torch.ones(2, 3, 3), torch.ones(3)
    x, a, b = {
        "addmm": (stacked[0], stacked[0], stacked[1]),
        "addmv": (vector, stacked[0], vector),
        "addr": (stacked[0], vector, vector),
        "addbmm": (stacked[0], stacked, stacked),
        "baddbmm": (stacked, stacked, stacked),
    }[name]
    operator = getattr(torch, name)
    expected = operator(x, a, b, beta=2, alpha=3)
    with pytest.warns(UserWarning, match=f"This overload of {name} is deprecated: a number"):
        assert torch.equal(operator(2, x, 3, a, b), expected)
    with pytest.warns(UserWarning, match=f"This overload of {name} is deprecated"):
        assert torch.equal(getattr(x, name)(2, a, b), operator(x, a, b, beta=2))
    with pytest.warns(UserWarning, match=f"This overload of {name}_ is deprecated"):
        assert torch.equal(getattr(x.clone(), name + "_")(2, 3, a, b), expected)
    with pytest.raises(TypeError, match=f"{name}: takes 3 Tensors, then beta="):
        operator(x, a, b, a)


def test_beta_before_the_tensors_reaches_gradients_and_out():
    x = torch.ones(2, 2, requires_grad=True)
    with pytest.warns(UserWarning, match="overload"):
        torch.addmm(2, x, 3, torch.ones(2, 2), torch.ones(2, 2)).sum().backward()
    assert x.grad.tolist() == [[2.0, 2.0], [2.0, 2.0]]
    out = torch.empty(2, 2)
    with pytest.warns(UserWarning, match="overload"):
        torch.addmm(2, out.fill_(1), 1, torch.ones(2, 2), torch.ones(2, 2), out=torch.empty(2, 2))


def test_views_of_another_base():
    x = torch.rand(3, 4)
    view = x[1:].t()[2]
    other = torch.rand(20)[4:16].view(3, 4)
    assert torch.equal(view._view_func(other), other[1:].t()[2])
    pairs = torch.view_as_complex(torch.rand(5, 2))
    assert torch.equal(pairs._view_func(torch.ones(5, 2)), torch.full((5,), 1 + 1j))
    with pytest.raises(RuntimeError, match="_view_func: the tensor is no view"):
        x._view_func(other)
    with pytest.raises(RuntimeError, match=r"it must be as the base"):
        view._view_func(torch.rand(3))


def test_volatile_warns():
    with pytest.warns(UserWarning, match="volatile: was removed"):
        assert torch.autograd.torch.zeros(1).volatile is False


def test_upsampling_by_its_inner_name():
    x = torch.arange(3.0).view(1, 1, 3)
    upsample = torch._C._nn.upsample_nearest1d
    assert upsample(x, (6,)).tolist() == upsample(x, None, 2.0).tolist() == [[[0, 0, 1, 1, 2, 2]]]
    out = torch.empty(1, 1, 6)
    assert upsample(x, (6,), 2.0, out=out) is out and out[0, 0, 2] == 1
    assert torch._C._nn.upsample_nearest2d(torch.ones(1, 1, 2, 2), None, (2.0, 2.0)).shape[2:] == (
        4,
        4,
    )
    with pytest.raises(
        RuntimeError, match=r"output_size \(5,\) is not what the scales give, \(6,\)"
    ):
        upsample(x, (5,), 2.0)


def test_products_of_small_integers():
    a, b = (
        torch.tensor([[127, -128], [3, 4]], dtype=torch.int8),
        torch.eye(2, dtype=torch.int8) * 127,
    )
    assert torch._int_mm(a, b).tolist() == [[16129, -16256], [381, 508]]
    with pytest.raises(RuntimeError, match="must be int8"):
        torch._int_mm(a, b.int())
    x, scales = torch.tensor([[1.0, 2.0]]), torch.tensor([0.5, 2.0])
    assert torch._weight_int8pack_mm(x, a, scales).tolist() == [[-64.5, 22.0]]


def test_grouped_products():
    x, w, ends = torch.rand(5, 3), torch.rand(2, 3, 4), torch.tensor([2, 5], dtype=torch.int32)
    rows = torch._grouped_mm(x, w, ends)
    torch.testing.assert_close(rows, torch.cat([x[:2] @ w[0], x[2:] @ w[1]]))
    columns = torch._grouped_mm(w.mT, x.T, ends)
    torch.testing.assert_close(columns, torch.cat([w[0].T @ x[:2].T, w[1].T @ x[2:].T], 1))
    summed = torch._grouped_mm(x.T, x, ends, out_dtype=torch.float64)
    torch.testing.assert_close(summed, torch.stack([x[:2].T @ x[:2], x[2:].T @ x[2:]]).double())
    torch.testing.assert_close(torch._grouped_mm(w.mT, w), w.mT @ w)


def test_backwards_of_softmax():
    x = torch.rand(2, 3, requires_grad=True)
    for function, backward in (
        (torch.softmax, torch._softmax_backward_data),
        (torch.log_softmax, torch._log_softmax_backward_data),
    ):
        y, grad = function(x, 1), torch.rand(2, 3)
        expected = torch.autograd.grad(y, x, grad)[0]
        torch.testing.assert_close(backward(grad, y.detach(), 1, torch.float32), expected)


def test_indices_of_sparse_rows():
    rows, columns = torch.tensor([0, 0, 2]), torch.tensor([1, 3, 0])
    starts = torch._convert_indices_from_coo_to_csr(rows, 4)
    assert starts.tolist() == [0, 2, 2, 3, 3]
    assert torch._convert_indices_from_coo_to_csr(rows, 4, out_int32=True).dtype == torch.int32
    back = torch._convert_indices_from_csr_to_coo(starts, columns)
    assert back.tolist() == [[0, 0, 2], [1, 3, 0]]
    turned = torch._convert_indices_from_csr_to_coo(starts, columns, transpose=True, out_int32=True)
    assert turned.tolist() == [[1, 3, 0], [0, 0, 2]] and turned.dtype == torch.int32


def test_sizes_and_casts_as_operators():
    x = torch.rand(2, 3)
    assert torch._shape_as_tensor(x).tolist() == [2, 3]
    assert torch._reshape_from_tensor(x, torch.tensor([3, 2])).shape == (3, 2)
    assert torch._dim_arange(x, 1).tolist() == [0, 1, 2]
    assert torch._cast_Long(x).dtype == torch.int64 and torch._cast_Half(x).dtype == torch.float16
    v, g = torch.rand(3, 4), torch.rand(3, 1)
    expected = torch.nn.utils.weight_norm(torch.nn.Linear(4, 3))
    with torch.no_grad():
        expected.weight_v.copy_(v), expected.weight_g.copy_(g), expected.bias.zero_()
    torch.testing.assert_close(expected(torch.eye(4)).T, torch._weight_norm(v, g))
