"""torch.compile: what is fused, what is guarded, what breaks."""

import functools
import math

import pytest

import flambeau as torch
from flambeau import nn
from flambeau._dynamo import explain
from flambeau._dynamo.exc import Unsupported
from flambeau.compiled.report import watch

SCALE = 2.0
TABLE = {"shift": 1.0, "factors": [1.0, 2.0]}


class Settings:
    power = 2


def programs_of(function, *args, **kwargs):
    """The programs that a call makes, and what breaks."""
    with watch() as seen:
        function(*args, **kwargs)
    return seen.programs, [str(b) for b in seen.breaks]


def twice(function, *args):
    """The result of the recorded call, and that of the program."""
    return function(*args), function(*args)


def root_mean_square(x, weight):
    return x * torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-6) * weight


# ------------------------------------------------------------------------------------------------ what is fused


def test_a_chain_of_pointwise_operators_is_one_kernel_of_the_same_bits():
    def gelu(x):
        return 0.5 * x * (1 + torch.tanh(0.79788456 * (x + 0.044715 * x**3)))

    compiled, x = torch.compile(gelu), torch.randn(30, 7)
    (program,), breaks = programs_of(compiled, x)
    assert (program.kernels, program.operators, program.joined, breaks) == (1, 0, 8, [])
    for rows in (30, 1, 500):
        x = torch.randn(rows, 7)
        for result in twice(compiled, x):
            assert torch.equal(result, gelu(x))
    assert programs_of(compiled, torch.randn(11, 7)) == ([], [])  # any size


@pytest.mark.parametrize("grad", [False, True])
def test_reductions_over_rows_join_their_neighbours(grad):
    compiled = torch.compile(root_mean_square)
    x, weight = torch.randn(5, 3, 64, requires_grad=grad), torch.randn(64, requires_grad=grad)
    (program,), _ = programs_of(compiled, x, weight)
    assert (program.kernels, program.operators) == (1, 0)
    expected, got = root_mean_square(x, weight), compiled(x, weight)
    assert torch.equal(got, expected)
    if grad:
        wanted = torch.autograd.grad(expected.square().sum(), [x, weight])
        found = torch.autograd.grad(got.square().sum(), [x, weight])
        assert all(map(torch.equal, found, wanted))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
def test_gradients_are_the_same_bits(dtype):
    def program(x, y):
        z = torch.sigmoid(x * y + 0.3) - y.abs()
        return torch.where(z > 0, z * z, z / 3), z.exp()

    compiled, found = torch.compile(program), []
    for function in (program, compiled, compiled):
        torch.manual_seed(0)
        x = torch.randn(9, 5).to(dtype).requires_grad_()
        y = torch.randn(9, 5).to(dtype).requires_grad_()
        a, b = function(x, y)
        (a * 2 + b).sum().backward()
        found.append((a.detach(), b.detach(), x.grad, y.grad))
    for got in found[1:]:
        assert all(torch.equal(u, v) for u, v in zip(got, found[0]))


def test_an_output_without_a_gradient_sends_none():
    compiled = torch.compile(lambda x, y: (x * 2 + 1, (y * 3).exp()))
    for _ in range(2):
        x, y = torch.ones(3, requires_grad=True), torch.ones(3, requires_grad=True)
        compiled(x, y)[0].sum().backward()
        assert x.grad.tolist() == [2, 2, 2] and y.grad is None


def test_gradients_of_gradients():
    def program(x):
        return (x.sin() * 2 + x**3).exp()

    compiled, x = torch.compile(program), torch.tensor([0.3, -0.5], requires_grad=True)
    for function in (compiled, compiled):
        for wanted, f in ((True, program), (False, function)):
            (first,) = torch.autograd.grad(f(x).sum(), x, create_graph=True)
            (second,) = torch.autograd.grad(first.sum(), x)
            if wanted:
                expected = first.detach(), second
        torch.testing.assert_close((first.detach(), second), expected)


def test_results_have_the_layout_of_eager_mode():
    def program(x):
        return (x * 2).exp() - 1

    compiled = torch.compile(program)
    for x in (
        torch.randn(4, 6).mT,
        torch.randn(8, 6)[::2, ::3],
        torch.randn(1, 1, 5).expand(2, 3, 5),
    ):
        for result in twice(compiled, x):
            assert torch.equal(result, program(x)) and result.stride() == program(x).stride()


