"""What torch.compile gives is called as the function is, and costs nothing where a program spares nothing."""

import copy
import gc
import inspect
import pickle
import threading
import weakref

import pytest

import flambeau as torch
from flambeau import _core


@torch.compile
def scaled(x, by=2.0, *, shift=0.0):
    """x * by + shift."""
    return x * by + shift


def entries(compiled):
    return [e for found in compiled._compiled.programs.values() for e in found]


def test_it_looks_like_the_function():
    assert scaled.__name__ == "scaled" and scaled.__doc__ == "x * by + shift."
    assert str(inspect.signature(scaled)) == "(x, by=2.0, *, shift=0.0)"
    assert "scaled" in repr(scaled) and scaled.__module__ == __name__
    assert "x * by + shift" in inspect.getsource(scaled)
    assert pickle.loads(pickle.dumps(scaled)) is scaled
    assert copy.deepcopy(scaled) is scaled and copy.copy(scaled) is scaled
    scaled.note = 1
    assert scaled.note == 1


def test_arguments_go_by_position_and_by_name():
    x = torch.arange(3.0)
    for _ in range(3):
        assert scaled(x).tolist() == [0, 2, 4]
        assert scaled(x, 3.0).tolist() == [0, 3, 6]
        assert scaled(x=x, shift=1.0).tolist() == [1, 3, 5]
        assert scaled(x, shift=x).tolist() == [0, 3, 6]
        assert scaled(*[x], by=x).tolist() == [0, 1, 4]
    with pytest.raises(TypeError, match="argument"):
        scaled()
    with pytest.raises(TypeError, match="unexpected"):
        scaled(x, other=1)


def test_methods_and_static_methods():
    class Affine:
        def __init__(self):
            self.by = torch.tensor(3.0)

        @torch.compile
        def __call__(self, x):
            return x * self.by + 1

        @staticmethod
        @torch.compile
        def half(x):
            return (x * 0.5).relu()

    affine, x = Affine(), torch.ones(2)
    for _ in range(3):
        assert affine(x).tolist() == [4, 4]
        assert affine.half(x).tolist() == Affine.half(x).tolist() == [0.5, 0.5]
    affine.by = torch.tensor(5.0)
    assert affine(x).tolist() == [6, 6]


def test_it_goes_with_what_it_holds():
    def function(x):
        return x + 1

    compiled = torch.compile(function)
    compiled(torch.ones(2))
    gone, kept = weakref.ref(compiled), weakref.ref(function)
    del compiled, function
    gc.collect()
    assert gone() is None and kept() is None


def test_one_operator_is_the_functions_own_call():
    compiled = torch.compile(lambda x, y: x + y)
    x = torch.randn(5)
    for given in ((x, x), (x.int(), 2), (x.double(), x), (x, x.requires_grad_())):
        for _ in range(2):
            assert torch.equal(compiled(*given), given[0] + given[1])
    assert compiled._compiled.plain and len(entries(compiled)) == 1
    with pytest.raises(RuntimeError, match="sizes|broadcast|shape"):
        compiled(torch.ones(2), torch.ones(3))


