"""Bools that compiled functions read from tensors: expected to stay what they were, and noticed where they do not."""

import pytest

import flambeau as torch
from flambeau._dynamo.exc import Unsupported
from flambeau.compiled.report import watch
from flambeau.compiled.wrapper import MOST_DIFFERING


def made_of(function, *args):
    """The programs that a call makes, and what breaks."""
    with watch() as seen:
        function(*args)
    return seen.programs, [str(b) for b in seen.breaks]


def branch(x):
    y = x * 2 + torch.rand(3)
    if y.sum() > 0:
        return y.exp() * 0.5
    return -y + torch.rand(3)


def test_both_ways_of_a_branch_give_what_eager_mode_gives():
    compiled = torch.compile(branch)
    programs, breaks = made_of(compiled, torch.ones(3))
    assert len(programs) == 1 and not breaks
    for value in (1.0, -5.0, 2.0, -3.0, 1.0):
        x = torch.full((3,), value)
        found = []
        for function in (compiled, branch):
            torch.manual_seed(3)
            found.append((function(x), torch.rand(2)))  # as many numbers drawn, too
        assert all(map(torch.equal, *found))


def test_a_bool_that_differs_again_and_again_leaves_the_function_eager():
    compiled = torch.compile(branch)
    compiled(torch.ones(3))
    with watch() as seen:
        for _ in range(MOST_DIFFERING + 1):
            compiled(torch.full((3,), -5.0))
    assert [b.reason for b in seen.breaks] == ["a bool is read that differs from call to call"]
    torch.manual_seed(1)
    ours = compiled(torch.ones(3))
    torch.manual_seed(1)
    assert torch.equal(ours, branch(torch.ones(3)))


def test_distributions_become_programs_that_draw_the_same():
    def act(logits):
        choice = torch.distributions.Categorical(logits=logits)
        action = choice.sample()
        return action, choice.log_prob(action) * 2 + 1

    compiled, logits = torch.compile(act), torch.randn(6, 4)
    programs, breaks = made_of(compiled, logits)
    assert len(programs) == 1 and not breaks
    for _ in range(3):
        state = torch.get_rng_state()
        ours = compiled(logits)
        torch.set_rng_state(state)
        assert all(map(torch.equal, ours, act(logits)))
    logits[0, 0] = float("nan")
    with pytest.raises(ValueError, match="logits"):
        compiled(logits)


def test_gradients_do_not_mind():
    def loss(x):
        y = (x * 3).sigmoid()
        assert torch.isfinite(y).all()
        return (y * y).sum()

    compiled = torch.compile(loss)
    for rows in (4, 4, 9):
        x = torch.randn(rows, 5, requires_grad=True)
        (ours,) = torch.autograd.grad(compiled(x), x)
        (expected,) = torch.autograd.grad(loss(x), x)
        assert torch.equal(ours, expected)
    with pytest.raises(AssertionError):
        compiled(torch.full((4, 5), float("nan"), requires_grad=True))


@pytest.mark.parametrize("name", ["equal", "allclose"])
def test_functions_that_give_a_bool(name):
    same = getattr(torch, name)

    def chain(x, y):
        return x * 2 + y if same(x, y) else x * 3 - y

    compiled, x = torch.compile(chain), torch.randn(4)
    for y in (x.clone(), x + 1, x.clone()):
        assert torch.equal(compiled(x, y), chain(x, y))


def test_reading_after_a_write_that_lasts_is_a_break():
    def chain(x):
        x.mul_(2)
        return x + 1 if x.sum() > 0 else x - 1

    compiled = torch.compile(chain)
    _, breaks = made_of(compiled, torch.ones(3))
    assert breaks == ["__bool__ is read after a write to what outlives the call"]
    x = torch.ones(3)
    assert torch.equal(compiled(x), torch.full((3,), 3.0)) and torch.equal(x, torch.full((3,), 2.0))


def test_writing_what_the_function_made_is_none():
    def chain(x):
        y = x * 2
        y.add_(1)
        return y.exp() if y.sum() > 0 else y

    compiled = torch.compile(chain)
    programs, breaks = made_of(compiled, torch.ones(3))
    assert len(programs) == 1 and not breaks
    for value in (1.0, -4.0):
        x = torch.full((3,), value)
        assert torch.equal(compiled(x), chain(x))


def test_a_generator_of_ones_own_is_not_called_twice():
    generator = torch.Generator()

    def chain(x):
        y = x + torch.rand(3, generator=generator)
        return y * 2 if y.sum() > 0 else y

    compiled = torch.compile(chain)
    _, breaks = made_of(compiled, torch.ones(3))
    assert breaks
    found = []
    for function in (compiled, chain):
        generator.manual_seed(5)
        found.append([function(torch.full((3,), v)) for v in (1.0, -5.0, 1.0)])
    assert all(map(torch.equal, *found))


def test_fullgraph_does_not_guess():
    with pytest.raises(Unsupported, match="__bool__"):
        torch.compile(branch, fullgraph=True)(torch.ones(3))


def test_modes_that_the_key_of_a_call_holds_may_be_read():
    def chain(x):
        with torch.no_grad():
            inside = torch.is_grad_enabled()
        return x * 2 if torch.is_grad_enabled() and not inside else x * 3

    compiled, x = torch.compile(chain), torch.ones(3)
    programs, breaks = made_of(compiled, x)
    assert len(programs) == 1 and not breaks
    with torch.no_grad():
        assert torch.equal(compiled(x), x * 3) and torch.equal(compiled(x), x * 3)
    assert torch.equal(compiled(x), x * 2)
