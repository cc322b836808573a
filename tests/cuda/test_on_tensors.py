"""Tensors on a GPU: moving, views, writing, gradients, random numbers, memory, streams."""

import subprocess
import sys

import pytest

import flambeau as torch


def test_the_first_slice():
    x = torch.ones(5, device="cuda")
    assert x.device == torch.device("cuda", 0) and x.is_cuda and not x.is_cpu
    assert torch.allclose((x.sin() + x).cpu(), torch.ones(5).sin() + 1)


def test_the_host_cannot_reach_device_memory():
    x = torch.ones(5, device="cuda")
    with pytest.raises(TypeError, match="numpy: float32 \\(5,\\) is on cuda:0"):
        x.numpy()
    with pytest.raises(TypeError, match="cuda:0"):
        memoryview(x.cpu().numpy()), x.__array__()


def test_devices_mixed_in_a_call_are_refused_before_anything_runs():
    a, b = torch.ones(3), torch.ones(3, device="cuda")
    for error in (TypeError, RuntimeError):
        with pytest.raises(error, match="on cpu and float32 \\(3,\\) on cuda:0"):
            a + b
    with pytest.raises(RuntimeError, match="on cuda:0 and float32 \\(3,\\) on cuda:1"):
        b + b.to("cuda:1")
    assert (b + torch.tensor(2.0)).tolist() == [3.0] * 3  # 0-dim numbers go everywhere


def test_views_are_of_the_same_memory():
    x = torch.arange(12.0, device="cuda").reshape(3, 4)
    x[1].mul_(2)
    x.t()[0] = -1
    assert x.tolist() == [[-1, 1, 2, 3], [-1, 10, 12, 14], [-1, 9, 10, 11]]
    assert x[2, 3].item() == 11 and float(x[0, 1]) == 1.0 and bool(x[0, 1])


def test_copies_cast_and_place():
    x = torch.randn(6, 4)
    there = x.cuda()
    assert torch.equal(there.half().cpu(), x.half())
    assert torch.equal(there[::2, 1::2].to("cpu", torch.float64), x[::2, 1::2].double())
    y = torch.zeros(4, 6, device="cuda")
    y.t().copy_(x)
    assert torch.equal(y.cpu(), x.t())
    z = torch.empty(4, 3)
    z.copy_(there.t()[:, ::2])
    assert torch.equal(z, x.t()[:, ::2])
    other = there.to("cuda:1")
    assert other.device.index == 1 and torch.equal(other.cpu(), x)


def test_printing_and_dtypes():
    x = torch.tensor([1, 2], device="cuda")
    assert repr(x) == "tensor([1, 2], device='cuda:0')"
    assert x.float().dtype is torch.float32


def test_gradients_are_those_of_the_cpu():
    x = torch.randn(5, 3)
    a, b = x.clone().requires_grad_(), x.cuda().requires_grad_()
    for t in (a, b):
        (t.sin() * t).softmax(1).sum(0).pow(2).mean().backward()
    assert b.grad.is_cuda and torch.allclose(b.grad.cpu(), a.grad, atol=1e-6)


def test_random_numbers_are_those_of_the_cpu():
    def draw(device):
        torch.manual_seed(3)
        numbers = torch.rand(70, device=device), torch.randint(99, (5,), device=device)
        return *numbers, torch.nn.functional.dropout(torch.ones(40, device=device), 0.5)

    for here, there in zip(draw("cpu"), draw("cuda"), strict=True):
        assert torch.equal(here, there.cpu())
    state = torch.cuda.get_rng_state()
    first = torch.randn(4, device="cuda")
    torch.cuda.set_rng_state(state)
    assert torch.equal(torch.randn(4, device="cuda"), first)
    generator = torch.Generator("cuda").manual_seed(5)
    same = torch.Generator().manual_seed(5)
    there = torch.rand(3, device="cuda", generator=generator)
    assert torch.equal(there.cpu(), torch.rand(3, generator=same))


def test_memory_is_counted_kept_and_given_back():
    before = torch.cuda.memory_allocated()
    x = torch.empty(1 << 20, device="cuda")
    assert torch.cuda.memory_allocated() - before == 4 << 20
    assert torch.cuda.max_memory_allocated() >= before + (4 << 20)
    address = x.data_ptr()
    del x
    assert torch.cuda.memory_allocated() == before
    assert torch.empty(1 << 20, device="cuda").data_ptr() == address
    torch.cuda.empty_cache()
    assert torch.cuda.memory_stats()["allocation.all.allocated"] > 0


def test_memory_that_is_not_there_names_the_largest_tensors():
    x = torch.empty(3 << 20, device="cuda")
    with pytest.raises(
        torch.cuda.OutOfMemoryError, match=r"12582912 bytes made in .*test_on_tensors"
    ):
        torch.empty(1 << 40, device="cuda")
    assert x.shape == (3 << 20,)


