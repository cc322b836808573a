"""What programs name without using it: CUDA's memory, streams and graphs, the CPU's, compilers', versions."""

import pytest

import flambeau as torch
from flambeau.torch_version import TorchVersion


def test_memory_of_no_device_is_nothing():
    cuda = torch.cuda
    assert cuda.memory_reserved() == cuda.max_memory_reserved() == 0 and cuda.memory_stats() == {}
    assert (
        cuda.get_arch_list() == []
        and cuda.get_rng_state_all() == []
        and cuda.memory_snapshot() == []
    )
    cuda.reset_peak_memory_stats()
    cuda.seed_all()
    assert cuda.memory.memory_stats is cuda.memory_stats and "Stream" in dir(cuda)


@pytest.mark.parametrize("kind", [RuntimeError, AssertionError])
@pytest.mark.parametrize(
    "name",
    "Stream Event CUDAGraph mem_get_info current_stream get_device_properties MemPool".split(),
)
def test_what_needs_a_device_says_so(name, kind):
    with pytest.raises(kind, match=f"cuda.{name}: .*is_available"):
        getattr(torch.cuda, name)()


def test_contexts_change_nothing():
    with torch.cuda.stream(None), torch.cuda.device(0), torch.cuda.device_of(torch.ones(1)):
        assert torch.ones(2).sum() == 2
    with torch.cpu.stream(torch.cpu.current_stream()):
        torch.cpu.synchronize()
    start, end = torch.cpu.Event(enable_timing=True), torch.cpu.Event(enable_timing=True)
    with pytest.raises(RuntimeError, match="must be recorded"):
        start.elapsed_time(end)
    start.record()
    end.record()
    assert start.elapsed_time(end) >= 0 and torch.cpu.device_count() == 1


def test_versions_compare():
    assert (
        torch.__version__ >= "2.9"
        and torch.__version__ > (2, 5)
        and not torch.__version__ < "2.2.1"
    )
    assert TorchVersion("2.1.0a0+git") < "2.1" < TorchVersion("2.1.0.post1")
    assert TorchVersion("2.1.0+cpu") == "2.1" and TorchVersion("1.13.1") != "1.13"
    assert TorchVersion("2.0") <= "2.0.0" and {TorchVersion("2.0"): 1}["2.0"] == 1
    assert TorchVersion("2.0") != "parrot" and isinstance(torch.__version__, str)
    assert torch.version.flambeau.count(".") == 2


def test_compilers_leave_functions_as_they_are():
    def f(x):
        return x + 1

    assert torch.compiler.compile(f, disable=True) is f
    assert torch._dynamo.disable(f) is f
    assert torch._dynamo.optimize("inductor")(f)(torch.ones(1)).item() == 2
    with torch.compiler.set_stance("force_eager"):
        assert not torch._dynamo.is_compiling()
    with pytest.raises(RuntimeError, match="stance is 'x'"):
        torch.compiler.set_stance("x")
    assert torch.compiler.wrap_numpy(lambda a: a[::-1].copy())(torch.arange(3)).tolist() == [
        2,
        1,
        0,
    ]
    assert torch.jit.script_if_tracing(f) is f and torch.jit.isinstance([1], list[int])
    seen = []
    assert torch.jit.trace(lambda x: seen.append(x) or x, torch.ones(1)) and len(seen) == 1


def test_futures():
    from flambeau.futures import Future, collect_all, wait_all

    first, second = Future(), Future()
    both = collect_all([first, second]).then(lambda done: sum(f.value() for f in done.wait()))
    with pytest.raises(RuntimeError, match="not there yet"):
        first.value()
    first.set_result(1)
    second.set_result(2)
    assert both.wait() == 3 and wait_all([first, second]) == [1, 2] and collect_all([]).wait() == []
    failing = first.then(lambda done: 1 / 0)
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        failing.wait()


def test_ranges_of_a_profiler_decorate_without_a_device():
    @torch.cuda.nvtx.range("step {}", 1)
    def step():
        return 1

    if not torch.cuda.is_available():
        with pytest.raises(RuntimeError, match="no CUDA device"):
            step()
