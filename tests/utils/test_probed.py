"""Small modules that libraries import from: swap_tensors, weak, contexts, switches, names of compilers."""

import gc
import weakref

import pytest

import flambeau as torch
from flambeau.utils import swap_tensors
from flambeau.utils._contextlib import _DecoratorContextManager, context_decorator
from flambeau.utils._foreach_utils import _group_tensors_by_device_and_dtype
from flambeau.utils.module_tracker import ModuleTracker
from flambeau.utils.weak import TensorWeakRef, WeakIdKeyDictionary, WeakTensorKeyDictionary


def test_contents_are_exchanged():
    a, b = torch.zeros(1), torch.nn.Parameter(torch.ones(2, 3))
    b.note = "kept"
    swap_tensors(a, b)
    assert (
        type(a) is torch.nn.Parameter and a.requires_grad and a.note == "kept" and a.shape == (2, 3)
    )
    assert (
        type(b) is torch.Tensor
        and not b.requires_grad
        and b.tolist() == [0]
        and not hasattr(b, "note")
    )
    (a * 2).sum().backward()
    assert a.grad.shape == (2, 3)
    c, d = (
        torch.randn(1, 2, 1, 2, 1, 2).permute(5, 4, 3, 2, 1, 0),
        torch.zeros(1, dtype=torch.int64),
    )
    copied, strides = c.clone(), c.stride()
    swap_tensors(c, d)
    assert torch.equal(d, copied) and d.stride() == strides and c.dtype is torch.int64
    swap_tensors(d, d)
    assert torch.equal(d, copied)


def test_swapped_objects_live_and_die():
    for _ in range(200):
        a, b = torch.nn.Parameter(torch.ones(3)), torch.ones(2, 2, 2, 2, 2, 2)
        a.cycle, b.other = a, b
        swap_tensors(a, b)
    gone = weakref.ref(a)
    del a, b
    gc.collect()
    assert gone() is None


def test_what_must_not_be_swapped():
    x, w, z = torch.ones(2, requires_grad=True), torch.ones(2), torch.zeros(2)
    y = (x * w).sum()
    swap_tensors(w, z)
    with pytest.raises(RuntimeError, match="swap_tensors wrote to it"):
        y.backward()
    y = x * 2
    with pytest.raises(RuntimeError, match="is part of a graph"):
        swap_tensors(x, z)
    y.sum().backward()
    held = weakref.ref(z)
    with pytest.raises(RuntimeError, match="has weak references"):
        swap_tensors(z, w)
    del held

    class Slotted(torch.Tensor):
        __slots__ = ("extra",)

    with pytest.raises(RuntimeError, match="different slots"):
        swap_tensors(z.as_subclass(Slotted), w)


@pytest.mark.parametrize("switch, same", [("swap", True), ("overwrite", False)])
def test_conversions_of_modules(switch, same):
    change = getattr(torch.__future__, f"set_{switch}_module_params_on_conversion")
    net = torch.nn.Linear(2, 2)
    net(torch.ones(1, 2)).sum().backward()
    weight = net.weight
    change(True)
    try:
        net.double()
        assert getattr(torch.__future__, f"get_{switch}_module_params_on_conversion")()
    finally:
        change(False)
    assert (net.weight is weight) == same
    assert (
        type(net.weight) is torch.nn.Parameter
        and net.weight.dtype is net.weight.grad.dtype is torch.float64
    )


def test_keys_are_told_apart_by_identity_and_go_with_their_tensors():
    a, b = torch.ones(2), torch.ones(2)
    for kind in (WeakIdKeyDictionary, WeakTensorKeyDictionary):
        held = kind({a: 1})
        held[b] = 2
        assert held[a] == 1 and held[b] == 2 and 3 not in held and len(held.copy()) == 2
        del held[a]
        assert list(held.values()) == [2]
    reference = TensorWeakRef(b)
    del b
    gc.collect()
    assert len(held) == 0 and reference() is None


