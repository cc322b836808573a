"""Hooks, retained gradients and saved values of tensors that are written in place."""

import pytest

import flambeau as torch


def leaf(*values):
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


WRITES = {
    "mul_": (lambda t: t.mul_(5), 5, [5, 5]),
    "item": (lambda t: t.__setitem__(0, 7.0), None, [0, 1]),
    "copy_": (lambda t: t.copy_(torch.ones(2, dtype=torch.float64)), None, [0, 0]),
    "relu_": (lambda t: t.relu_(), None, [1, 1]),
    "view": (lambda t: t.view(2, 1).mul_(5), 5, [5, 5]),
}


@pytest.mark.parametrize("write", WRITES)
def test_hooks_stay_with_their_value_and_retained_gradients_with_the_tensor(write):
    change, _, factors = WRITES[write]
    a, seen = leaf(1, 2), []
    b = a * 3
    b.register_hook(lambda g: seen.append(("old", g.tolist())))
    b.retain_grad()
    change(b)
    b.register_hook(lambda g: seen.append(("new", g.tolist())))
    assert b.retains_grad
    (b * 7).sum().backward()
    assert seen == [("new", [7, 7]), ("old", [7 * f for f in factors])]
    assert b.grad.tolist() == [7, 7]
    assert a.grad.tolist() == [21 * f for f in factors]


def test_hooks_change_the_gradient_where_they_were_registered():
    a = leaf(1, 2)
    b = a * 3
    b.register_hook(lambda g: g * 2)
    b.add_(1)
    b.register_hook(lambda g: g + 100)
    (b * 7).sum().backward()
    assert a.grad.tolist() == [(7 + 100) * 2 * 3] * 2


@pytest.mark.parametrize("touch", ["base", "sibling"])
def test_first_hook_on_a_view_whose_alias_was_written(touch):
    x, got = leaf(0, 1, 2, 3), []
    base = x * 2
    view, sibling = base[1:3], base[2:]
    base.mul_(3) if touch == "base" else sibling.mul_(5)
    view.register_hook(lambda g: got.append(g.tolist()))
    (view * torch.tensor([10.0, 20.0])).sum().backward()
    assert got == [[10, 20]]
    rates = [6, 6] if touch == "base" else [2, 10]
    assert x.grad.tolist() == [0, 10 * rates[0], 20 * rates[1], 0]


def test_retained_gradient_of_one_of_several_outputs():
    x = leaf(1, 2, 3)
    first, second = (x * 1).split_with_sizes([1, 2])
    first, second = first.clone(), second.clone()
    second.retain_grad()
    second *= 2
    second *= 3
    (first.sum() + (second * 10).sum()).backward()
    assert second.grad.tolist() == [10, 10]
    assert x.grad.tolist() == [1, 60, 60]


def test_hooks_of_a_missing_gradient_get_none():
    got = []
    parts = leaf(1, 2).unbind()
    parts[0].register_hook(got.append)
    parts[1].backward()
    assert got == [None]


@pytest.mark.parametrize("part", ["real", "imag", "view_as_real"])
def test_writes_through_real_views_of_complex_tensors(part):
    def program(z, write):
        c = z * (1 + 2j)
        view = torch.view_as_real(c) if part == "view_as_real" else getattr(c, part)
        write(view)
        return (c * c.conj()).real.sum() + view.sum()

    def out_of_place(z):
        c = torch.view_as_real(z * (1 + 2j))
        factor = {"real": [3.0, 1.0], "imag": [1.0, 3.0], "view_as_real": [3.0, 3.0]}[part]
        c = c * torch.tensor(factor)
        view = {"real": c[..., 0], "imag": c[..., 1], "view_as_real": c}[part]
        return (c * c).sum() + view.sum()

    start = torch.tensor([1 + 1j, 2 - 1j], dtype=torch.complex128)
    a, b = start.clone().requires_grad_(), start.clone().requires_grad_()
    (mine,) = torch.autograd.grad(program(a, lambda view: view.mul_(3)), a)
    (expected,) = torch.autograd.grad(out_of_place(b), b)
    assert torch.allclose(mine, expected)


def test_views_of_another_dtype_take_no_part_in_autograd():
    x = leaf(1, 2)
    y = x * 1
    whole = y.view(torch.int64)
    assert not whole.requires_grad
    whole.add_(0)
    assert whole.grad_fn is None
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z = y * y
        whole.add_(0)
        z.sum().backward()