def test_random_numbers_are_those_of_eager_mode():
    def program(x):
        return nn.functional.dropout(x * 2 + 1, 0.5) * 3 + torch.rand(4)

    compiled, x = torch.compile(program), torch.randn(4)
    compiled(x)
    for function in (compiled, program):
        torch.manual_seed(3)
        results = [function(x) for _ in range(3)]
        if function is compiled:
            found = results
    assert all(torch.equal(a, b) for a, b in zip(found, results))


# ----------------------------------------------------------------------------------------------- what is guarded


def test_python_values_are_looked_at_again(monkeypatch):
    factor = 3.0

    def program(x, k=1):
        return (x * SCALE + TABLE["shift"]) * factor * TABLE["factors"][1] * k + Settings.power

    compiled, x = torch.compile(program), torch.randn(5)

    def agrees(**options):
        assert all(torch.equal(compiled(x, **options), program(x, **options)) for _ in range(2))

    agrees()
    monkeypatch.setitem(globals(), "SCALE", 5.0)
    agrees()
    monkeypatch.setitem(TABLE, "shift", -1.0)
    agrees()
    monkeypatch.setitem(TABLE, "factors", [1.0, 7.0])
    agrees()
    TABLE["factors"][1] = 8.0
    agrees()
    monkeypatch.setattr(Settings, "power", 3)
    agrees()
    factor = 4.0
    agrees()
    agrees(k=2)
    agrees(k=2.0)
    agrees(k=True)


def helper(x):
    return x + 1


def test_functions_that_are_called_are_guarded(monkeypatch):
    compiled, x = torch.compile(lambda x: helper(x) * 2), torch.randn(3)
    assert all(torch.equal(r, (x + 1) * 2) for r in twice(compiled, x))
    monkeypatch.setitem(globals(), "helper", lambda x: x - 1)
    assert all(torch.equal(r, (x - 1) * 2) for r in twice(compiled, x))


def test_modes_are_looked_at():
    compiled = torch.compile(lambda x: x * 2 + 1)
    x = torch.ones(2, requires_grad=True)
    for _ in range(2):
        assert compiled(x).requires_grad
        with torch.no_grad():
            assert not compiled(x).requires_grad
        with torch.inference_mode():
            assert compiled(x).is_inference()
        assert not compiled(x.detach()).requires_grad
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.compile(lambda x: x @ x)(torch.ones(2, 2)).dtype is torch.bfloat16


def test_inside_no_grad():
    def program(x):
        with torch.no_grad():
            y = x * 2 + 1
        return x * y + 1, y

    compiled, x = torch.compile(program), torch.ones(3, requires_grad=True)
    for a, b in twice(compiled, x):
        assert a.requires_grad and not b.requires_grad and torch.is_grad_enabled()
        assert torch.autograd.grad(a.sum(), x)[0].tolist() == [3, 3, 3]


def test_writes_and_views():
    def program(x, buffer):
        y = x * 2 + 1
        first = y[0]
        first.mul_(3)
        buffer.add_(y)
        z = y * buffer + 1
        x[0] = 5
        return z - x, first

    found = []
    for function in (program, torch.compile(program)):
        for _ in range(3):
            x, buffer = torch.ones(3, 2), torch.zeros(3, 2)
            found.append((*function(x, buffer), x, buffer))
    for other in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(other, found[0]))


def test_what_is_given_back_is_the_same_object_where_it_was():
    compiled = torch.compile(lambda x, y: {"a": x, "b": [y * 2 + 1, (x, None, 3)]})
    x, y = torch.ones(2), torch.ones(2)
    for result in twice(compiled, x, y):
        assert result["a"] is x and result["b"][1][0] is x and result["b"][1][1:] == (None, 3)
        assert result["b"][0].tolist() == [3, 3]
    same = torch.compile(lambda x, y: x * 2 + y)
    assert all(same(x, x).tolist() == [3, 3] and same(x, y).tolist() == [3, 3] for _ in range(3))


def test_sizes_that_the_program_reads_are_guarded():
    def program(x):
        return x * x.shape[0] + math.sqrt(x.size(-1))

    compiled = torch.compile(program)
    for rows in (3, 4, 3, 9):
        x = torch.randn(rows, rows + 1)
        assert all(torch.equal(r, program(x)) for r in twice(compiled, x))