def test_streams_are_ordered_by_events():
    x = torch.ones(1000, device="cuda")
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        assert torch.cuda.current_stream() == side
        y = x * 3
        done = side.record_event()
    assert not side.query()
    torch.cuda.current_stream().wait_event(done)
    y.record_stream(torch.cuda.current_stream())
    assert (y + 1).sum().item() == 4000 and side.query() and done.query()
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    end.record()
    torch.cuda.synchronize()
    assert start.elapsed_time(end) >= 0


def test_graphs_do_what_was_recorded():
    x = torch.zeros(4, device="cuda")
    x.add_(1)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        x.add_(1)
    assert x.tolist() == [1] * 4
    graph.replay()
    graph.replay()
    assert x.tolist() == [3] * 4


def test_a_module_moves_and_a_checkpoint_returns(tmp_path):
    model = torch.nn.LayerNorm(4).cuda()
    assert model.weight.is_cuda
    torch.save(model.state_dict(), tmp_path / "m.pt")
    there = torch.load(tmp_path / "m.pt")
    assert there["weight"].device == torch.device("cuda:0")
    here = torch.load(tmp_path / "m.pt", map_location="cpu")
    assert here["weight"].is_cpu
    other = torch.load(tmp_path / "m.pt", map_location={"cuda:0": "cuda:1"})
    assert other["weight"].device.index == 1


def test_pinned_memory_copies_without_waiting():
    x = torch.randn(100).pin_memory()
    assert x.is_pinned() and not torch.randn(3).is_pinned()
    y = x.to("cuda", non_blocking=True)
    torch.cuda.synchronize()
    assert torch.equal(y.cpu(), x)


def test_devices_are_chosen_and_told():
    assert torch.cuda.is_available() and torch.cuda.device_count() == 2
    assert torch.cuda.get_device_name(0) == "Simulated GPU"
    assert torch.cuda.get_device_properties(0).total_memory > 0
    with torch.cuda.device(1):
        assert torch.cuda.current_device() == 1 and torch.ones(1, device="cuda").device.index == 1
    assert torch.cuda.current_device() == 0
    with torch.device("cuda"):
        assert torch.zeros(2).is_cuda
    with pytest.raises(RuntimeError, match="there is no device cuda:7"):
        torch.ones(1, device="cuda:7")


def test_gradients_of_views_that_overlap_themselves():
    weight = torch.arange(12.0).reshape(4, 3)
    found = []
    for device in ("cpu", "cuda"):
        for size in (6, 8):
            x = torch.arange(float(size), device=device).requires_grad_()
            (x.as_strided((4, 3), (1, 1)) * weight.to(device)).sum().backward()
            x2 = torch.arange(float(size), device=device).requires_grad_()
            (x2[1:].as_strided((3, 3), (1, 1), 0) * weight[:3].to(device)).sum().backward()
            found.append((x.grad.tolist(), x2.grad.tolist()))
    assert found[:2] == found[2:]
    y = torch.zeros(6, device="cuda").as_strided((4, 3), (1, 1))
    for write in (lambda: y.copy_(weight.cuda()), lambda: y.add_(1)):
        with pytest.raises(RuntimeError, match="share memory"):
            write()


@pytest.mark.parametrize("num_workers", [0, 1])
def test_loaders_pin_their_batches(num_workers):
    data = [{"x": torch.ones(2), "name": "a", "of": (i, torch.zeros(1))} for i in range(4)]
    (batch,) = torch.utils.data.DataLoader(data, 4, pin_memory=True, num_workers=num_workers)
    assert batch["x"].is_pinned() and all(part.is_pinned() for part in batch["of"])
    assert batch["name"] == ["a"] * 4 and batch["of"][0].tolist() == [0, 1, 2, 3]
    (batch,) = torch.utils.data.DataLoader(data, 4, num_workers=num_workers)
    assert not batch["x"].is_pinned()


def test_mixed_precision_scales_gradients_and_says_what_is_not_lowered():
    scaler = torch.cuda.amp.GradScaler(init_scale=8.0)  # it was off, for want of a device
    weight = torch.ones(2, device="cuda", requires_grad=True)
    scaler.scale(weight.sum()).backward()
    assert scaler.is_enabled() and weight.grad.tolist() == [8.0, 8.0]