def test_views_made_without_recording_have_no_gradient_after_a_write():
    # It was made up from the base's history, although the view was taken out of it on purpose.
    base = leaf(1, 2) * 1
    with torch.no_grad():
        view = base[:1]
    with pytest.raises(RuntimeError, match="under no_grad"):
        view.add_(0)
    base.mul_(2)
    with pytest.raises(RuntimeError, match="under no_grad"):
        view * 2
    plain = torch.ones(2)
    with torch.no_grad():
        view = plain[:1]
    assert view.mul_(3).tolist() == [3]
    with pytest.raises(RuntimeError, match="under no_grad"):
        view.mul_(leaf(2))


def test_a_saved_input_that_left_the_graph():
    x = leaf(1.0) * 1
    y = x.sin()
    x.detach_()
    with pytest.raises(RuntimeError, match="left the graph by detach_"):
        y.backward()
    x = leaf(1.0) * 1
    y = x.exp()  # keeps its result
    x.detach_()
    y.backward()


@pytest.mark.parametrize("name", ["relu_", "sigmoid_", "tanh_", "exp_", "sqrt_"])
def test_a_write_to_a_view_has_a_second_derivative_though_the_graph_is_not_kept(name):
    x = leaf(0.5, 2.0)

    def second(y):
        (first,) = torch.autograd.grad(y.pow(2).sum(), x, create_graph=True)
        return torch.autograd.grad(first.sum(), x)[0].tolist()

    written = second(getattr((x * 2).view(2, 1), name)())
    assert written == pytest.approx(second(getattr(x * 2, name[:-1])()))


def test_a_graph_through_a_written_view_is_walked_once():
    y = (leaf(1, 2) * 2).view(2, 1).sigmoid_().sum()
    y.backward()
    with pytest.raises(RuntimeError, match="freed by an earlier backward"):
        y.backward()


RESHAPES = {
    "set_": lambda p: p.set_(p[1:]),
    "data": lambda p: setattr(p, "data", p.data[1:]),
    "dtype": lambda p: setattr(p, "data", p.data.float()),
    "unsqueeze_": lambda p: p.unsqueeze_(0),
}


@pytest.mark.parametrize("name", RESHAPES)
def test_a_leaf_of_other_sizes_or_dtype_gets_gradients_of_those(name):
    p = leaf(1, 2, 3)
    kept = p * 2  # holds the node that would add to p.grad as it was
    with torch.no_grad():
        RESHAPES[name](p)
    (p * 3).sum().backward()
    assert kept.grad_fn is not None
    assert (p.grad.shape, p.grad.dtype) == (p.shape, p.dtype)
    assert p.grad.unique().tolist() == [3]


def test_hooks_on_the_accumulating_node_outlive_new_data_of_the_same_form():
    p, seen = leaf(1, 2), []
    node = p.expand_as(p).grad_fn.next_functions[0][0]
    node.register_hook(lambda *_: seen.append(1))
    p.data = torch.zeros(2, dtype=torch.float64)
    (p * 3).sum().backward()
    assert seen == [1]


UNREAD_RESULTS = {
    "div": lambda x: x / (x + 1),
    "normalize": lambda x: torch.nn.functional.normalize(x, dim=-1),
    "var": lambda x: x.var(0),
    "median": lambda x: x.median(0)[0],
    "kthvalue": lambda x: x.kthvalue(2, 0)[0],
    "mode": lambda x: x.mode(0)[0],
    "logaddexp": lambda x: torch.logaddexp(x, x * x),
    "logaddexp2": lambda x: torch.logaddexp2(x, x * x),
    "erfinv": lambda x: torch.erfinv(x / 10),
    "sum_to_size": lambda x: (x[0, 0] * 1).sum_to_size(()),
}


@pytest.mark.parametrize("name", UNREAD_RESULTS)
@pytest.mark.parametrize("change", [lambda t: t.mul_(2), lambda t: t.view_as(t).mul_(2)])
def test_results_that_backward_does_not_read_may_be_written(name, change):
    x = torch.tensor([[1.0, 5], [4, 2], [2, 9]], dtype=torch.float64, requires_grad=True)
    compute = UNREAD_RESULTS[name]
    (wanted,) = torch.autograd.grad((compute(x) * 2).sum(), x)
    result = compute(x)
    assert not result._is_view()
    change(result)
    (got,) = torch.autograd.grad(result.sum(), x)
    torch.testing.assert_close(got, wanted)