class _Product(torch.nn.Module):
    """Its own lines call two operators, of which no kernel is made."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.eye(3))

    def forward(self, x):
        return torch.relu(x @ self.weight)


def test_a_product_and_one_operator_are_the_functions_own_calls():
    module = _Product()
    held = [module.weight]
    for function in (lambda x: (x @ held[0]).relu(), module):
        compiled = torch.compile(function)
        for _ in range(3):
            assert torch.equal(compiled(-torch.eye(3)), torch.zeros(3, 3))
        assert compiled._compiled.plain and not compiled._compiled.broken
    module.weight = torch.nn.Parameter(-torch.eye(3))
    assert torch.equal(compiled(-torch.eye(3)), torch.eye(3))
    module.forward = lambda x: x + 1
    assert torch.equal(torch.compile(module)(torch.eye(3)), torch.eye(3) + 1)
    handle = module.register_forward_hook(lambda module, given, result: result * 2)
    assert torch.equal(torch.compile(module)(torch.eye(3)), torch.eye(3) * 2 + 2)
    handle.remove()


def test_lines_of_its_own_are_run_without_guards():
    factor = [torch.ones(4, 4)]
    compiled = torch.compile(lambda x: (x @ factor[0]).T + 1)
    x = torch.randn(4, 4)
    for _ in range(3):
        assert torch.equal(compiled(x), (x @ factor[0]).T + 1)
    (entry,) = entries(compiled)
    assert entry[6] is None and entry[4] is None and not compiled._compiled.plain
    factor[0] = torch.zeros(4, 4)
    assert torch.equal(compiled(x), torch.ones(4, 4))


def test_functions_of_python_are_spared():
    def helper(x):
        return x.mT

    for function in (lambda x: helper(x), lambda x: x.mT if torch.compiler.is_compiling() else x):
        compiled = torch.compile(function)
        assert compiled(torch.ones(3, 4)).shape == compiled(torch.ones(3, 4)).shape == (4, 3)
        assert all(e[6] is not None for e in entries(compiled))


def test_turnings_keep_their_guards():
    long = [False]

    def function(x):
        if long[0]:
            return (x * 2 + 1).sigmoid()
        return x + 1

    compiled, x = torch.compile(function), torch.randn(100)
    for flag in (False, True, False):
        long[0] = flag
        for _ in range(2):
            assert torch.equal(compiled(x), function(x))
    assert sorted(e[-1].kernels for e in entries(compiled)) == [0, 1]


def test_a_stance_holds_calls_back():
    compiled, x = torch.compile(lambda x: x + 1), torch.ones(2)
    compiled(x), compiled(x)
    with torch.compiler.set_stance("fail_on_recompile"):
        assert compiled(x).tolist() == [2, 2]
        with pytest.raises(RuntimeError, match="fail_on_recompile"):
            compiled(x.double())
    assert compiled(x.double()).tolist() == [2, 2]
    torch.compiler.reset()
    assert compiled(x).tolist() == [2, 2]


def test_forgotten_programs_are_made_again():
    compiled, x = torch.compile(lambda x: (x * 2 + 1).relu()), torch.ones(20)
    for _ in range(3):
        compiled(x), compiled(x)
        assert len(entries(compiled)) == 1
        torch.compiler.reset()
        assert not entries(compiled)


def test_many_threads_call_it():
    compiled = torch.compile(lambda x, k: (x * k + 1).sigmoid())
    wrong = []

    def go_on(seed):
        x = torch.full((50 + seed,), float(seed))
        for k in range(100):
            factor = float(k % 5)
            if not torch.equal(compiled(x, factor), (x * factor + 1).sigmoid()):
                wrong.append((seed, k))

    threads = [threading.Thread(target=go_on, args=(seed,)) for seed in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_compiled_functions_inside_others():
    inner = torch.compile(lambda x: (x * 2 + 1).relu())
    outer = torch.compile(lambda x: (inner(x) * 3 - 1).abs())
    module = torch.compile(torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.ReLU()))
    both = torch.compile(lambda x: module(inner(x)) + 1)
    x = torch.randn(2, 3)
    for _ in range(3):
        assert torch.equal(outer(x), ((x * 2 + 1).relu() * 3 - 1).abs())
        assert torch.equal(both(x), module._orig_mod((x * 2 + 1).relu()) + 1)
    assert not outer._compiled.broken and not both._compiled.broken


def test_hooks_of_a_compiled_module():
    module = torch.compile(torch.nn.Linear(3, 2))
    x, seen = torch.ones(1, 3), []
    module(x), module(x)
    handle = module.register_forward_hook(lambda *args: seen.append(1))
    module(x)
    assert seen == [1]
    handle.remove()
    expected = module._orig_mod(x)
    assert torch.equal(module(x), expected) and seen == [1]
    assert torch.equal(copy.deepcopy(module)(x), expected)


def test_errors_of_a_program_are_the_functions():
    def function(x, y):
        return (x * 2 + 1) @ y

    compiled = torch.compile(function)
    compiled(torch.ones(2, 3), torch.ones(3, 2)), compiled(torch.ones(2, 3), torch.ones(3, 2))
    with pytest.raises(RuntimeError) as ours:
        compiled(torch.ones(2, 3), torch.ones(4, 2))
    with pytest.raises(RuntimeError) as theirs:
        function(torch.ones(2, 3), torch.ones(4, 2))
    assert str(ours.value) == str(theirs.value)


def test_more_tensors_than_a_key_has_room_for():
    compiled = torch.compile(lambda *given: (given[0] * 2 + given[-1]).relu())
    given = [torch.full((3,), float(k)) for k in range(70)]
    for _ in range(3):
        assert compiled(*given).tolist() == [69, 69, 69]
    assert _core._call_key(tuple(given), {}) is None


def test_hooks_of_all_modules_that_are_gone():
    seen = []
    handle = torch.nn.modules.module.register_module_forward_hook(lambda *given: seen.append(given))
    module = torch.compile(torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.ReLU()))
    both, plain = torch.compile(lambda x: module(x * 2) + 1), torch.compile(lambda x, y: x + y)
    x = torch.randn(2, 3)
    module(x)
    assert len(seen) == 3
    handle.remove()
    for given in ((x, x), (x.int(), 2), (x.double(), x)):
        for _ in range(2):
            assert torch.equal(both(x), module._orig_mod(x * 2) + 1)
            assert torch.equal(plain(*given), given[0] + given[1])
    assert not both._compiled.broken and len(entries(plain)) == 1 and len(seen) == 3