def test_contexts_are_decorators():
    seen = []

    class note(_DecoratorContextManager):
        def __enter__(self):
            seen.append("in")

        def __exit__(self, *exception):
            seen.append("out")

    @note()
    def f():
        seen.append("f")
        return 3

    @note()
    def g():
        yield 1
        yield 2

    assert f() == 3 and list(g()) == [1, 2] and seen[:3] == ["in", "f", "out"]
    assert context_decorator(note, lambda: 4)() == 4


def test_tensors_are_grouped():
    a, b, c = torch.ones(1), torch.ones(1, dtype=torch.float64), torch.zeros(1)
    groups = _group_tensors_by_device_and_dtype([[a, b, c], [None, b, None]], with_indices=True)
    assert groups[torch.device("cpu"), torch.float32] == ([[a, c], [None, None]], [0, 2])
    assert groups[torch.device("cpu"), torch.float64][1] == [1]


def test_modules_are_tracked_forwards_and_backwards():
    net, seen = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU()), []

    class Note(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.clone()

        @staticmethod
        def backward(ctx, grad):
            seen.append((sorted(tracker.parents), tracker.is_bw))
            return grad

    net[1].forward = lambda x: Note.apply(x)
    with ModuleTracker() as tracker:
        net(torch.ones(1, 2, requires_grad=True)).sum().backward()
    assert seen == [(["Global", "Sequential", "Sequential.1"], True)]


def test_names_of_compilers_and_transforms():
    assert torch._dynamo.config.optimize_ddp and not torch._inductor.config.max_autotune
    torch._inductor.cudagraph_mark_step_begin()
    functorch, found = torch._C._functorch, []

    def look(v):
        found.append(
            (
                functorch.is_batchedtensor(v),
                functorch.maybe_get_bdim(v),
                functorch.get_unwrapped(v).shape,
            )
        )
        return v

    torch.vmap(look)(torch.ones(3, 2))
    assert found == [(True, 0, (3, 2))] and not functorch.is_batchedtensor(torch.ones(1))
    chosen = torch._jit_internal.boolean_dispatch(
        "both", 1, False, lambda x, both=False: 2, lambda x, both=False: 1, None, "f"
    )
    assert (chosen(0), chosen(0, True), chosen(0, both=True), chosen.__name__) == (1, 2, 2, "f")
    from flambeau.nn import _reduction

    assert (
        _reduction.get_enum("sum") == 2
        and _reduction.legacy_get_enum(False, None, emit_warning=False) == 2
    )
    for name in ("load", "load_inline", "CppExtension"):
        with pytest.raises(
            NotImplementedError, match=f"utils.cpp_extension.{name}: flambeau has no C"
        ):
            getattr(torch.utils.cpp_extension, name)("x", [])
    with pytest.raises(TypeError, match="fill_uninitialized_memory"):
        torch.utils.deterministic.fill_uninitialized_memory = 1


def test_names_of_the_native_module():
    native = torch._C
    assert (
        native.Size is torch.Size
        and native.Generator is torch.Generator
        and native._TensorBase is torch.Tensor
    )
    assert native._VariableFunctions.relu is torch.relu and not native._is_tracing()
    assert (
        native._cuda_getDeviceCount() == 0
        and native._get_cpu_capability() == torch.backends.cpu.get_cpu_capability()
    )
    assert not native._has_torch_function((torch.ones(1), 3))
    with pytest.raises(
        NotImplementedError, match="_C._ExcludeDispatchKeyGuard: flambeau has one way"
    ):
        native._ExcludeDispatchKeyGuard(3)
    with pytest.raises(AttributeError, match="has no attribute 'wibble'"):
        native.wibble

    def f():
        pass

    assert native._add_docstr(f, "What it does.") is f and f.__doc__ == "What it does."
    with pytest.raises(RuntimeError, match="has its documentation already"):
        native._add_docstr(f, "Again.")
