"""torch.compile: Python that changes between calls, in every way that Python lets it."""

import builtins
import datetime
import gc
import itertools
import math
import threading

import pytest

import flambeau as torch
from flambeau import nn
from flambeau.compiled.report import watch
from flambeau.compiled.wrapper import MOST_BROKEN, MOST_PROGRAMS
from flambeau.nn import functional as F
from flambeau.utils.checkpoint import checkpoint


class Base:
    factor = 2

    def go(self, x):
        return x * self.factor


class Other(Base):
    factor = 5


def line():
    return torch.arange(4.0) - 1


def same(function, change, *args):
    """Whether a compiled function answers as the function itself does, before and after the change."""
    compiled = torch.compile(function)
    for _ in range(2):
        assert torch.equal(compiled(line(), *args), function(line(), *args))
    change()
    for _ in range(2):
        assert torch.equal(compiled(line(), *args), function(line(), *args))


def test_defaults_may_be_assigned():
    def scaled(x, factor=2):
        return x * factor

    def named(x, *, factor=2):
        return x * factor

    same(scaled, lambda: setattr(scaled, "__defaults__", (5,)))
    same(named, lambda: setattr(named, "__kwdefaults__", {"factor": 7}))
    same(lambda x: scaled(x) + 1, lambda: setattr(scaled, "__defaults__", (6,)))


def test_objects_may_change_their_class_and_their_attributes():
    value = Base()
    same(lambda x: value.go(x), lambda: setattr(value, "__class__", Other))
    value = Base()
    same(lambda x: value.go(x), lambda: setattr(value, "__dict__", {"factor": 4}))
    layers = nn.Sequential(nn.ReLU(), nn.Tanh())
    same(layers, lambda: setattr(layers[1], "__class__", nn.Sigmoid))


def test_classes_may_get_attributes_and_other_bases():
    class Child(Base):
        pass

    value = Child()
    same(lambda x: value.go(x), lambda: setattr(Child, "factor", 3))

    class Second(Base):
        pass

    value = Second()
    same(lambda x: value.go(x), lambda: setattr(Second, "__bases__", (Other,)))


@pytest.mark.parametrize(
    "owner, name", [(math, "sqrt"), (builtins, "abs"), (F, "relu"), (torch, "relu")]
)
def test_functions_of_libraries_may_be_replaced(owner, name, monkeypatch):
    functions = {
        "sqrt": lambda x: x * math.sqrt(4),
        "abs": lambda x: x * abs(-4),
        "relu": (lambda x: F.relu(x)) if owner is F else lambda x: torch.relu(x),
    }
    same(functions[name], lambda: monkeypatch.setattr(owner, name, lambda value: value * 10))


def test_attributes_of_tensors_may_change():
    weight = torch.ones(4)
    weight.factor = 2
    same(lambda x: x * weight.factor, lambda: setattr(weight, "factor", 3))
    compiled = torch.compile(lambda x: x * getattr(x, "factor", 1))
    for factor in (1, 2, 3):
        x = line()
        if factor > 1:
            x.factor = factor
        assert torch.equal(compiled(x), line() * factor)


def test_settings_and_views_that_are_asked_for_are_not_compiled():
    same(
        lambda x: x * (3 if torch.are_deterministic_algorithms_enabled() else 1),
        lambda: torch.use_deterministic_algorithms(True),
    )
    torch.use_deterministic_algorithms(False)
    compiled = torch.compile(lambda x: x + x._is_view())
    assert [float(compiled(x)[0]) for x in (torch.zeros(2), torch.zeros(4)[1:3])] == [0.0, 1.0]


@pytest.mark.parametrize("iterator", [lambda: itertools.count(1), lambda: iter(range(1, 99))])
def test_iterators_advance(iterator):
    steps = iterator()

    def by_default(x, steps=steps):
        return x * next(steps)

    compiled = torch.compile(by_default)
    assert [float(compiled(torch.ones(2))[0]) for _ in range(3)] == [1, 2, 3]
    compiled, steps = torch.compile(lambda x, steps: x * next(steps)), iterator()
    assert [float(compiled(torch.ones(2), steps)[0]) for _ in range(3)] == [1, 2, 3]


def test_clocks_and_random_numbers_of_numpy_are_asked_each_time():
    random = pytest.importorskip("numpy").random
    draws = [lambda x, random=random: x * random.rand(), lambda x, rand=random.rand: x * rand()]
    for draw in draws:
        compiled = torch.compile(draw)
        assert len({float(compiled(torch.ones(1))[0]) for _ in range(4)}) == 4

    class Clock(datetime.datetime):
        pass

    for clock in (datetime.datetime, Clock):
        compiled = torch.compile(lambda x, clock=clock: x * clock.now().microsecond)
        assert len({float(compiled(torch.ones(1))[0]) for _ in range(20)}) > 1


def test_zeros_and_nan_of_complex_arguments_are_told_apart():
    compiled = torch.compile(lambda x, k: x * k)
    x = torch.ones(1, dtype=torch.complex128)
    for k in (0j, -0j, complex(-0.0, 0.0), complex("nan"), 1j):
        expected, found = x * k, compiled(x, k)
        assert repr(found.tolist()) == repr(expected.tolist())


def test_what_no_program_fits_does_not_pile_up():
    from flambeau.compiled.wrapper import Compiled

    compiled = Compiled(lambda x, k: x * k)
    for k in range(MOST_PROGRAMS + MOST_BROKEN + 50):
        assert float(compiled(torch.ones(1), float(k))[0]) == k
    assert len(compiled.programs) + len(compiled.broken) <= MOST_PROGRAMS + MOST_BROKEN + 1