def test_errors_come_from_the_programs_line():
    compiled = torch.compile(lambda x, y: x.exp() + y)  # the line
    assert compiled(torch.ones(2, 3), torch.ones(2, 3)).shape == (2, 3)
    assert compiled(torch.ones(2, 4), torch.ones(2, 4)).shape == (2, 4)
    with pytest.raises(RuntimeError, match="^add: shapes") as caught:
        compiled(torch.ones(2, 3), torch.ones(2, 4))
    assert "the line" in str(caught.traceback[-1].statement)


# ------------------------------------------------------------------------------------------------- what breaks


count = 0
seen = []


def counts(x):
    global count
    count += 1
    return x * count


def remembers(x):
    seen.append(x)
    return x + 1


def branches(x):
    return x * 2 if x.sum() > 0 else x * 3


def reads(x):
    return x * float(x.max())


def prints(x):
    print(x.shape)
    return x + 1


@pytest.mark.parametrize(
    "function, reason",
    [
        (counts, "assigns the global count"),
        (remembers, "changes a list"),
        (reads, "a Python value of what a tensor holds"),
        (prints, "print"),
        (lambda x: x * (id(x) > 0), "id is called"),
        (lambda x: torch.compiler.disable(helper)(x) * 2, "disabled|disable"),
    ],
)
def test_what_cannot_be_followed_stays_eager_and_is_told(function, reason, capsys):
    compiled, x = torch.compile(function), torch.arange(3.0)
    before = count
    _, breaks = programs_of(compiled, x)
    assert len(breaks) == 1 and any(word in breaks[0] for word in reason.split("|"))
    compiled(-x)
    assert torch.equal(compiled(x), compiled(x)) or function is counts
    assert function is not counts or count == before + 4
    told = explain(function)(x)
    assert (told.graph_count, told.graph_break_count) == (0, 1) and reason.split("|")[0] in str(
        told
    )
    with pytest.raises(Unsupported, match="compile: .* does not become one graph"):
        torch.compile(function, fullgraph=True)(x)


def test_data_dependent_branches_are_right_either_way():
    compiled = torch.compile(branches)
    for _ in range(2):
        assert compiled(torch.ones(2)).tolist() == [2, 2] and compiled(-torch.ones(2)).tolist() == [
            -3,
            -3,
        ]


def test_log_tells_of_programs_and_breaks(monkeypatch, capsys):
    monkeypatch.setenv("FLAMBEAU_LOG", "compile")
    torch.compile(lambda x: x.exp() + 1)(torch.ones(2))
    torch.compile(reads)(torch.ones(2))
    told = capsys.readouterr().err
    assert "2 operators in 1 kernels, 0 others" in told and "reads runs as it is: " in told


# ------------------------------------------------------------------------------------------------------- the API


def test_forms_of_compile():
    @torch.compile
    def one(x):
        return x + 1

    @torch.compile(dynamic=True, mode="reduce-overhead")
    def two(x):
        return x + 1

    x = torch.ones(2)
    assert one.__name__ == "one" and one(x).tolist() == two(x).tolist() == [2, 2]
    partial = torch.compile(functools.partial(torch.add, x))
    assert [partial(x).tolist() for _ in range(2)] == [[2, 2]] * 2
    assert torch.compile(helper, disable=True) is helper
    assert torch.compile(helper, backend="eager") is helper
    static = torch.compile(lambda x: x * 2 + 1, dynamic=False)
    assert len(programs_of(static, x)[0]) == len(programs_of(static, torch.ones(3))[0]) == 1
    with pytest.raises(RuntimeError, match="compile: there is no backend 'nothing'"):
        torch.compile(helper, backend="nothing")
    with pytest.raises(RuntimeError, match="compile: mode is 'fast'"):
        torch.compile(helper, mode="fast")
    with pytest.raises(RuntimeError, match="mode and options exclude each other"):
        torch.compile(helper, mode="default", options={})
    with pytest.raises(NotImplementedError, match="backend is a function"):
        torch.compile(helper, backend=lambda graph, inputs: graph)
    known = {"max_autotune": True, "triton.cudagraphs": True, "shape-padding": False}
    assert torch.compile(one, options=known)(x).tolist() == [2, 2]
    with pytest.raises(RuntimeError, match="compile: options has no 'max_autotunes'"):
        torch.compile(one, options={"max_autotunes": True})
    with pytest.raises(RuntimeError, match="max_autotune is 'yes'; it must be True or False"):
        torch.compile(one, options={"max_autotune": "yes"})
    wrong = {"fullgraph": 3, "dynamic": "yes", "disable": [], "recompile_limit": "3", "name": 3}
    for argument, value in wrong.items():
        with pytest.raises(TypeError, match=f"compile: {argument} must be"):
            torch.compile(one, **{argument: value})
    assert torch.compile(one, fullgraph=1, dynamic=None, disable=None)(x).tolist() == [2, 2]