def test_arrays_of_other_libraries_see_the_same_memory():
    x = torch.arange(6.0, device="cuda:1").reshape(2, 3)
    facts = x.t().__cuda_array_interface__
    assert facts["shape"] == (3, 2) and facts["strides"] == (4, 12) and facts["typestr"] == "<f4"
    assert facts["data"] == (x.data_ptr(), False) and facts["version"] == 2
    assert x.__cuda_array_interface__["strides"] is None
    assert not hasattr(x.cpu(), "__cuda_array_interface__")
    with pytest.raises(RuntimeError, match="requires grad"):
        x.clone().requires_grad_().__cuda_array_interface__
    assert x.__dlpack_device__() == (2, 1) and x.cpu().__dlpack_device__() == (1, 0)
    for capsule in (x.t().__dlpack__(), x.t().__dlpack__(max_version=(1, 0), stream=1)):
        other = torch.from_dlpack(capsule)
        assert other.device == x.device and other.data_ptr() == x.data_ptr()
        other[0, 1] = 7
        assert x[1, 0].item() == 7 and other.stride() == (1, 3)
        x[1, 0] = 3
    del capsule, x
    assert other.tolist() == [[0, 3], [1, 4], [2, 5]]  # which holds the memory
    with pytest.raises(BufferError, match="dl_device"):
        other.__dlpack__(dl_device=(1, 0))


MADE = torch.zeros(3)
PINNED = {
    "rand": lambda **k: torch.rand(2, 3, **k),
    "randn": lambda **k: torch.randn(3, **k),
    "rand_like": lambda **k: torch.rand_like(MADE, **k),
    "randint": lambda **k: torch.randint(5, (3,), **k),
    "randint_like": lambda **k: torch.randint_like(MADE, 5, **k),
    "randperm": lambda **k: torch.randperm(5, **k),
    "normal": lambda **k: torch.normal(0.0, 1.0, (3,), **k),
    "arange": lambda **k: torch.arange(5, **k),
    "linspace": lambda **k: torch.linspace(0, 1, 5, **k),
    "logspace": lambda **k: torch.logspace(0, 1, 5, **k),
    "eye": lambda **k: torch.eye(3, **k),
    "full_like": lambda **k: torch.full_like(MADE, 2.0, **k),
    "scalar_tensor": lambda **k: torch.scalar_tensor(2.5, **k),
    "empty_permuted": lambda **k: torch.empty_permuted((2, 3), (1, 0), **k),
    "new_zeros": lambda **k: MADE.new_zeros(3, **k),
    "new_full": lambda **k: MADE.new_full((3,), 1.0, **k),
    "new_tensor": lambda **k: MADE.new_tensor([1.0], **k),
    "new_empty_strided": lambda **k: MADE.new_empty_strided((2,), (1,), **k),
}


@pytest.mark.parametrize("name", PINNED)
def test_whatever_makes_a_tensor_pins_it_where_told(name):
    made = PINNED[name](pin_memory=True)
    assert made.is_pinned() and not PINNED[name]().is_pinned()
    if made.is_floating_point():
        leaf = PINNED[name](pin_memory=True, requires_grad=True)
        assert leaf.is_leaf and leaf.requires_grad and leaf.is_pinned()


def test_memory_is_pinned_at_creation():
    made = [f(3, pin_memory=True) for f in (torch.empty, torch.zeros, torch.ones)]
    made += [torch.tensor([1, 2], pin_memory=True), torch.full((2,), 3.0, pin_memory=True)]
    made += [torch.zeros_like(made[0], pin_memory=True)]
    assert all(t.is_pinned() and t.untyped_storage().is_pinned() for t in made)
    assert made[2].tolist() == [1, 1, 1] and made[3].tolist() == [1, 2]
    leaf = torch.ones(2, pin_memory=True, requires_grad=True)
    assert leaf.is_leaf and leaf.requires_grad and leaf.is_pinned()
    with pytest.raises(RuntimeError, match="only the CPU's memory is pinned"):
        torch.ones(2, pin_memory=True, device="cuda")
    with pytest.raises(TypeError, match="not both"):
        torch.ones(2, pin_memory=True, out=torch.ones(2))


def test_storages_know_their_place():
    here, there = torch.ones(2), torch.ones(2, device="cuda:1")
    for kind in ("untyped_storage", "storage"):
        a, b = getattr(here, kind)(), getattr(there, kind)()
        assert b.is_cuda and not a.is_cuda and b.get_device() == 1 and a.get_device() == -1
        pinned = a.pin_memory()
        assert pinned.is_pinned() and not a.is_pinned() and pinned.pin_memory().is_pinned()
        assert pinned.tolist() == a.tolist() == b.cpu().tolist()


FORKED = """
import os, sys
import flambeau as torch

x = torch.ones(3, device="cuda")
event = torch.cuda.Event()
event.record()
if os.fork():
    _, status = os.wait()
    assert (x + 1).sum().item() == 6
    sys.exit(os.waitstatus_to_exitcode(status))
try:
    x + 1
except RuntimeError as error:
    assert "forked" in str(error), error
    del x, event
    torch.cuda.empty_cache()
    sys.exit(0)
sys.exit(1)
"""


def test_a_forked_process_is_told_that_it_has_no_gpu():
    # Python 3.12 warns of every fork beside threads.
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKED]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr, done.stderr
