"""x[index] = value where the value lies in the memory that is written to."""

import pytest

import flambeau as torch


@pytest.mark.parametrize("n", [1, 2, 3, 65, 257])
@pytest.mark.parametrize("dtype", [torch.float32, torch.int64, torch.bool, torch.bfloat16])
def test_one_row_or_number_of_itself_is_written_everywhere(n, dtype):
    x = torch.arange(3 * n).reshape(n, 3).to(dtype)
    row, number = x[n // 2].tolist(), x[n // 2, 1].item()
    y = x.clone()
    y[:] = y[n // 2]
    assert y.tolist() == [row] * n
    y = x.clone()
    y[...] = y[n // 2, 1]
    assert y.tolist() == [[number] * 3] * n
    y = x.clone()
    y[:, :2] = y[:, 1:2]
    assert y.tolist() == [[b, b, c] for _, b, c in x.tolist()]
    y = x.clone()
    y.copy_(y[:1].expand(n, 3))
    assert y.tolist() == [x[0].tolist()] * n


def test_gradients_reach_the_row_that_was_written():
    x = torch.arange(6.0).view(3, 2).requires_grad_()
    y = x.clone()
    y[:] = y[1]
    (y * torch.tensor([[1.0], [2.0], [4.0]])).sum().backward()
    assert x.grad.tolist() == [[0, 0], [7, 7], [0, 0]]


def test_neither_empty_tensors_nor_numbers_are_in_the_way():
    empty = torch.ones(0, 3)
    empty[:] = empty[:, :1]
    number = torch.tensor(2.0)
    number[...] = number
    assert number.item() == 2


def test_what_would_change_while_it_is_read_is_refused():
    x = torch.arange(4.0)
    with pytest.raises(RuntimeError, match="lies in the memory of the tensor written to"):
        x[1:] = x[:-1]


def test_shifts_leave_what_they_do_not_know_to_the_other_operand():
    class Shifts:
        def __rlshift__(self, other):
            return "left"

        def __rrshift__(self, other):
            return "right"

    x = torch.ones(2, dtype=torch.int64)
    assert x << Shifts() == "left" and x >> Shifts() == "right"
    assert (
        (x << 2).tolist() == [4, 4] and (2 << x).tolist() == [4, 4] and (8 >> x).tolist() == [4, 4]
    )
    x <<= 3
    assert x.tolist() == [8, 8]
    assert torch.Tensor.__lshift__(x, 1).tolist() == [16, 16]


@pytest.mark.parametrize("value", [5, [5], [[5]]])
@pytest.mark.parametrize("dtype", [torch.int64, torch.float64, torch.bool, torch.float16])
def test_one_value_of_another_dtype_fills_under_one_mask(value, dtype):
    value = torch.tensor(value).to(dtype)
    number = float(value)
    rows, columns = torch.tensor([True, False, True]), torch.tensor([False, True])
    for index, wanted in (
        (rows, [[number] * 2, [0, 0], [number] * 2]),
        ((slice(None), columns), [[0, number]] * 3),
        (torch.zeros(3, dtype=torch.bool), [[0, 0]] * 3),
    ):
        x = torch.zeros(3, 2)
        x[index] = value
        assert x.tolist() == wanted
    assert torch.zeros(3).index_put((rows,), value).tolist() == [number, 0, number]
    assert torch.zeros(3).index_put_((rows,), value).tolist() == [number, 0, number]
    for indices, accumulate in (((rows,), True), ((torch.tensor([0, 2]),), False)):
        with pytest.raises(RuntimeError, match="values are"):
            torch.zeros(3).index_put_(indices, value, accumulate)
    with pytest.raises(RuntimeError, match="values are"):
        torch.zeros(3).index_put_((rows,), torch.tensor([1j]))


def test_one_value_of_another_dtype_under_a_mask_has_its_gradient():
    x = torch.zeros(3, 2, requires_grad=True)
    value = torch.tensor([2.0], dtype=torch.float64, requires_grad=True)
    y = x * 1
    y[torch.tensor([True, False, True])] = value
    (y * y).sum().backward()
    assert value.grad.tolist() == [16.0] and value.grad.dtype == torch.float64
    assert not x.grad.any()


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0, 3)])
@pytest.mark.parametrize("accumulate", [False, True])
@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8])
@pytest.mark.parametrize("chosen", [0, 1])
@pytest.mark.filterwarnings("ignore:index. a uint8 tensor")
def test_a_mask_of_no_dims_chooses_all_or_nothing(shape, accumulate, dtype, chosen):
    mask = torch.tensor(chosen, dtype=dtype)
    for value in (torch.tensor(2.0), torch.full(shape, 2.0), torch.full((1, *shape), 2.0)):
        x, v = torch.ones(shape, requires_grad=True), value.requires_grad_()
        y = x.index_put((mask,), v, accumulate)
        z = x * 1
        assert z.index_put_((mask,), v, accumulate) is z
        assert not y._is_view() and y.shape == z.shape == shape
        for result in (y, z):
            assert torch.equal(result, torch.full(shape, 1.0 + chosen * (1 + accumulate)))
            gx, gv = torch.autograd.grad(result.sum(), (x, v))
            assert torch.equal(gx, torch.full(shape, float(accumulate or not chosen)))
            assert gv.sum() == chosen * x.numel()


def test_a_mask_of_no_dims_stands_beside_no_other_index():
    for write in (torch.Tensor.index_put, torch.Tensor.index_put_):
        with pytest.raises(IndexError, match="alone"):
            write(torch.zeros(3), (torch.tensor(False), torch.tensor([1])), torch.tensor(1.0))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_sums_of_halves_in_any_order_of_memory(dtype):
    """They are put together in float32; which way self and values lie does not show."""
    table, values = torch.randn(37, 29).to(dtype), torch.randn(50, 29).to(dtype)
    index = torch.randint(0, 37, (50,))
    ways = (
        lambda x: x,
        lambda x: x.t().contiguous().t(),
        lambda x: torch.cat([x, x], 1)[:, ::2],
        lambda x: x[:, :1].expand(*x.shape),
    )
    for one in ways:
        for other in ways:
            x, y = one(table), other(values)
            expected = x.contiguous().index_add(0, index, y.contiguous())
            assert x.index_add(0, index, y).equal(expected)
            assert x.index_put((index,), y, accumulate=True).equal(expected)
            exact = x.double().index_add(0, index, y.double())
            torch.testing.assert_close(expected.double(), exact, rtol=1e-2, atol=1e-2)