def test_a_view_of_what_a_function_keeps_is_one_still():
    class Function(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.whole = x * 2
            return ctx.whole[0]

        @staticmethod
        def backward(ctx, grad):
            return grad * 2

    with pytest.raises(RuntimeError, match="a custom Function returned"):
        Function.apply(leaf(1, 2)).mul_(2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", ["softmax", "log_softmax", "softmin"])
def test_softmax_along_any_dim_may_be_written_outside_of_its_graph(name, dtype):
    for sizes in ((5, 1), (1, 5), (5, 17, 1), (2, 3)):
        for dim in range(len(sizes)):
            x = torch.rand(sizes).to(dtype).requires_grad_()
            result = getattr(torch.nn.functional, name)(x, dim=dim)
            assert not result._is_view()
            expected = result.detach() + 1
            assert result.add_(1).equal(expected)


def test_complex_views_of_real_memory_may_be_written():
    a, b = leaf(1, 2, 3), leaf(4, 5, 6)
    z = torch.complex(a, b)
    z.mul_(2j)  # a view of what torch.complex stacked: 2j (a + b j) = -2 b + 2 a j
    torch.view_as_real(z).sum().backward()
    assert a.grad.tolist() == [2, 2, 2] and b.grad.tolist() == [-2, -2, -2]

    x = leaf(*range(8))
    y = x * 1
    whole = torch.view_as_complex(y[2:].view(3, 2))
    part = whole[1:]
    part.mul_(3j)
    weights = torch.arange(8.0, dtype=torch.float64)
    (grad,) = torch.autograd.grad((y * weights).sum(), x, retain_graph=True)
    assert grad.tolist() == [0, 1, 2, 3, 15, -12, 21, -18]
    for view, expected in (
        (whole, [0, 0, 0, 1, 9, -6, 15, -12]),
        (part, [0, 0, 0, 0, 3, 0, 9, -6]),
    ):
        pairs = torch.view_as_real(view)
        weights = torch.arange(float(pairs.numel()), dtype=torch.float64).view(pairs.shape)
        (grad,) = torch.autograd.grad((pairs * weights).sum(), x, retain_graph=True)
        assert grad.tolist() == expected

    values = torch.tensor([1 + 2j, 3 - 1j], dtype=torch.complex128, requires_grad=True)
    memory = torch.zeros(2, 2, dtype=torch.float64)
    torch.view_as_complex(memory).copy_(values)
    memory.sum().backward()
    assert memory.requires_grad and values.grad.tolist() == [1 + 1j, 1 + 1j]


def test_new_data_is_no_write():
    x, y = torch.ones(2), torch.ones(2)
    x.add_(1)
    for _ in range(3):
        y.add_(1)
    x.data = y
    assert (x._version, y._version) == (1, 3)
    y.add_(1)
    assert (x._version, y._version) == (1, 4) and x.tolist() == [5, 5]
    x.add_(1)
    assert (x._version, y._version) == (2, 4)
    x = leaf(1, 2)
    result = x * x
    x.data = torch.zeros(2, dtype=torch.float64)
    result.sum().backward()
    assert x.grad.shape == (2,)


@pytest.mark.parametrize("size", [3, 30_000])
@pytest.mark.parametrize("write", ["eq_", "lt_", "ne_", "logical_and_", "logical_not_"])
def test_comparisons_in_place_leave_no_gradient_of_what_was_there(write, size):
    x = torch.rand(2, size, requires_grad=True)
    other = () if write == "logical_not_" else (torch.rand(size),)
    y = x * 3
    getattr(y[0], write)(*other)
    y.sum().backward()
    assert torch.equal(x.grad[0], torch.zeros(size)) and torch.equal(
        x.grad[1], torch.full((size,), 3.0)
    )


def test_the_last_view_of_what_an_operator_made_can_be_detached_in_place():
    x = torch.rand(3, 3, requires_grad=True)
    for made in (x.repeat(2, 1), torch.dot(x[0], x[1]), x.tile(2), torch.complex(x, x)):
        before = made.clone()
        assert made.detach_() is made
        assert made.is_leaf and not made.requires_grad and torch.equal(made, before)
    with pytest.raises(RuntimeError, match="detach_"):
        x[0].detach_()


@pytest.mark.parametrize("expanded", [False, True])
@pytest.mark.parametrize("part", ["row", "column", "turned", "step"])
def test_writes_through_views_of_a_result_with_gaps_in_its_memory(part, expanded):
    views = {
        "row": lambda t: t[:1],
        "column": lambda t: t[:, :1],
        "turned": lambda t: t.t()[1:],
        "step": lambda t: t[::2, ::2],
    }
    gradients = []
    for copied in (False, True):
        x = torch.arange(12.0, dtype=torch.float64).reshape(3, 4).requires_grad_()
        y = x[:, :1].expand(3, 4) if expanded else x * 1
        halves = [half.clone() if copied else half for half in y.unsafe_chunk(2, 1)]
        views[part](halves[0]).mul_(3)
        views[part](halves[1]).mul_(halves[0][:1, :1].detach())
        (halves[0] ** 2 + 5 * halves[1]).sum().backward()
        gradients.append(x.grad.tolist())
    assert gradients[0] == gradients[1]


@pytest.mark.parametrize("operator", ["scatter_reduce", "index_reduce"])
@pytest.mark.parametrize("reduce", ["sum", "prod", "mean", "amax", "amin"])
def test_an_index_that_was_written_is_not_taken_for_what_it_was(operator, reduce):
    if operator == "index_reduce" and reduce == "sum":
        pytest.skip("no sum")
    x, source = leaf(1, 2, 3), leaf(4, 5)
    index = torch.tensor([0, 2])
    y = getattr(x * 1, operator)(0, index, source * 1, reduce)
    index.zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation: zero_"):
        y.sum().backward()


WHOLE = {
    "repeat": lambda t: t.repeat(2, 1),
    "kron": lambda t: torch.kron(t, t),
    "roll": lambda t: t.roll(1),
    "median": lambda t: t.median(1).values,
    "indices": lambda t: t.median(1).indices,
    "kthvalue": lambda t: t.kthvalue(1).values,
    "mode": lambda t: t.mode(1).values,
    "dot": lambda t: t[0].dot(t[1]),
    "mv": lambda t: t.mv(t[0]),
    "matmul": lambda t: t[0] @ t,
    "rows": lambda t: t.expand(2, 3, 3) @ t,
    "solve": lambda t: torch.linalg.solve(t, t[0]),
    "rot90": lambda t: t.rot90(),
    "complex": lambda t: torch.complex(t, t),
}


@pytest.mark.parametrize("name", WHOLE)
def test_what_an_operator_makes_anew_is_no_view(name):
    x = (torch.eye(3, dtype=torch.float64) * 2 + 1).requires_grad_()
    for recorded in (True, False):
        with torch.set_grad_enabled(recorded):
            result = WHOLE[name](x)
        assert not result._is_view() and result._base is None
    assert x[0]._is_view() and x.reshape(9)._base is x and x.t().contiguous().view(9)._is_view()
    if result.is_floating_point() and name != "solve":  # which backward reads
        expected, got = (torch.zeros_like(x, requires_grad=True) + x.detach() for _ in range(2))
        expected.retain_grad(), got.retain_grad()
        (WHOLE[name](expected) * 3).sum().backward()
        written = WHOLE[name](got)
        written.mul_(3)
        written.sum().backward()
        assert torch.equal(got.grad, expected.grad)


def test_what_a_backward_does_not_read_may_be_written():
    A = torch.randn(2, 3, dtype=torch.float64)
    expected, got = A.clone().requires_grad_(), A.clone().requires_grad_()
    written = got * 1
    Q, R = torch.linalg.qr(written)
    written.tril_()
    (Q.sum() + (R * R).sum()).backward()
    Q, R = torch.linalg.qr(expected)
    (Q.sum() + (R * R).sum()).backward()
    assert torch.allclose(got.grad, expected.grad)

    x = leaf(1, 2)
    (x * 2).polygamma_(1).sum().backward()
    assert torch.allclose(x.grad, 2 * torch.polygamma(2, x.detach() * 2))


def test_a_view_outlives_the_memory_that_its_base_gave_up():
    layer = torch.nn.Linear(3, 2)
    view = layer.weight[:]
    layer.double()  # gives weight other memory, of another dtype
    with torch.no_grad():
        view[0][0] = 5
    assert view[0][0].item() == 5 and view.dtype is torch.float32
    assert view.requires_grad and view.grad_fn is not None
    assert layer.weight.dtype is torch.float64 and layer.weight[0, 0].item() != 5


@pytest.mark.parametrize("name", ["max", "min", "sort", "topk", "median", "mode", "kthvalue"])
@pytest.mark.parametrize("keepdim", [False, True])
def test_what_was_picked_by_place_does_not_read_the_input_again(name, keepdim):
    """max(dim) and min(dim) refused: they kept the input for the sake of its sizes."""
    a = leaf(3, 1, 2).reshape(1, 3).detach().requires_grad_()
    b = a * 2
    arguments = {"sort": (1,), "topk": (2, 1), "kthvalue": (2, 1, keepdim)}.get(name, (1, keepdim))
    picked, places = getattr(b, name)(*arguments)
    b.masked_fill_(b > 2, -9)
    picked.sum().backward()
    expected = torch.zeros(3, dtype=torch.float64)
    expected[places.flatten()] = 2
    assert a.grad.tolist() == [expected.tolist()]