def test_checkpointed_functions_save_the_same_both_times():
    compiled = torch.compile(lambda x: (x * x).sin() * x)
    for _ in range(3):
        x = line().requires_grad_()
        checkpoint(compiled, x, use_reentrant=False).sum().backward()
        other = line().requires_grad_()
        compiled(other).sum().backward()
        assert torch.equal(x.grad, other.grad)


def test_many_gradients_at_once_of_a_program():
    function = lambda x: (x * 2 + x.sum()).sin()
    compiled = torch.compile(function)
    compiled(line().requires_grad_())
    for derivative in (torch.func.jacrev, torch.func.jacfwd, torch.func.hessian):
        torch.testing.assert_close(derivative(compiled)(line()), derivative(function)(line()))


@pytest.mark.parametrize("kind", [threading.local, type("Local", (threading.local,), {})])
def test_attributes_of_each_thread_are_read_each_time(kind):
    local = kind()
    local.factor = 2
    compiled = torch.compile(lambda x: x * local.factor)
    assert [float(compiled(torch.ones(1))[0]) for _ in range(2)] == [2, 2]
    local.factor = 3
    found = []

    def other():
        local.factor = 5
        found.append(float(compiled(torch.ones(1))[0]))

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert found == [5] and float(compiled(torch.ones(1))[0]) == 3


def test_what_the_garbage_collector_runs_is_not_the_functions_doing():
    phases = []

    def collected(phase, info):
        global _last_phase
        _last_phase = phase
        phases.append(phase)

    def makes_cycles(x):
        for _ in range(20_000):  # without a call into C, in which the collector is not seen
            ring = [None]
            ring[0] = ring
        return torch.sin(x) * 2

    compiled = torch.compile(makes_cycles)
    gc.callbacks.append(collected)
    try:
        with watch() as seen:
            compiled(line())
        compiled(line())
    finally:
        gc.callbacks.remove(collected)
    assert phases and gc.isenabled()
    assert len(seen.programs) == 1 and not seen.breaks


def test_a_program_meets_another_number_of_results_after_a_write():
    def own(x, count):
        x = x * 3
        x.add_(1)
        return torch.stack([row * 2 for row in x.unbind(0)])

    def before(x, count):
        count.add_(1)
        return torch.cat([rows * 2 for rows in (x * 3 + 1).split(2)])

    def after(x, count):
        result = torch.cat([rows * 2 for rows in (x * 3 + 1).split(2)])
        count.add_(1)
        return result

    for function in (own, before, after):
        compiled, count = torch.compile(function), torch.zeros(1)
        for calls, rows in enumerate((7, 7, 2, 2, 3, 7, 1), 1):
            x = torch.rand(rows, 5)
            torch.testing.assert_close(compiled(x, count), (x * 3 + 1) * 2)
            assert count.item() == (calls if function is not own else 0)


def test_lists_and_dicts_among_the_arguments_are_written_in_each_call():
    def appends(x, to):
        to.append(x * 2 + 1)

    def replaces(x, to):
        to[0] = x * 2 + 1
        return x.exp() + 1

    def names(x, *, to):
        to["result"] = x * 2 + 1

    def inner(x, to):
        to["lists"][0].extend([x + 1, x * 2])
        return x

    for function, make in ((appends, list), (replaces, lambda: [None])):
        compiled = torch.compile(function)
        for _ in range(3):
            got, expected, x = make(), make(), torch.rand(3, 40)
            compiled(x, got), function(x, expected)
            assert len(got) == len(expected) and torch.equal(got[0], expected[0])
    compiled, deep = torch.compile(names), torch.compile(inner)
    for _ in range(3):
        got, lists = {}, {"lists": ([],)}
        compiled(torch.rand(3), to=got)
        deep(torch.rand(3), lists)
        assert list(got) == ["result"] and len(lists["lists"][0]) == 2


def test_a_list_that_is_given_back_is_the_callers():
    compiled = torch.compile(lambda x, to: (x * 2 + 1, to))
    for _ in range(3):
        to = [torch.rand(3)]
        assert compiled(torch.rand(3), to)[1] is to


def test_modes_that_the_function_enters_hold_in_each_call():
    layer = torch.nn.Linear(4, 4)

    def halves(x):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            y = layer(x)
        return y, layer(x)

    def doubled(x):
        with torch.autograd.graph.saved_tensors_hooks(lambda t: t * 2, lambda t: t):
            y = x * x
        return y + x.sin()

    for function in (halves, doubled):
        compiled = torch.compile(function)
        for _ in range(3):
            results = []
            for f in (function, compiled):
                x = torch.linspace(-1, 1, 4, requires_grad=True)
                y = f(x)
                parts = y if isinstance(y, tuple) else (y,)
                sum(part.float().sum() for part in parts).backward()
                results.append([part.detach() for part in parts] + [x.grad])
            for a, b in zip(*results, strict=True):
                assert a.dtype == b.dtype and torch.equal(a, b)


def test_hooks_of_saved_tensors_see_what_an_eager_call_saves():
    function = lambda x: (x.sin() * x).exp() + 1
    compiled = torch.compile(function)
    x = torch.linspace(-1, 1, 5, requires_grad=True)
    compiled(x), compiled(x)
    seen = {}
    for f in (function, compiled):
        saved = seen[f] = []
        with torch.autograd.graph.saved_tensors_hooks(
            lambda t, saved=saved: saved.append(t) or t, lambda t: t
        ):
            f(x)
    assert len(seen[function]) == len(seen[compiled]) > 0
    assert all(torch.equal(a, b) for a, b in zip(*seen.values()))