def test_stances():
    compiled, x = torch.compile(lambda x: x * 2 + 1), torch.ones(2)
    with torch.compiler.set_stance("force_eager"):
        assert programs_of(compiled, x) == ([], [])
    compiled(x)
    with torch.compiler.set_stance("fail_on_recompile"):
        assert compiled(x).tolist() == [3, 3]
        with pytest.raises(RuntimeError, match="fail_on_recompile"):
            compiled(x.double())
    with torch.compiler.set_stance("eager_on_recompile"):
        assert programs_of(compiled, x.double()) == ([], [])
    assert len(programs_of(compiled, x.double())[0]) == 1
    torch.compiler.reset()
    assert len(programs_of(compiled, x)[0]) == 1


def test_programs_know_that_they_are_compiled():
    def program(x):
        return x + 1 if torch.compiler.is_compiling() else x - 1

    assert [r.tolist() for r in twice(torch.compile(program), torch.ones(1))] == [[2], [2]]
    assert program(torch.ones(1)).tolist() == [0] and not torch.compiler.is_compiling()


def test_a_disabled_function_is_left_alone():
    @torch.compiler.disable
    def alone(x):
        return x + 1

    assert torch.compile(alone) is alone
    _, breaks = programs_of(torch.compile(lambda x: alone(x) * 2), torch.ones(2))
    assert breaks == ["alone is disabled"]


def test_graph_break_breaks():
    def program(x):
        y = x + 1
        torch._dynamo.graph_break()
        return y * 2

    assert programs_of(torch.compile(program), torch.ones(2))[1] == ["graph_break()"]


@pytest.mark.parametrize("threads", [1, 2, 3, 16])
def test_any_number_of_threads_gives_the_same_bits(threads):
    def program(x, w):
        return torch.softmax(root_mean_square(x.tanh(), w) * 3, -1), (x * 2 + 1).exp()

    compiled, before = torch.compile(program), torch.get_num_threads()
    torch.manual_seed(0)
    x, w = torch.randn(3000, 40), torch.randn(40)
    try:
        torch.set_num_threads(1)
        compiled(x, w)
        expected = compiled(x, w)
        torch.set_num_threads(threads)
        assert all(torch.equal(a, b) for a, b in zip(compiled(x, w), expected))
    finally:
        torch.set_num_threads(before)


