"""The allocator, and what Python's garbage collector finds: cycles through tensors and the graph."""

import gc
import os
import subprocess
import sys
import weakref

import pytest

import flambeau as torch


def test_counters_follow_tensors():
    before = torch.memory_stats()["allocated_bytes.current"]
    x = torch.empty(1 << 20)
    held = torch.memory_stats()["allocated_bytes.current"]
    assert held - before >= 4 << 20
    torch.reset_peak_memory_stats()
    y = torch.empty(1 << 20)
    del y
    stats = torch.memory_stats()
    assert stats["allocated_bytes.peak"] >= held + (4 << 20)
    del x
    assert torch.memory_stats()["allocated_bytes.current"] == before


@pytest.mark.skipif(
    "libasan" in os.environ.get("LD_PRELOAD", ""),
    reason="with AddressSanitizer each block goes back to the system at once",
)
def test_a_freed_block_is_used_again():
    hits = torch.memory_stats()["cache_hits"]
    x = torch.empty(100_000)
    address = x.data_ptr()
    del x
    assert torch.empty(100_000).data_ptr() == address
    assert torch.memory_stats()["cache_hits"] > hits


@pytest.mark.skipif(
    "libasan" in os.environ.get("LD_PRELOAD", ""),
    reason="with AddressSanitizer each block goes back to the system at once",
)
def test_a_loop_comes_to_ask_the_system_for_nothing():
    """Blocks cut in one step and too short in the next went back and were asked for again, for ever."""
    program = """if True:
        import random
        import flambeau as torch

        sizes = [random.Random(2 + k).randint(1 << 19, 3 << 20) for k in range(20)]
        random.Random(2).shuffle(sizes)

        def step(seed):
            order, held = random.Random(seed), []
            for n in sizes:
                held.append(torch.empty(n))
                if len(held) > 6:
                    held.pop(order.randrange(len(held)))

        def from_the_system():
            stats = torch.memory_stats()
            return stats["allocations"] - stats["cache_hits"]

        for seed in range(12):
            for _ in range(100):
                step(seed)
            before = from_the_system()
            for _ in range(20):
                step(seed)
            print(from_the_system() - before)
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.split() == ["0"] * 12, done.stderr


def test_tensors_are_aligned_to_cache_lines():
    for n in (1, 7, 1000, 1 << 20):
        assert torch.empty(n).data_ptr() % 64 == 0


def test_out_of_memory_lists_the_largest_live_tensors():
    big = torch.empty(5 << 20)
    with pytest.raises(
        torch.OutOfMemoryError,
        match="out of memory: a tensor of 281474976710656 bytes .* The largest of those: 20971520 bytes",
    ):
        torch.empty(1 << 46)
    with pytest.raises(RuntimeError, match="overflow"):
        torch.empty(1 << 40, 1 << 40)
    assert big.numel() == 5 << 20


# ------------------------------------------------------------------------------------------- cycles


def leaf():
    return torch.ones(3, requires_grad=True)


def attribute():
    x = torch.ones(3)
    x.me = x
    return x


def attribute_of_a_subclass():
    class Mine(torch.Tensor):
        pass

    x = torch.ones(3).as_subclass(Mine)
    x.me = x
    return x


def slot_of_a_subclass():
    class Mine(torch.Tensor):
        __slots__ = ("place",)

    x = torch.ones(3).as_subclass(Mine)
    x.place = x
    return x


def view_of_itself():
    x = torch.ones(3, 3)
    x.transposed = x.t()
    return x


def hook_on_a_leaf():
    x = leaf()
    x.register_hook(lambda g: g if x is None else None)
    return x


def hook_on_a_result():
    y = leaf() * 2
    y.register_hook(lambda g: g if y is None else None)
    return y


def hook_after_accumulation():
    x = leaf()
    x.register_post_accumulate_grad_hook(lambda p: x)
    (x * 2).sum().backward()
    return x


def hook_on_a_node():
    y = leaf() * 2
    y.grad_fn.register_hook(lambda ins, outs: y and None)
    y.grad_fn.register_prehook(lambda outs: y and None)
    return y


def result_on_its_leaf():
    x = leaf()
    x.squared = x * x
    return x


def results_in_a_list():
    x = leaf()
    x.kept = []
    x.kept.append((x * 2).sin().exp() @ x)
    return x


def product_of_matrices():
    x = torch.ones(3, 3, requires_grad=True)
    x.product = x @ x
    return x


def product_of_stacks():
    x = torch.ones(2, 1, 3, 3, requires_grad=True)
    x.product = x @ torch.ones(4, 3, 3)
    y = torch.ones(4, 3, 3)
    y.product = x @ y
    return y


def product_and_sum():
    y = torch.ones(3, 3)
    y.product = torch.addmm(leaf(), torch.ones(3, 3, requires_grad=True), y)
    return y


def write_through_a_view():
    x = torch.zeros(3, 3, requires_grad=True) * 1
    x[0].mul_(leaf())
    x.me = x
    return x


def gradient_with_an_owner():
    x = leaf()
    x.grad = torch.zeros(3)
    x.grad.owner = x
    return x


def gradient_with_a_graph():
    x = leaf()
    (x**3).sum().backward(create_graph=True)
    return x


def metadata_of_a_node():
    y = leaf() * 2
    y.grad_fn.metadata["result"] = y
    return y


class KeepsResult(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        ctx.result = x * 2
        return ctx.result

    @staticmethod
    def backward(ctx, grad):
        return grad * 2


def attribute_of_ctx():
    return KeepsResult.apply(leaf())


def packed_for_backward():
    box = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: (t, box), lambda p: p[0]):
        y = leaf().exp()
    box.append(y)
    return y


@pytest.mark.parametrize(
    "make",
    [
        attribute,
        attribute_of_a_subclass,
        slot_of_a_subclass,
        view_of_itself,
        hook_on_a_leaf,
        hook_on_a_result,
        hook_after_accumulation,
        hook_on_a_node,
        result_on_its_leaf,
        results_in_a_list,
        product_of_matrices,
        product_of_stacks,
        product_and_sum,
        write_through_a_view,
        gradient_with_an_owner,
        gradient_with_a_graph,
        metadata_of_a_node,
        attribute_of_ctx,
        packed_for_backward,
    ],
)
def test_a_cycle_is_collected(make):
    gc.collect()
    before = torch.memory_stats()["allocated_bytes.current"]
    dead = [weakref.ref(make()) for _ in range(3)]
    gc.collect()
    assert [ref() for ref in dead] == [None] * 3
    assert torch.memory_stats()["allocated_bytes.current"] == before


@pytest.mark.parametrize("numel", [1 << 20, 2])
def test_a_loop_of_gradients_with_a_graph_does_not_grow(numel):
    def step():
        x = torch.ones(numel, requires_grad=True)
        (x**3).sum().backward(create_graph=True)
        return weakref.ref(x)

    gc.collect()
    before = torch.memory_stats()["allocated_bytes.current"]
    dead = [step() for _ in range(100 if numel > 2 else 10_000)]
    assert (
        sum(ref() is not None for ref in dead) < len(dead) / 2
    )  # without a collection that is asked for
    assert torch.memory_stats()["allocated_bytes.current"] < 2 * before + (256 << 20)


def test_a_cycle_that_is_still_reached_stays():
    x = result_on_its_leaf()
    x.register_hook(lambda g: g if x is None else None)
    gc.collect()
    x.squared.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0, 2.0]


def test_a_finalizer_sees_a_whole_tensor():
    seen = []

    class Mine(torch.Tensor):
        def __del__(self):
            seen.append((self.tolist(), self.grad_fn is not None, self.me is self))

    x = (leaf() * 2).as_subclass(Mine)
    x.me = x
    del x
    gc.collect()
    assert seen == [([2.0, 2.0, 2.0], True, True)]


def test_a_class_of_tensors_is_collected():
    def make():
        class Mine(torch.Tensor):
            pass

        torch.ones(1).as_subclass(Mine) + 1
        return weakref.ref(Mine)

    dead = make()
    gc.collect()
    assert dead() is None


def test_a_long_chain_in_a_cycle_does_not_overflow_the_stack():
    x = y = torch.ones(1, requires_grad=True)
    for _ in range(100_000):
        y = y + 1
    x.end = y
    dead = weakref.ref(x)
    del x, y
    gc.collect()
    assert dead() is None


def test_plain_tensors_are_no_work_for_the_collector():
    x = torch.ones(3)
    assert not gc.is_tracked(x) and not gc.is_tracked(x + x)
    # csrc/tensor/collected.h counts on the size of the collector's header.
    assert sys.getsizeof(x) - x.__sizeof__() == 16


def test_ten_thousand_training_steps_keep_nothing():
    model = torch.nn.Sequential(
        torch.nn.Linear(4, 8), torch.nn.BatchNorm1d(8), torch.nn.ReLU(), torch.nn.Linear(8, 2)
    )
    optimizer = torch.optim.Adam(model.parameters())
    x, target = torch.randn(4, 4), torch.tensor([0, 1, 1, 0])
    calls = []
    model[0].weight.register_hook(lambda g: calls.append(None))

    def step():
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x), target)
        loss.backward()
        optimizer.step()
        return loss.item()

    def live():
        gc.collect()
        return len(gc.get_objects()), torch.memory_stats()["allocated_bytes.current"]

    for _ in range(10):
        step()
    calls.clear()
    gc.disable()  # nothing a step makes needs the collector
    try:
        objects, nbytes = live()
        for _ in range(10_000):
            step()
        assert torch.memory_stats()["allocated_bytes.current"] == nbytes
        assert live()[0] <= objects + 50
    finally:
        gc.enable()
    assert len(calls) == 10_000