class Seven(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * x

    @staticmethod
    def backward(ctx, grad):
        return grad * 7


def catches(x):
    try:
        y = x @ x
    except RuntimeError:
        y = x * 0
    return y + 1


def counts_nonzero(x):
    return x * 2 + x.nonzero().shape[0]


def steps(x, numbers):
    return x * next(numbers)


@pytest.mark.parametrize(
    "function, calls",
    [
        (lambda x: Seven.apply(x) + 1, [torch.ones(2), torch.ones(2)]),
        (catches, [torch.ones(2, 3), torch.ones(2, 2)]),
        (counts_nonzero, [torch.tensor([1.0, 0]), torch.tensor([1.0, 1]), torch.tensor([0.0, 0])]),
        (lambda x: torch.func.grad(lambda t: (t * t).sum())(x), [torch.ones(2), torch.arange(2.0)]),
        (lambda x: torch.vmap(lambda t: t * 2 + 1)(x), [torch.ones(2, 2), torch.zeros(2, 2)]),
    ],
)
def test_what_depends_on_more_than_guards_see_is_not_compiled(function, calls):
    compiled = torch.compile(function)
    for x in [*calls, *calls]:
        assert torch.equal(compiled(x), function(x))


def test_gradients_of_a_function_with_its_own_backward():
    compiled, x = torch.compile(lambda x: Seven.apply(x) * 2), torch.ones(2, requires_grad=True)
    for _ in range(2):
        assert torch.autograd.grad(compiled(x).sum(), x)[0].tolist() == [14, 14]


def test_iterators_and_the_order_of_dicts():
    compiled, numbers = torch.compile(steps), iter([1.0, 2.0, 3.0])
    assert [compiled(torch.ones(1), numbers).item() for _ in range(3)] == [1, 2, 3]
    table = {"a": 1, "b": 2}
    chained = torch.compile(
        lambda x: functools.reduce(lambda y, key: y * 10 + table[key], table, x)
    )
    assert [chained(torch.zeros(1)).item() for _ in range(2)] == [12, 12]
    table["a"] = table.pop("a")
    assert [chained(torch.zeros(1)).item() for _ in range(2)] == [21, 21]


def test_more_numbers_than_operands_are_part_of_the_kernel():
    def step(p, g, m, v):
        m, v = m * 0.9 + g * 0.1, v * 0.999 + g * g * 0.001
        return p * 0.998 - 1e-3 * (m / 0.19) / ((v / 0.0019).sqrt() + 1e-8) + 0.25, m, v

    given = [torch.rand(7, requires_grad=True) for _ in range(4)]
    compiled = torch.compile(step)
    (program,), _ = programs_of(compiled, *given)
    assert (program.kernels, program.operators) == (1, 0)
    expected, got = step(*given), compiled(*given)
    assert all(torch.equal(a, b) for a, b in zip(got, expected))
    grads = [torch.autograd.grad(sum(o.sum() for o in outs), given) for outs in (expected, got)]
    assert all(torch.equal(a, b) for a, b in zip(*grads))


def test_the_number_of_programs_is_limited(monkeypatch, capfd):
    monkeypatch.setenv("FLAMBEAU_LOG", "compile")
    scale = torch.compile(lambda x, by: x * by + 1, recompile_limit=2, name="scaling")
    x = torch.ones(3)
    with watch() as seen:
        for by in (1.0, 2.0, 3.0, 4.0):
            assert torch.equal(scale(x, by), x * by + 1)
    assert len(seen.programs) == 2
    assert "2 programs have been made of it" in seen.breaks[0].reason
    assert "compile: scaling runs as it is" in capfd.readouterr().err


@pytest.mark.parametrize("argument", ["isolate_recompiles", "shapes_spec"])
def test_arguments_that_are_not_supported_are_named(argument):
    with pytest.raises(NotImplementedError, match=argument):
        torch.compile(torch.sin, **{argument: True})


def test_what_stands_around_a_break_is_fused():
    from flambeau import _core

    def breaks(x):
        y = (x * 2 + 1).sigmoid() - x
        if y.sum().item() > 1e9:
            return y
        return (y * y + 3).sqrt() * 0.5

    was = _core._fusion_settings()
    x = torch.rand(20000)
    compiled, expected = torch.compile(breaks), breaks(x)
    _core._set_fusion(16384, 0)  # kernels are made at once, whatever ran before
    try:
        compiled(x)  # the recorded call
        before = _core._fusion_counters()["fused"]
        assert torch.equal(compiled(x), expected)
        assert _core._fusion_counters()["fused"] == before + 2
    finally:
        _core._set_fusion(*was)


def test_views_between_operators_end_no_kernel():
    def turned(x, c, s):
        a, b = x[:, :3], x[:, 3:]
        return torch.cat([x[:, :3] * c - x[:, 3:] * s, a.T.T * s + b[..., None, :][:, 0] * c], -1)

    given = torch.randn(5, 6), torch.randn(1, 3), torch.randn(1, 3)
    compiled = torch.compile(turned)
    (program,), _ = programs_of(compiled, *given)
    assert program.kernels == 1 and program.joined == 6
    leaves = [g.clone().requires_grad_() for g in given]
    found = [
        torch.autograd.grad(f(*leaves).sin().sum(), leaves) for f in (turned, compiled, compiled)
    ]
    assert all(
        torch.equal(a, b) for grads in found[1:] for a, b in zip(found[0], grads, strict=True)
    )

    def writes(x):
        y = x[0] * 2
        x[0] = 5
        return y + x[0]

    compiled = torch.compile(writes)
    for _ in range(3):
        assert torch.equal(compiled(torch.ones(4, 6)), torch.full((6,), 7.0))


def test_rounding_is_a_pointwise_operator():
    def quantised(x):
        scale = x.abs().amax(-1, keepdim=True) / 127
        return (x / scale).round().clamp(-128, 127) * scale

    compiled, x = torch.compile(quantised), torch.randn(4, 64)
    (program,), _ = programs_of(compiled, x)
    assert program.kernels == 1 and program.joined == 7
    leaves = [x.clone().requires_grad_() for _ in range(3)]
    found = [
        torch.autograd.grad(f(q).sum(), q)[0]
        for f, q in zip((quantised, compiled, compiled), leaves)
    ]
    assert torch.equal(compiled(x), quantised(x))
    assert all(torch.equal(grads, found[0]) for grads in found)
